"""Prove what people find who open the file themselves, and that every lookup has its index."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.orders.decide import Decision
from cambist.orders.events import (
    Accepted,
    Amended,
    Landed,
    OrderEvent,
    Routed,
    Sent,
    Signed,
    Started,
)
from cambist.orders.intent import Intent
from cambist.orders.journal import append, start_journal
from cambist.orders.order import Order, Status
from cambist.orders.terms import SLIPPAGE_DEFAULT_BPS, TRIES_DEFAULT
from cambist.ports.store import NewOrder
from cambist.stores.commands import ApplyDecision, CommittedEvents, InsertOrder
from cambist.stores.sqlite.connection import _statement
from cambist.stores.sqlite.writer import SQL, SqliteBatchWriter
from cambist.values.amount import RAW_MAX, RawAmount, write_amount
from cambist.values.ids import order_id
from cambist.values.route import Route
from cambist.values.time_units import Timestamp
from cambist.values.token import SOL, Pair, Token
from tests import order_factory
from tests.strategies import decimals, some_raws

SEEDS_ORDERS = {
    "004": "id user_id type token_in token_out amount_in amount_out min_amount_out chosen_dex "
    "route_meta retries max_retries status",
    "003": "order_id status metadata error_message created_at updated_at",
    "001": "id token_in token_out amount status tx_hash error created_at updated_at",
    "000": "order_id order_type raydium_price meteora_price executed_price tx_hash slippage "
    "error_message retry_count confirmed_at",
}
SEEDS_EVENTS = "id order_id event meta created_at"


class Book:
    """A store in memory, written without a loop."""

    def __init__(self) -> None:
        self.writer = SqliteBatchWriter(Path(":memory:"))
        assert self.writer._connection is not None
        self.db = self.writer._connection
        self.db.row_factory = None

    def __del__(self) -> None:
        self.writer.close()

    def write(self, intent: Intent, *facts: OrderEvent, number: int = 0) -> Order:
        """Write an order and what became of it."""
        events = start_journal(
            order_id(order_factory.START, number),
            Accepted(intent),
            Timestamp(order_factory.START),
        )
        (written,) = self.writer.apply([InsertOrder(NewOrder(events))])
        assert isinstance(written, CommittedEvents)
        assert written.events == (events,)
        order = events.order
        for event in facts:
            lines = append(order, (event,), order_factory.START)
            after = replace(lines[-1].order, version=order.version + 1)
            signed = isinstance(event, Signed)
            decision = Decision(
                (event,), None, order_factory.attempt(1, order.id) if signed else None
            )
            (result,) = self.writer.apply([ApplyDecision(order, after, lines, decision)])
            assert isinstance(result, CommittedEvents)
            assert result.events == lines
            order = after
        return order

    def row(self, order: Order) -> dict[str, object]:
        """Read an order as a person would."""
        found = self.db.execute("SELECT * FROM orders WHERE id = ?", (order.id,))
        names = [column[0] for column in found.description]
        return dict(zip(names, found.fetchone(), strict=True))


def taken(route: Route, order: str) -> tuple[OrderEvent, ...]:
    """Go by a route and land."""
    tried = order_factory.attempt(1, order)
    moved = replace(
        order_factory.fill(tried), amount_in=route.amount_in, amount_out=route.amount_out
    )
    return (
        Started(), Routed(route), order_factory.signed(tried), Sent(),
        Landed(moved),
    )  # fmt: skip


ID = order_id(order_factory.START, 0)


def columns(view: str) -> set[str]:
    """List the columns of a view."""
    book = Book()
    return {row[1] for row in book.db.execute(f"PRAGMA table_info({view})")}


@pytest.mark.parametrize("names", SEEDS_ORDERS.values(), ids=SEEDS_ORDERS)
def test_the_view_of_orders_has_the_words_of_every_client(names: str) -> None:
    assert set(names.split()) <= columns("orders")


def test_the_view_of_events_has_the_words_of_every_client() -> None:
    assert set(SEEDS_EVENTS.split()) <= columns("order_events")


@settings(max_examples=150)
@given(
    st.tuples(some_raws, some_raws, some_raws),
    st.tuples(decimals, decimals),
    st.sampled_from(["pair", "buy"]),
)
@example((RAW_MAX, RawAmount(1), RAW_MAX), (18, 0), "pair")
@example((RawAmount(1), RAW_MAX, RawAmount(1)), (0, 18), "buy")
@example((RawAmount(1), RawAmount(10), RawAmount(100)), (0, 0), "pair")
def test_whole_tokens_are_exact(
    amounts: tuple[RawAmount, RawAmount, RawAmount], places: tuple[int, int], quoted: str
) -> None:
    given_, got, bound = amounts
    decimals_in, decimals_out = places
    book = Book()
    pair = Pair(Token("ONE", SOL.mint, decimals_in), Token("TWO", order_factory.POOL, decimals_out))
    wish = order_factory.intent(pair=pair, amount=given_, quoted=quoted)
    route = replace(order_factory.route(given_, got), bound=bound)
    row = book.row(book.write(wish, *taken(route, ID)))
    assert row["amount"] == row["amount_in"] == write_amount(given_, decimals_in)
    assert row["amount_out"] == write_amount(got, decimals_out)
    assert row["min_amount_out"] == write_amount(bound, decimals_out)
    price = Fraction(got, 10**decimals_out) / Fraction(given_, 10**decimals_in)
    told = [row["executed_price"], row["raydium_price"], json.loads(str(row["metadata"]))["price"]]
    assert told == pytest.approx([float(1 / price if quoted == "buy" else price)] * 3)
    book.writer.close()


def test_an_order_that_takes_an_exact_amount_is_sized_in_what_it_takes() -> None:
    book = Book()
    wish = order_factory.intent(mode="exact_out", amount=RawAmount(1_500_000))
    row = book.row(book.write(wish))
    assert (row["amount"], row["amount_out"], row["min_amount_out"]) == ("1.5", "1.5", "1.5")
    assert row["amount_in"] is None


def test_a_fee_of_nothing_is_nothing() -> None:
    book = Book()
    route = replace(order_factory.route(), bound=RawAmount(0))
    row = book.row(book.write(order_factory.intent(), Started(), Routed(route)))
    assert row["min_amount_out"] == "0"


def test_what_an_order_did_not_say_reads_as_its_default() -> None:
    book = Book()
    row = book.row(book.write(order_factory.intent()))
    assert row["max_retries"] == TRIES_DEFAULT
    assert row["slippage"] == SLIPPAGE_DEFAULT_BPS / 100
    for name in ("tx_hash", "error", "executed_price", "raydium_price", "confirmed_at"):
        assert row[name] is None


def test_what_an_order_amended_is_what_counts() -> None:
    book = Book()
    first, second = (
        order_factory.Terms(order_factory.Bps(100), 5),
        order_factory.Terms(order_factory.Bps(25), 7),
    )
    row = book.row(book.write(order_factory.intent(terms=first)))
    assert (row["slippage"], row["max_retries"]) == (1.0, 5)
    book = Book()
    row = book.row(book.write(order_factory.intent(terms=first), Amended(second)))
    assert (row["slippage"], row["max_retries"]) == (0.25, 7)


def test_an_order_reads_as_it_went() -> None:
    book = Book()
    row = book.row(
        book.write(order_factory.intent(user_id="ann"), *taken(order_factory.route(), ID))
    )
    at = "2023-11-14T22:13:20.000Z"
    wanted = {
        "user_id": "ann", "type": "market", "token_in": "SOL", "token_out": "USDC",
        "chosen_dex": "raydium", "status": "confirmed", "retries": 0, "retry_count": 0,
        "tx_hash": order_factory.attempt(1, ID).signature, "error": None, "meteora_price": None,
        "created_at": at, "updated_at": at, "confirmed_at": at,
    }  # fmt: skip
    assert row | wanted == row
    assert json.loads(str(row["metadata"]))["txHash"] == row["tx_hash"]
    events = book.db.execute("SELECT event, created_at FROM order_events ORDER BY seq").fetchall()
    kinds = ["accepted", "started", "routed", "signed", "sent", "landed"]
    assert events == [(kind, at) for kind in kinds]


def test_a_failure_reads_in_both_spellings() -> None:
    book = Book()
    row = book.row(book.write(order_factory.intent(), *order_factory.path(Status.FAILED)))
    assert row["error"] == row["error_message"] == order_factory.LASTING.message


@given(st.integers(0, 4_102_444_800_000))
def test_an_instant_reads_to_the_millisecond(at: int) -> None:
    query = "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ? / 1000.0, 'unixepoch')"
    with closing(sqlite3.connect(":memory:")) as db:
        (text,) = db.execute(query, (at,)).fetchone()
    assert text[-4:-1] == f"{at % 1_000:03d}"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("orders_due", "engine_orders_due"),
        ("resting_due", "engine_orders_resting_due"),
        ("orders_ahead", "engine_orders_due"),
        ("resting_orders", "engine_orders_resting"),
        ("keyed", "engine_orders_key"),
        ("entries", "journal_order"),
        ("order_by_id", "engine_orders_id"),
        ("void_leases", "engine_orders_due"),
        ("delayed", "engine_orders_due"),
        ("page_ids", "COVERING INDEX engine_orders_page"),
        ("feed", "principal=? AND n>?"),
        ("day_sums", "principal=? AND day>?"),
        ("day_sum", "principal=? AND day=? AND pair=?"),
    ],
)
def test_a_lookup_uses_its_index_and_scans_nothing(query: str, index: str) -> None:
    sql = SQL[query]
    book = Book()
    plan = book.db.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()
    steps = [row[3] for row in plan]
    assert any(index in step for step in steps), steps
    assert not any(step.startswith("SCAN") or "TEMP B-TREE" in step for step in steps), steps


@pytest.mark.parametrize(
    ("query", "columns", "index"),
    [("move_orders", 14, "engine_orders_id"), ("close_attempts", 4, "attempts_order")],
)
def test_a_crowd_of_moves_looks_each_order_up(query: str, columns: int, index: str) -> None:
    sql = _statement(query, 2, columns)
    book = Book()
    plan = book.db.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()
    steps = [row[3] for row in plan]
    assert any(step.startswith("SEARCH") and index in step for step in steps), steps
