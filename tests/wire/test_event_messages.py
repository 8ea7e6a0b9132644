"""Hold messages, views and problem documents to what clients read in them."""

import json
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from cambist.faults import Code, fault
from cambist.orders.journal import replay
from cambist.orders.lifecycle import STATUS_NEUTRAL_EVENTS
from cambist.orders.order import Status
from cambist.values import json_codec
from cambist.values.amount import RawAmount
from cambist.values.route import Quote
from cambist.wire.event_messages import MOVES, is_status_change, message
from cambist.wire.order_responses import Page, acceptance_renderer, summary, write_list, write_order
from cambist.wire.problems import write_problem
from cambist.wire.public_order_state import view_quote
from tests.wire.orders import BODY, ORDER_ID, SIGNATURE, failure, intent_of, life, route

BUY = b'{"symbol":"SOL","side":"buy","quantity":"1.5"}'


def test_history_and_news_are_the_same_bytes() -> None:
    live = life()
    retold = replay([one.entry for one in live])
    assert [message(one) for one in live] == [message(one) for one in retold]


def test_every_message_carries_the_promised_fields() -> None:
    told = [json.loads(message(one)) for one in life()]
    for one in told:
        assert one["orderId"] == ORDER_ID
        assert one["timestamp"] == "2023-11-14T22:13:20.123Z"
    assert [one["seq"] for one in told] == list(range(1, len(told) + 1))
    assert [one["event"] for one in told] == [
        "pending", "routing", "routing", "building", "submitted", "sent", "confirmed", "finalized",
    ]  # fmt: skip
    assert [one["status"] for one in told][-3:] == ["submitted", "confirmed", "confirmed"]


def test_a_retry_is_told_as_routing_with_what_went_wrong() -> None:
    again = json.loads(message(life()[2]))
    assert (again["status"], again["attempt"]) == ("routing", 2)
    assert again["lastError"]
    assert "error" not in again
    assert again["nextAttemptAt"] == "2023-11-14T22:13:21.123Z"


@pytest.mark.parametrize("nested", [False, True])
def test_the_error_of_a_try_stands_on_the_line_of_that_try_alone(nested: bool) -> None:
    told = life()
    said = json.loads(message(told[2], nested=nested))["lastError"]
    for number, one in enumerate(told):
        text = message(one, nested=nested).decode()
        assert ("lastError" in text) is ("lastCode" in text) is (number == 2)
        assert (said in text) is (number == 2)
        # What is kept of a line is what happened then, and nothing of the lines before.
        assert (said.encode() in one.entry.payload) is (number == 2)
    failed = json.loads(message(failure()[-1], nested=nested))
    assert failed["lastError"] == failed["error"]


def test_the_end_carries_every_alias() -> None:
    end = json.loads(message(life()[-2]), parse_float=Decimal)
    assert end["selectedDex"] == end["dex"] == end["chosen"] == "raydium"
    assert end["txHash"] == end["txSignature"] == SIGNATURE
    assert end["executedPrice"] == end["price"] == Decimal("149.933333333")
    assert (end["amountIn"], end["amountOut"]) == ("1.5", "224.9")
    assert end["slippage"] == Decimal("0.0445")
    assert end["quote"]["fee"] == "0.0045"
    assert end["quote"]["feeBps"] == 30
    assert end["quote"]["priceImpact"] == Decimal("0.8")
    assert end["quote"]["route"] == ["SOL", "USDC"]
    assert end["rQuote"] == {"price": 150, "fee": Decimal("0.003")}
    assert end["raydiumPrice"] == end["meteoraPrice"] == 150
    assert [one["dex"] for one in end["quotes"]] == ["raydium", "meteora"]
    assert end["absent"][0]["dex"] == "orca"


def test_a_buyer_reads_prices_per_symbol() -> None:
    end = json.loads(message(life(BUY)[-2]), parse_float=Decimal)
    assert end["executedPrice"] == Decimal("149.933333333")
    assert end["slippage"] == Decimal("-0.0444")  # paid less than quoted


def test_failed_is_told_once_with_its_error() -> None:
    end = json.loads(message(failure()[-1]))
    assert (end["status"], end["event"], end["code"]) == ("failed", "failed", "no_route")
    assert end["error"] == end["reason"]
    assert end["attempts"] == 1


def test_a_fact_either_moves_the_status_or_is_a_note() -> None:
    notes = {noted.kind for notes in STATUS_NEUTRAL_EVENTS.values() for noted in notes}
    assert not MOVES & notes
    assert [is_status_change(one) for one in life()][-3:] == [False, True, False]


def test_an_order_is_viewed_in_the_words_of_every_client() -> None:
    seen = json.loads(write_order(life()[-1].order), parse_float=Decimal)
    assert seen["id"] == seen["orderId"]
    assert (seen["type"], seen["orderType"]) == ("market", "market")
    assert (seen["slippage"], seen["realisedSlippage"]) == (Decimal("0.5"), Decimal("0.0445"))
    assert (seen["tokenIn"], seen["tokenOut"], seen["retryCount"]) == ("SOL", "USDC", 1)
    assert seen["isFinal"] is True


def test_a_list_counts_everything_and_pages() -> None:
    order = life()[-1].order
    counts = {Status.CONFIRMED: 3, Status.EXPIRED: 1, Status.FAILED: 1, Status.SUBMITTED: 2}
    page = json.loads(write_list(Page((order,), 1, last=order.id), counts, 4))
    assert (page["count"], page["total"], page["nextCursor"]) == (1, 7, order.id)
    assert (page["completed"], page["failed"], page["active"], page["delayed"]) == (3, 2, 2, 4)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (BODY, "Sell 1.5 SOL for USDC at the best of Raydium and Meteora, at most 0.5 % "
               "below the quote"),
        (BUY, "Buy 1.5 SOL with USDC at the best of Raydium and Meteora, at most 0.5 % "
              "above the quote"),
    ],
)  # fmt: skip
def test_the_receipt_says_in_one_sentence_what_will_be_done(body: bytes, sentence: str) -> None:
    assert summary(intent_of(body), ("raydium", "meteora")) == sentence


@pytest.mark.parametrize(
    ("body", "moved", "begins"),
    [
        (BODY, 0, "Sell 1.5 SOL for USDC at"),
        (BODY, -700_000, "Sell at most 1.5 SOL (1.4993 SOL by this quote) for USDC at"),
        (BUY, 0, "Buy 1.5 SOL with USDC at"),
        (BUY, 700_000, "Buy at least 1.5 SOL (1.5007 SOL by this quote) with USDC at"),
    ],
)
def test_a_quote_says_where_its_route_does_not_move_the_very_amount(
    body: bytes, moved: int, begins: str
) -> None:
    intent = intent_of(body)
    known = route(intent)
    known = (
        replace(known, amount_in=RawAmount(known.amount_in + moved))
        if intent.mode == "exact_in"
        else replace(known, amount_out=RawAmount(known.amount_out + moved))
    )
    assert summary(intent, ("raydium", "meteora"), known).startswith(begins)


def test_the_receipt_names_the_order_and_its_streams() -> None:
    receipt = json.loads(acceptance_renderer(("raydium",), ("mind",))(life()[0].order))
    assert receipt["success"] is True
    assert (receipt["orderId"], receipt["status"]) == (ORDER_ID, "pending")
    assert receipt["websocket"] == f"/api/orders/execute?orderId={ORDER_ID}"
    assert receipt["warnings"] == ["mind"]


def test_a_problem_leads_with_what_is_malformed() -> None:
    faults = (fault(Code.SAME_TOKEN, "", "tokenOut"), fault(Code.NOT_POSITIVE, "", "amount"))
    problem = json.loads(write_problem(faults))
    assert (problem["status"], problem["code"], problem["field"]) == (400, "not_positive", "amount")
    assert problem["type"] == "/docs/faults#not_positive"
    assert problem["success"] is False
    assert problem["error"] == problem["detail"]
    assert [one["field"] for one in problem["errors"]] == ["amount", "tokenOut"]


def test_a_pool_of_which_only_the_amounts_were_asked_shows_no_fee_and_no_impact() -> None:
    intent = intent_of(BODY)
    best, other = route(intent).quotes
    amounts_alone = replace(other, fee=None, fee_bps=None, impact_hundredths=None, program="dlmm")
    whole, amounts = (view_quote(intent, quote) for quote in (best, amounts_alone))
    shown = json.loads(msgspec.json.encode(amounts))
    assert {"dex", "pool", "program", "amountIn", "amountOut", "price"} <= shown.keys()
    absent = {"fee", "feeBps", "priceImpact"}
    assert not absent & shown.keys()
    assert absent <= json.loads(msgspec.json.encode(whole)).keys()


def test_dust_has_no_impact_and_says_so() -> None:
    dust = replace(route(intent_of(BODY)).quotes[0], impact_hundredths=None)
    assert json.loads(msgspec.json.encode(view_quote(intent_of(BODY), dust)))["priceImpact"] is None


def test_quotes_that_were_stored_with_all_figures_are_shown_as_they_were() -> None:
    stored = {
        "venue": "raydium", "pool": "P", "amount_in": "1500000000", "amount_out": "225000000",
        "fee": "4500000", "fee_bps": 30, "impact_hundredths": None, "slot": 1, "program": "",
        "warnings": [],
    }  # fmt: skip
    quote = json_codec.decoder(Quote).decode(msgspec.json.encode(stored))
    shown = msgspec.json.decode(msgspec.json.encode(view_quote(intent_of(BODY), quote)))
    assert (shown["fee"], shown["feeBps"], shown["priceImpact"]) == ("0.0045", 30, None)
