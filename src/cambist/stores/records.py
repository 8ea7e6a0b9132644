"""Turns orders into rows and rows into orders; nothing else knows the columns."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from cambist.faults import Fault
from cambist.orders.attempt import Attempt, Fill
from cambist.orders.event import Setback
from cambist.orders.intent import Intent
from cambist.orders.journal import Entry
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.ports.store import Birth
from cambist.values import codec
from cambist.values.ids import OrderId
from cambist.values.moment import Moment
from cambist.values.route import Route

Row = tuple[Any, ...]


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """The small changing part of an order, kept as one JSON column."""

    tries: int
    attempts_made: int = 0
    attempt: Attempt | None = None
    fill: Fill | None = None
    fault: Fault | None = None
    setbacks: tuple[Setback, ...] = ()
    cancel_requested_at: Moment | None = None
    is_final: bool = False


_INTENT: Final = codec.decoder(Intent)
_TERMS: Final = codec.decoder(Terms)
_ROUTE: Final = codec.decoder(Route)
_STATE: Final = codec.decoder(State)


class CorruptRow(ValueError):
    """A row that no order can have; it is neither guessed at nor moved."""


def _text(value: object) -> str:
    return codec.encode(value).decode()


def _state(order: Order) -> str:
    attempt = order.attempt
    return _text(
        State(
            order.tries,
            order.attempts_made,
            # The bytes have their own column, in attempts.
            replace(attempt, transaction=b"") if attempt is not None else None,
            order.fill,
            order.fault,
            order.setbacks,
            order.cancel_requested_at,
            order.is_final,
        )
    )


def birth_row(birth: Birth) -> Row:
    """Return the parameters of `add_order`."""
    order = birth.told.order
    keyed = birth.key is not None
    return (
        order.id,
        order.intent.principal,
        birth.key,
        birth.fingerprint if keyed else None,
        birth.reply if keyed else None,
        order.status.value,
        order.version,
        order.lease_owner,
        order.lease_epoch,
        order.wake_at,
        order.last_seq,
        order.last_at,
        order.head_hash,
        order.created_at,
        _text(order.intent),
        _text(order.terms),
        None if order.route is None else _text(order.route),
        _state(order),
    )


def move_row(order: Order, version_before: int) -> Row:
    """Return the parameters of `move_order`."""
    return (
        order.status.value,
        order.version,
        order.lease_owner,
        order.lease_epoch,
        order.wake_at,
        order.last_seq,
        order.last_at,
        order.head_hash,
        _state(order),
        order.id,
        version_before,
    )


def reroute_row(order: Order) -> Row:
    """Return the parameters of `reroute_order`."""
    route = None if order.route is None else _text(order.route)
    return (_text(order.terms), route, order.id)


def entry_row(entry: Entry) -> Row:
    """Return the parameters of `add_entry`."""
    payload = entry.payload.decode()
    return (entry.order_id, entry.seq, entry.at, entry.kind, payload, entry.hash)


def attempt_row(order_id: OrderId, attempt: Attempt) -> Row:
    """Return the parameters of `add_attempt`."""
    return (
        order_id,
        attempt.number,
        attempt.signature,
        attempt.blockhash,
        attempt.last_valid_height,
        attempt.built_slot,
        attempt.transaction,
    )


def fill_row(order_id: OrderId, fill: Fill) -> Row:
    """Return the parameters of `add_fill`."""
    amounts = (str(int(fill.amount_in)), str(int(fill.amount_out)), str(int(fill.fee_lamports)))
    return (order_id, fill.signature, *amounts, fill.slot)


def read_order(row: Row) -> Order:
    """Return the order of a row. Raises CorruptRow when it is not one."""
    try:
        state, intent, terms = (
            _STATE.decode(row[13]),
            _INTENT.decode(row[10]),
            _TERMS.decode(row[11]),
        )
        route = None if row[12] is None else _ROUTE.decode(row[12])
        status = Status(row[1])
    except (msgspec.DecodeError, ValueError) as error:
        raise CorruptRow(f"order {row[0]}: {error}") from error
    attempt = state.attempt
    if attempt is not None and row[14] is not None:
        attempt = replace(attempt, transaction=row[14])
    return Order(
        OrderId(row[0]),
        intent,
        terms,
        status,
        created_at=Moment(row[9]),
        version=row[2],
        lease_owner=row[3],
        lease_epoch=row[4],
        last_seq=row[6],
        last_at=Moment(row[7]),
        head_hash=row[8],
        wake_at=None if row[5] is None else Moment(row[5]),
        tries=state.tries,
        attempts_made=state.attempts_made,
        route=route,
        attempt=attempt,
        fill=state.fill,
        fault=state.fault,
        setbacks=state.setbacks,
        cancel_requested_at=state.cancel_requested_at,
        is_final=state.is_final,
    )


def read_entry(row: Row) -> Entry:
    """Return the journal line of a row."""
    return Entry(OrderId(row[0]), row[1], Moment(row[2]), row[3], row[4].encode(), row[5])
