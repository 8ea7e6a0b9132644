"""Writes an order's receipt: what was asked, decided, signed and paid, with the proof of each."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from cambist.orders import events
from cambist.orders.intent import Intent
from cambist.orders.journal import RecordedEvent
from cambist.orders.order import Order, Status
from cambist.values.amount import write_amount
from cambist.values.route import Quote, Route
from cambist.wire.considered_pools import PoolChoice, pool_choices
from cambist.wire.public_order_state import (
    Amount,
    LegView,
    Number,
    QuoteFailureView,
    QuoteView,
    realised_slippage,
    view_absent,
    view_legs,
    view_quote,
    write_price,
)
from cambist.wire.rfc3339 import write_moment

_encode = msgspec.json.Encoder().encode


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the client asked for. `amount` is in whole tokens of the token that is sized."""

    type: str
    mode: str
    token_in: str
    token_out: str
    token_in_mint: str
    token_out_mint: str
    amount: Amount
    slippage_bps: int
    max_attempts: int
    expires_at: str | None = None


class QuoteRecord(QuoteView, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A quote with the slot it was read at. `ageSlots` counts to the slot of the signing."""

    slot: int = 0
    age_slots: int | None = None


class RouteDecision(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One choice of a route: all that was quoted, what was chosen, and why."""

    seq: int
    at: str
    attempt: int
    chosen: str
    pool: str
    reason: str
    amount_in: Amount
    amount_out: Amount
    min_amount_out: Amount | None = None
    max_amount_in: Amount | None = None
    quotes: tuple[QuoteRecord, ...]
    absent: tuple[QuoteFailureView, ...] = ()
    legs: tuple[LegView, ...] = ()
    pools: tuple[PoolChoice, ...] = ()
    more_pools: int = 0
    warnings: tuple[str, ...] = ()


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One signed transaction and its fate: in_flight, landed, reverted or lapsed.

    `transaction` is its bytes in base64, where the order still holds them: of the last one.
    """

    attempt: int
    tx_hash: str
    signed_at: str
    sent_at: str | None = None
    sends: int = 0
    blockhash: str
    last_valid_height: int
    built_slot: int
    transaction_sha256: str
    transaction: str | None = None
    state: str = "in_flight"
    ended_at: str | None = None
    slot: int | None = None
    error: str | None = None


class FillRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the order moved, beside what was quoted. `realisedSlippage` is in percent."""

    amount_in: Amount
    amount_out: Amount
    quoted_amount_in: Amount
    quoted_amount_out: Amount
    price: Number | None
    realised_slippage: Number
    fee_lamports: str
    slot: int


class ChainLink(msgspec.Struct, frozen=True, rename="camel"):
    """One line of the journal: `hash` is SHA-256 over the hash before it and the line itself."""

    seq: int
    at: str
    kind: str
    hash: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Everything an order's journal proves."""

    order_id: str
    client_order_id: str | None = None
    status: Status
    is_final: bool
    asked: Asked
    decisions: tuple[RouteDecision, ...]
    attempts: tuple[AttemptRecord, ...]
    fill: FillRecord | None = None
    error: str | None = None
    code: str | None = None
    journal: tuple[ChainLink, ...]
    head_hash: str


def write_receipt(order: Order, history: Sequence[RecordedEvent]) -> bytes:
    """Write the receipt of an order from its whole journal, whose hashes were checked."""
    last = history[-1].order
    gone = last.fault if last.status is Status.FAILED else None
    return _encode(
        Receipt(
            order_id=last.id,
            client_order_id=last.intent.client_order_id,
            status=last.status,
            is_final=last.is_final,
            asked=_asked(last),
            decisions=_decisions(history),
            attempts=_attempts(order, history),
            fill=_fill(last),
            error=None if gone is None else gone.message,
            code=None if gone is None else gone.code,
            journal=tuple(
                ChainLink(e.seq, write_moment(e.at), e.kind, e.hash.hex())
                for e in (event.entry for event in history)
            ),
            head_hash=last.head_hash.hex(),
        )
    )


def _asked(order: Order) -> Asked:
    intent, terms = order.intent, order.terms
    given, taken = intent.pair.token_in, intent.pair.token_out
    return Asked(
        type=intent.kind,
        mode=intent.mode,
        token_in=given.symbol,
        token_out=taken.symbol,
        token_in_mint=given.mint,
        token_out_mint=taken.mint,
        amount=write_amount(intent.amount, intent.sized_token.decimals),
        slippage_bps=terms.slippage_bps,
        max_attempts=terms.tries_max,
        expires_at=None if terms.deadline is None else write_moment(terms.deadline),
    )


def _decisions(history: Sequence[RecordedEvent]) -> tuple[RouteDecision, ...]:
    decisions: list[RouteDecision] = []
    for place, recorded in enumerate(history):
        if not isinstance(recorded.event, events.Routed):
            continue
        after = history[place + 1].event if place + 1 < len(history) else None
        signed_at = after.slot if isinstance(after, events.Signed) else None
        decisions.append(_decision(recorded, recorded.event.route, signed_at))
    return tuple(decisions)


def _decision(recorded: RecordedEvent, route: Route, signed_at: int | None) -> RouteDecision:
    intent, leg = recorded.order.intent, route.legs[0]
    given, taken = intent.pair.token_in.decimals, intent.pair.token_out.decimals
    exact_in = route.mode == "exact_in"
    pools, more = pool_choices(route)
    bound = write_amount(route.bound, taken if exact_in else given)
    return RouteDecision(
        seq=recorded.entry.seq,
        at=write_moment(recorded.entry.at),
        attempt=recorded.order.try_number,
        chosen=leg.venue,
        pool=leg.pool,
        reason=route.reason,
        amount_in=write_amount(route.amount_in, given),
        amount_out=write_amount(route.amount_out, taken),
        min_amount_out=bound if exact_in else None,
        max_amount_in=None if exact_in else bound,
        quotes=tuple(_quote(intent, quote, signed_at) for quote in route.quotes),
        absent=view_absent(route),
        legs=view_legs(intent, route),
        pools=pools,
        more_pools=more,
        warnings=route.warnings,
    )


def _quote(intent: Intent, quote: Quote, signed_at: int | None) -> QuoteRecord:
    view = view_quote(intent, quote)
    fields = {name: getattr(view, name) for name in QuoteView.__struct_fields__}
    age = None if signed_at is None else max(signed_at - quote.slot, 0)
    return QuoteRecord(**fields, slot=quote.slot, age_slots=age)


def _attempts(order: Order, history: Sequence[RecordedEvent]) -> tuple[AttemptRecord, ...]:
    """Tell each attempt from its signing to its end; only one is alive at a time."""
    ended: list[AttemptRecord] = []
    facts: list[RecordedEvent] = []
    for event in history:
        if isinstance(event.event, events.Signed) and facts:
            ended.append(_attempt(order, facts))
            facts = []
        if facts or isinstance(event.event, events.Signed):
            facts.append(event)
    return (*ended, _attempt(order, facts)) if facts else tuple(ended)


def _attempt(order: Order, history: Sequence[RecordedEvent]) -> AttemptRecord:
    first = history[0]
    signed = first.event
    assert isinstance(signed, events.Signed)  # noqa: S101 -- the caller begins with one
    sent = [event for event in history if isinstance(event.event, events.Sent)]
    ends = (events.Landed, events.Reverted, events.Lapsed)
    end = next((recorded for recorded in history if isinstance(recorded.event, ends)), None)
    held = order.attempt
    is_held = held is not None and held.number == signed.attempt
    data = held.transaction if held is not None and is_held else b""
    fate = _fate(None if end is None else end.event)
    return AttemptRecord(
        attempt=signed.attempt,
        tx_hash=signed.signature,
        signed_at=write_moment(first.entry.at),
        sent_at=write_moment(sent[0].entry.at) if sent else None,
        sends=len(sent),
        blockhash=signed.blockhash,
        last_valid_height=signed.last_valid_height,
        built_slot=signed.slot,
        transaction_sha256=signed.transaction_sha256,
        transaction=b64encode(data).decode() or None,
        state="in_flight" if end is None else end.entry.kind,
        ended_at=None if end is None else write_moment(end.entry.at),
        slot=fate.slot,
        error=fate.error,
    )


class _Fate(NamedTuple):
    slot: int | None = None
    error: str | None = None


def _fate(end: events.OrderEvent | None) -> _Fate:
    match end:
        case events.Landed(fill):
            return _Fate(fill.slot)
        case events.Reverted(_, why, slot):
            return _Fate(slot, why.message)
        case _:
            return _Fate()


def _fill(order: Order) -> FillRecord | None:
    fill, route, intent = order.fill, order.route, order.intent
    if fill is None or route is None:
        return None
    given, taken = intent.pair.token_in.decimals, intent.pair.token_out.decimals
    return FillRecord(
        amount_in=write_amount(fill.amount_in, given),
        amount_out=write_amount(fill.amount_out, taken),
        quoted_amount_in=write_amount(route.amount_in, given),
        quoted_amount_out=write_amount(route.amount_out, taken),
        price=write_price(intent, fill.amount_in, fill.amount_out),
        realised_slippage=realised_slippage(route, fill),
        fee_lamports=str(fill.fee_lamports),
        slot=fill.slot,
    )
