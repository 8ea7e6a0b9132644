"""Maps orders, events and API keys to rows, and collects the rows of one batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import structlog

from cambist.faults import Fault
from cambist.orders import events
from cambist.orders.attempt import Attempt, Fill
from cambist.orders.decide import Decision
from cambist.orders.events import Accepted, FailedTry, Routed
from cambist.orders.journal import JournalEntry, RecordedEvent, decode_event
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.ports.api_keys import ApiKey, Permission
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import CurrentTerms, NewOrder
from cambist.stores.errors import CorruptRow
from cambist.values import json_codec
from cambist.values.amount import RawAmount
from cambist.values.ids import Address, OrderId, Principal, Signature
from cambist.values.time_units import Height, Slot, Timestamp

log = structlog.get_logger("cambist.store")

Row = tuple[Any, ...]
RowVersion = tuple[int, bytes]
"""Where an order stands: its version and its journal's last hash.

The number alone is not enough. A change may be built on one that is still on its way; if another
hand moves the order in between, the numbers fit and the hashes do not.
"""


class OrderStateColumn(msgspec.Struct, frozen=True, omit_defaults=True):
    """The small part of an order that no other table tells, kept as one JSON column."""

    try_number: int = msgspec.field(name="tries")
    attempt_count: int = msgspec.field(default=0, name="attempts_made")
    terms: Terms | None = None
    sent_at: Timestamp | None = None
    first_seen_slot: Slot | None = msgspec.field(default=None, name="sighted_slot")
    fault: Fault | None = None
    setbacks: tuple[FailedTry, ...] = ()
    cancel_requested_at: Timestamp | None = None
    closed_at: Timestamp | None = None
    is_final: bool = False
    written_off_at: Timestamp | None = None


_STATE: Final = json_codec.decoder(OrderStateColumn)


def _state(order: Order) -> str:
    attempt = order.attempt
    state = OrderStateColumn(
        order.try_number,
        order.attempt_count,
        None if order.terms == order.intent.terms else order.terms,
        None if attempt is None else attempt.sent_at,
        None if attempt is None else attempt.first_seen_slot,
        order.fault,
        order.setbacks,
        order.cancel_requested_at,
        order.closed_at,
        order.is_final,
        order.written_off_at,
    )
    return json_codec.encode(state).decode()


def insert_row(new_order: NewOrder) -> Row:
    """Return the row of `add_orders`."""
    order = new_order.event.order
    keyed = new_order.key is not None
    return (
        order.id,
        order.intent.principal,
        new_order.key,
        new_order.fingerprint if keyed else None,
        new_order.reply if keyed else None,
        order.status.value,
        order.version,
        order.lease_owner,
        order.lease_epoch,
        order.wake_at,
        order.last_seq,
        order.last_at,
        order.head_hash,
        order.created_at,
        _state(order),
    )


def row_version(order: Order) -> RowVersion:
    """Return where an order stands."""
    return (order.version, order.head_hash)


def update_row(order: Order, before: RowVersion) -> Row:
    """Return the row of `move_orders`."""
    return (
        order.id,
        *before,
        order.status.value,
        order.version,
        order.lease_owner,
        order.lease_epoch,
        order.wake_at,
        order.last_seq,
        order.last_at,
        order.head_hash,
        order.route_seq,
        None if order.attempt is None else order.attempt.number,
        _state(order),
    )


def entry_row(entry: JournalEntry) -> Row:
    """Return the row of `add_entries`."""
    payload = entry.payload.decode()
    return (entry.order_id, entry.seq, entry.at, entry.kind, payload, entry.hash)


def attempt_row(order_id: OrderId, attempt: Attempt) -> Row:
    """Return the row of `add_attempts`."""
    return (
        order_id,
        attempt.number,
        attempt.signature,
        attempt.state,
        attempt.blockhash,
        attempt.last_valid_height,
        attempt.built_slot,
        attempt.transaction,
    )


def fill_row(order_id: OrderId, fill: Fill) -> Row:
    """Return the row of `add_fills`."""
    amounts = (str(int(fill.amount_in)), str(int(fill.amount_out)), str(int(fill.fee_lamports)))
    return (order_id, fill.signature, *amounts, fill.slot)


def read_order(row: Row) -> Order:
    """Return the order of a row. Raises CorruptRow when it is not one."""
    try:
        state, status = _STATE.decode(row[10]), Status(row[1])
        born, routed = decode_event(row[12]), None if row[13] is None else decode_event(row[13])
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        raise CorruptRow(f"order {row[0]}: {error}") from error
    if not isinstance(born, Accepted) or not isinstance(routed, Routed | None):
        raise CorruptRow(f"order {row[0]}: its journal does not begin as it should")
    return Order(
        OrderId(row[0]),
        born.intent,
        state.terms or born.intent.terms,
        status,
        created_at=Timestamp(row[9]),
        version=row[2],
        lease_owner=row[3],
        lease_epoch=row[4],
        last_seq=row[6],
        last_at=Timestamp(row[7]),
        head_hash=row[8],
        wake_at=None if row[5] is None else Timestamp(row[5]),
        try_number=state.try_number,
        attempt_count=state.attempt_count,
        route=None if routed is None else routed.route,
        route_seq=row[11],
        attempt=_read_attempt(row, state),
        fill=_read_fill(row),
        fault=state.fault,
        setbacks=state.setbacks,
        cancel_requested_at=state.cancel_requested_at,
        written_off_at=state.written_off_at,
        closed_at=state.closed_at,
        is_final=state.is_final,
    )


def read_current_terms(rows: Iterable[Row]) -> dict[OrderId, CurrentTerms]:
    """Return what rows of `order_states` say; one that cannot be read is reported and left out."""
    found: dict[OrderId, CurrentTerms] = {}
    for order_id, text in rows:
        try:
            state = _STATE.decode(text)
        except (msgspec.DecodeError, ValueError) as error:
            log.critical("corrupt_row", order_id=order_id, error=str(error))
            continue
        found[OrderId(order_id)] = CurrentTerms(state.cancel_requested_at, state.terms)
    return found


def _read_attempt(row: Row, state: OrderStateColumn) -> Attempt | None:
    if row[14] is None:
        return None
    return Attempt(
        row[14],
        Signature(row[15]),
        row[16],
        Height(row[17]),
        Slot(row[18]),
        row[19],
        state.sent_at,
        state.first_seen_slot,
        row[20],
    )


def _read_fill(row: Row) -> Fill | None:
    if row[21] is None:
        return None
    try:
        amount_in, amount_out, fee = (RawAmount(text) for text in row[21:24])
    except ValueError as error:
        raise CorruptRow(f"order {row[0]}: {error}") from error
    return Fill(Signature(row[15]), amount_in, amount_out, fee, Slot(row[24]))


def read_entry(row: Row) -> JournalEntry:
    """Return the journal line of a row."""
    return JournalEntry(OrderId(row[0]), row[1], Timestamp(row[2]), row[3], _bytes(row[4]), row[5])


def _bytes(text: str) -> bytes:
    """Return a text as the bytes that are stored, even where they are none of UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def key_row(key: ApiKey) -> tuple[object, ...]:
    """Return the row of `add_key`."""
    return (
        key.id,
        key.digest,
        key.principal,
        key.name,
        " ".join(sorted(key.permissions)),
        " ".join(key.wallets),
        key.orders_per_minute,
        key.created_at,
        key.expires_at,
        key.revoked_at,
        key.last_used_at,
    )


def read_key(row: tuple[Any, ...]) -> ApiKey:
    """Read a row. Raises PortUnavailable for one that no key can have."""
    try:
        scopes = frozenset(Permission(word) for word in row[4].split())
    except ValueError as error:
        msg = f"the key {row[0]} cannot be read: {error}"
        raise PortUnavailable(msg) from error
    return ApiKey(
        id=row[0],
        digest=row[1],
        principal=Principal(row[2]),
        name=row[3],
        permissions=scopes,
        wallets=tuple(Address(word) for word in row[5].split()),
        orders_per_minute=row[6],
        created_at=row[7],
        expires_at=row[8],
        revoked_at=row[9],
        last_used_at=row[10],
    )


class RowConflict(Exception):
    """Some order of the sheet is not where its move was made from."""


class WriteBatch:
    """Rows to write together; an order's changes in turn become one move."""

    def __init__(self) -> None:
        self.births: list[Row] = []
        self.moves: dict[OrderId, tuple[Order, Order]] = {}
        self.entries: list[Row] = []
        self.attempts: list[Row] = []
        self.closings: list[Row] = []
        self.fills: list[Row] = []

    def add_order(self, new_order: NewOrder) -> None:
        """Add a new order."""
        self.births.append(insert_row(new_order))
        self.entries.append(entry_row(new_order.event.entry))

    def add_decision(
        self, before: Order, after: Order, told: tuple[RecordedEvent, ...], change: Decision
    ) -> None:
        """Add a change of an order. Raises RowConflict unless it follows from the one before."""
        since, until = self.moves.get(before.id, (before, before))
        if row_version(until) != row_version(before):
            raise RowConflict
        self.moves[before.id] = (since, after)
        for line in told:
            self.entries.append(entry_row(line.entry))
            self._add_derived(line, before)
        if change.signed is not None:
            self.attempts.append(attempt_row(after.id, change.signed))

    def _add_derived(self, line: RecordedEvent, before: Order) -> None:
        """Add the rows of attempts and fills that a fact implies."""
        attempt = before.attempt
        if attempt is None:
            return
        match line.event:
            case events.Landed(fill):
                self.closings.append((before.id, attempt.number, "landed", None))
                self.fills.append(fill_row(before.id, fill))
            case events.Reverted():
                self.closings.append((before.id, attempt.number, "reverted", None))
            case events.Lapsed(_, evidence):
                proof = json_codec.encode(evidence).decode()
                self.closings.append((before.id, attempt.number, "lapsed", proof))
            case _:
                return
