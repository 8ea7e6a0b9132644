"""Offers a token book and one order's whole life, made by hand."""

from collections.abc import Mapping

from cambist.faults import Code, Fault, fault
from cambist.orders import events
from cambist.orders.attempt import Fill
from cambist.orders.intent import Intent
from cambist.orders.journal import RecordedEvent, append, start_journal
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import Address, Signature, order_id
from cambist.values.route import Leg, Quote, QuoteFailure, Route
from cambist.values.time_units import Height, Slot, Timestamp
from cambist.values.token import KNOWN, Token
from cambist.wire.intent_builder import RequestLimits, SubmissionContext, to_intent
from cambist.wire.order_request import read_order

BOOK: Mapping[str, Token] = {t.symbol: t for t in KNOWN} | {t.mint: t for t in KNOWN}
AT = Timestamp(1_700_000_000_123)
ORDER_ID = order_id(AT, 5)
SIGNATURE = Signature("5igna7ure")
LIMITS = RequestLimits()
ANYONE = SubmissionContext()
BODY = b'{"tokenIn":"SOL","tokenOut":"USDC","amountIn":"1.5","slippageBps":50}'


def intent_of(
    body: bytes, limits: RequestLimits = LIMITS, caller: SubmissionContext = ANYONE
) -> Intent:
    return to_intent(read_order(body), BOOK.get, limits, caller)


def quote(venue: str, amount_in: int, amount_out: int) -> Quote:
    return Quote(
        venue, Address(f"pool-{venue}"), RawAmount(amount_in), RawAmount(amount_out),
        RawAmount(4_500_000),
        Bps(30), 8_000, Slot(1),
    )  # fmt: skip


def route(intent: Intent) -> Route:
    leg = Leg("raydium", Address("pool-raydium"), Address("in"), Address("out"))
    sizes = (1_500_000_000, 225_000_000)
    if intent.mode == "exact_out":
        sizes = (225_000_000, 1_500_000_000)
    return Route(
        intent.mode, (leg,), RawAmount(sizes[0]), RawAmount(sizes[1]), RawAmount(223_875_000),
        "Raydium pays more.",
        (quote("raydium", *sizes), quote("meteora", *sizes)),
        (QuoteFailure("orca", "quote_timed_out", "It did not answer."),),
    )  # fmt: skip


def signed() -> events.Signed:
    return events.Signed(1, SIGNATURE, "hash", Height(10), Slot(1), "00")


def life(body: bytes = BODY) -> tuple[RecordedEvent, ...]:
    """Return the journal of an order that lands at the second try."""
    intent = intent_of(body)
    told = start_journal(ORDER_ID, events.Accepted(intent), AT)
    moved = (1_500_000_000, 224_900_000)
    if intent.mode == "exact_out":
        moved = (224_900_000, 1_500_000_000)
    fill = Fill(SIGNATURE, RawAmount(moved[0]), RawAmount(moved[1]), RawAmount(5_000), Slot(9))
    busy: Fault = fault(Code.NETWORK_CONGESTED)
    facts = (
        events.Started(),
        events.RetryScheduled(busy, 2, Timestamp(AT + 1_000)),
        events.Routed(route(intent)),
        signed(),
        events.Sent(),
        events.Landed(fill),
        events.Finalized(Slot(20)),
    )
    return (told, *append(told.order, facts, AT))


def failure() -> tuple[RecordedEvent, ...]:
    """Return the journal of an order that fails."""
    told = start_journal(ORDER_ID, events.Accepted(intent_of(BODY)), AT)
    why = fault(Code.NO_ROUTE)
    facts = (events.Started(), events.Failed(why, (events.FailedTry(1, why),)))
    return (told, *append(told.order, facts, AT))
