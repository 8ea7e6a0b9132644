"""Appends events to an order's journal, numbered and chained by hash, and replays a journal."""

# The journal of an order is append-only. Entry n carries SHA-256 over the hash of entry n-1 and
# over its own order id, number, time and payload. Whoever changes, removes or inserts an entry
# has to change every hash after it, and the row of the order holds the last event. `cambist verify`
# recomputes the chain and compares the order that follows from it with the row.
#
# Times never go back within a journal, whatever the wall clock does: an entry takes the time of
# the event before it if the clock is behind. Readers may therefore rely on the order of times.
#
# The payload is the JSON of the event, exactly as it was written. It is kept as bytes and never
# encoded again, because another version of the code may write the same event with other defaults,
# and the hash would differ.

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, cast

import msgspec
from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.lifecycle import create_order, evolve
from cambist.orders.order import GENESIS, Order
from cambist.values import json_codec
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp

_EVENT: Final = json_codec.decoder(cast("type[events.OrderEvent]", events.AnyOrderEvent))


class JournalEntry(msgspec.Struct, frozen=True, gc=False):
    """An event as it is stored: `seq` is 1, 2, 3 without gaps.

    `payload` is the event as JSON. `hash` is SHA-256 over the hash of the entry before and this
    entry's order id, seq, time and payload.
    """

    order_id: OrderId
    seq: int
    at: Timestamp
    kind: str
    payload: bytes
    hash: bytes


class RecordedEvent(msgspec.Struct, frozen=True):
    """An event with its journal entry, and the order after it."""

    order: Order
    event: events.OrderEvent
    entry: JournalEntry


class CorruptJournal(ValueError):
    """A journal whose numbers, hashes or events do not follow from one another."""


def entry_hash(previous: bytes, order_id: str, seq: int, at: int, payload: bytes) -> bytes:
    """Return the hash that chains an entry to the event before it."""
    head = b"%b%b\n%d\n%d\n" % (previous, order_id.encode(), seq, at)
    return sha256(head + payload).digest()


def start_journal(order_id: OrderId, intent_fact: events.Accepted, at: Timestamp) -> RecordedEvent:
    """Return a new order with the first entry of its journal."""
    return _write(create_order(order_id, intent_fact, at), intent_fact, at)


def append(
    order: Order, new_events: Iterable[events.OrderEvent], at: Timestamp
) -> tuple[RecordedEvent, ...]:
    """Return these events as recorded, each with the order after it.

    No entry is older than the event before it, whatever the clock says. Raises IllegalTransition.
    """
    recorded: list[RecordedEvent] = []
    for event in new_events:
        when = max(at, order.last_at)
        written = _write(evolve(order, event, when), event, when)
        recorded.append(written)
        order = written.order
    return tuple(recorded)


def _write(order: Order, event: events.OrderEvent, at: Timestamp) -> RecordedEvent:
    seq, payload = order.last_seq + 1, json_codec.encode(event)
    digest = entry_hash(order.head_hash, order.id, seq, at, payload)
    grown = replace(order, last_seq=seq, last_at=at, head_hash=digest)
    return RecordedEvent(grown, event, JournalEntry(order.id, seq, at, event.kind, payload, digest))


def decode_event(payload: bytes) -> events.OrderEvent:
    """Decode an event of the journal. Raises msgspec.DecodeError on anything else."""
    return _EVENT.decode(payload)


def replay(entries: Sequence[JournalEntry]) -> tuple[RecordedEvent, ...]:
    """Replay a whole journal and check numbers and hashes; return each event with its order.

    Raises CorruptJournal where the chain breaks, IllegalTransition where the table is broken.
    """
    recorded: list[RecordedEvent] = []
    order: Order | None = None
    for entry in entries:
        before = GENESIS if order is None else order.head_hash
        expected = 1 if order is None else order.last_seq + 1
        if entry.seq != expected:
            msg = f"entry {entry.seq} is where entry {expected} should be"
            raise CorruptJournal(msg)
        if entry.hash != entry_hash(before, entry.order_id, entry.seq, entry.at, entry.payload):
            msg = f"entry {entry.seq} has a wrong hash"
            raise CorruptJournal(msg)
        event = _read(entry)
        if entry.kind != event.kind:
            msg = f"entry {entry.seq} is called {entry.kind} and contains {event.kind}"
            raise CorruptJournal(msg)
        order = _next(order, entry, event)
        recorded.append(RecordedEvent(order, event, entry))
    return tuple(recorded)


def _read(entry: JournalEntry) -> events.OrderEvent:
    try:
        return decode_event(entry.payload)
    except (msgspec.DecodeError, ValueError) as error:
        msg = f"entry {entry.seq} cannot be read: {error}"
        raise CorruptJournal(msg) from error


def _next(order: Order | None, entry: JournalEntry, event: events.OrderEvent) -> Order:
    if order is None:
        if not isinstance(event, events.Accepted):
            msg = f"a journal begins with accepted, not {event.kind}"
            raise CorruptJournal(msg)
        grown = create_order(entry.order_id, event, entry.at)
    else:
        grown = evolve(order, event, entry.at)
    return replace(grown, last_seq=entry.seq, last_at=entry.at, head_hash=entry.hash)
