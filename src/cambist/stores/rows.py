"""Maps orders, events and API keys to rows, and collects the rows of one batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from cambist.faults import Fault
from cambist.orders import events
from cambist.orders.attempt import Attempt, AttemptState, Fill
from cambist.orders.decide import Decision
from cambist.orders.events import Accepted, FailedTry, Routed
from cambist.orders.journal import JournalEntry, RecordedEvent, decode_event
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.orders.trigger import TriggerState
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
"""The version of an order and the last hash of its journal.

The number alone is not enough. A decision may be built on one that is not durable yet. If another
process moves the order in between, the numbers fit and the hashes do not.
"""


class OrderRow(NamedTuple):
    """A row of an order, in the order of the columns of the queries `orders_by_id` and others."""

    id: str
    status: str
    version: int
    lease_owner: str | None
    lease_epoch: int
    wake_at: int | None
    last_seq: int
    last_at: int
    head_hash: bytes
    created_at: int
    state: str
    route_seq: int | None
    accepted: bytes
    routed: bytes | None
    attempt: int | None
    signature: str
    blockhash: str
    last_valid_height: int
    built_slot: int
    attempt_state: AttemptState
    transaction: bytes
    amount_in: str | None
    amount_out: str
    fee_lamports: str
    fill_slot: int


class EntryRow(NamedTuple):
    """A row of the journal."""

    order_id: str
    seq: int
    at: int
    kind: str
    payload: str
    hash: bytes


class ApiKeyRow(NamedTuple):
    """A row of an API key."""

    id: str
    digest: bytes
    principal: str
    name: str
    scopes: str
    wallets: str
    orders_per_minute: int | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None


class OrderStateColumn(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of an order that no other table has, as one JSON column."""

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
    trigger: TriggerState | None = None


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
        order.trigger,
    )
    return json_codec.encode(state).decode()


def insert_row(new_order: NewOrder) -> Row:
    """Return the row for `add_orders`."""
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
    """Return the version of an order."""
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


def read_order(columns: Row) -> Order:
    """Return the order of a row. Raises CorruptRow when it is not one."""
    row = OrderRow(*columns[: len(OrderRow._fields)])
    try:
        state, status = _STATE.decode(row.state), Status(row.status)
        accepted = decode_event(row.accepted)
        routed = None if row.routed is None else decode_event(row.routed)
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        raise CorruptRow(f"order {row.id}: {error}") from error
    if not isinstance(accepted, Accepted) or not isinstance(routed, Routed | None):
        raise CorruptRow(f"order {row.id}: its journal does not begin as it should")
    return Order(
        OrderId(row.id),
        accepted.intent,
        state.terms or accepted.intent.terms,
        status,
        created_at=Timestamp(row.created_at),
        version=row.version,
        lease_owner=row.lease_owner,
        lease_epoch=row.lease_epoch,
        last_seq=row.last_seq,
        last_at=Timestamp(row.last_at),
        head_hash=row.head_hash,
        wake_at=None if row.wake_at is None else Timestamp(row.wake_at),
        try_number=state.try_number,
        attempt_count=state.attempt_count,
        route=None if routed is None else routed.route,
        route_seq=row.route_seq,
        attempt=_read_attempt(row, state),
        fill=_read_fill(row),
        fault=state.fault,
        setbacks=state.setbacks,
        cancel_requested_at=state.cancel_requested_at,
        written_off_at=state.written_off_at,
        closed_at=state.closed_at,
        is_final=state.is_final,
        trigger=state.trigger,
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


def _read_attempt(row: OrderRow, state: OrderStateColumn) -> Attempt | None:
    if row.attempt is None:
        return None
    return Attempt(
        row.attempt,
        Signature(row.signature),
        row.blockhash,
        Height(row.last_valid_height),
        Slot(row.built_slot),
        row.attempt_state,
        state.sent_at,
        state.first_seen_slot,
        row.transaction,
    )


def _read_fill(row: OrderRow) -> Fill | None:
    if row.amount_in is None:
        return None
    try:
        amount_in, amount_out = RawAmount(row.amount_in), RawAmount(row.amount_out)
        fee = RawAmount(row.fee_lamports)
    except ValueError as error:
        raise CorruptRow(f"order {row.id}: {error}") from error
    return Fill(Signature(row.signature), amount_in, amount_out, fee, Slot(row.fill_slot))


def read_entry(columns: Row) -> JournalEntry:
    """Return the journal entry of a row."""
    row = EntryRow(*columns[: len(EntryRow._fields)])
    payload = _bytes(row.payload)
    return JournalEntry(
        OrderId(row.order_id), row.seq, Timestamp(row.at), row.kind, payload, row.hash
    )


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


def read_key(columns: Row) -> ApiKey:
    """Return the API key of a row. Raises PortUnavailable when it is not one."""
    row = ApiKeyRow(*columns[: len(ApiKeyRow._fields)])
    try:
        permissions = frozenset(Permission(word) for word in row.scopes.split())
    except ValueError as error:
        msg = f"the key {row.id} cannot be read: {error}"
        raise PortUnavailable(msg) from error
    return ApiKey(
        id=row.id,
        digest=row.digest,
        principal=Principal(row.principal),
        name=row.name,
        permissions=permissions,
        wallets=tuple(Address(word) for word in row.wallets.split()),
        orders_per_minute=row.orders_per_minute,
        created_at=Timestamp(row.created_at),
        expires_at=None if row.expires_at is None else Timestamp(row.expires_at),
        revoked_at=None if row.revoked_at is None else Timestamp(row.revoked_at),
        last_used_at=None if row.last_used_at is None else Timestamp(row.last_used_at),
    )


class RowConflict(Exception):
    """An order of the batch is not at the version its decision was made from."""


class WriteBatch:
    """Rows that are written together; several decisions about one order become one update."""

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
        self, before: Order, after: Order, recorded: tuple[RecordedEvent, ...], decision: Decision
    ) -> None:
        """Add a decision. Raises RowConflict unless it follows from the one before."""
        since, until = self.moves.get(before.id, (before, before))
        if row_version(until) != row_version(before):
            raise RowConflict
        self.moves[before.id] = (since, after)
        for event in recorded:
            self.entries.append(entry_row(event.entry))
            self._add_derived(event, before)
        if decision.signed is not None:
            self.attempts.append(attempt_row(after.id, decision.signed))

    def _add_derived(self, recorded: RecordedEvent, before: Order) -> None:
        """Add the rows of attempts and fills that follow from an event."""
        attempt = before.attempt
        if attempt is None:
            return
        match recorded.event:
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
