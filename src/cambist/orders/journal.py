"""Appends events to an order's journal, numbered and chained by hash, and replays a journal."""

# The journal of an order is append-only. Entry n carries SHA-256 over the hash of entry n-1 and
# over its own order id, number, time and payload. Whoever changes, removes or inserts an entry
# has to change every hash after it, and the row of the order holds the last one. `cambist verify`
# recomputes the chain and compares the order that follows from it with the row.
#
# Times never go back within a journal, whatever the wall clock does: an entry takes the time of
# the one before it if the clock is behind. Readers may therefore rely on the order of times.
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

_FACT: Final = json_codec.decoder(cast("type[events.OrderEvent]", events.AnyOrderEvent))


class JournalEntry(msgspec.Struct, frozen=True, gc=False):
    """One line of an order's journal: `seq` runs 1, 2, 3 without gap.

    `payload` is the fact as JSON; `hash` is SHA-256 over the previous entry's hash and this
    entry's order id, seq, instant and payload.
    """

    order_id: OrderId
    seq: int
    at: Timestamp
    kind: str
    payload: bytes
    hash: bytes


class RecordedEvent(msgspec.Struct, frozen=True):
    """A fact on its way to listeners: its journal line, and the order as it stood then."""

    order: Order
    event: events.OrderEvent
    entry: JournalEntry


class CorruptJournal(ValueError):
    """A journal whose numbers, hashes or facts do not follow from one another."""


def entry_hash(previous: bytes, order_id: str, seq: int, at: int, payload: bytes) -> bytes:
    """Return the hash that chains an entry to the one before it."""
    head = b"%b%b\n%d\n%d\n" % (previous, order_id.encode(), seq, at)
    return sha256(head + payload).digest()


def start_journal(order_id: OrderId, intent_fact: events.Accepted, at: Timestamp) -> RecordedEvent:
    """Return a new order with the first line of its journal."""
    return _write(create_order(order_id, intent_fact, at), intent_fact, at)


def append(
    order: Order, facts: Iterable[events.OrderEvent], at: Timestamp
) -> tuple[RecordedEvent, ...]:
    """Return the lines that these facts add, each with the order after it.

    No line is older than the one before it, whatever the clock says. Raises IllegalFact.
    """
    told: list[RecordedEvent] = []
    for event in facts:
        when = max(at, order.last_at)
        line = _write(evolve(order, event, when), event, when)
        told.append(line)
        order = line.order
    return tuple(told)


def _write(order: Order, one: events.OrderEvent, at: Timestamp) -> RecordedEvent:
    seq, payload = order.last_seq + 1, json_codec.encode(one)
    digest = entry_hash(order.head_hash, order.id, seq, at, payload)
    grown = replace(order, last_seq=seq, last_at=at, head_hash=digest)
    return RecordedEvent(grown, one, JournalEntry(order.id, seq, at, one.kind, payload, digest))


def decode_event(payload: bytes) -> events.OrderEvent:
    """Read a fact that the journal holds. Raises msgspec.DecodeError on anything else."""
    return _FACT.decode(payload)


def replay(entries: Sequence[JournalEntry]) -> tuple[RecordedEvent, ...]:
    """Fold a whole journal, checking numbers and hashes: each line with the order after it.

    Raises CorruptJournal where the chain breaks, IllegalFact where the table is broken.
    """
    told: list[RecordedEvent] = []
    order: Order | None = None
    for entry in entries:
        before = GENESIS if order is None else order.head_hash
        expected = 1 if order is None else order.last_seq + 1
        if entry.seq != expected:
            msg = f"entry {entry.seq} stands where {expected} belongs"
            raise CorruptJournal(msg)
        if entry.hash != entry_hash(before, entry.order_id, entry.seq, entry.at, entry.payload):
            msg = f"entry {entry.seq} does not have the hash it should"
            raise CorruptJournal(msg)
        one = _read(entry)
        if entry.kind != one.kind:
            msg = f"entry {entry.seq} is called {entry.kind} and tells {one.kind}"
            raise CorruptJournal(msg)
        order = _next(order, entry, one)
        told.append(RecordedEvent(order, one, entry))
    return tuple(told)


def _read(entry: JournalEntry) -> events.OrderEvent:
    try:
        return decode_event(entry.payload)
    except (msgspec.DecodeError, ValueError) as error:
        msg = f"entry {entry.seq} cannot be read: {error}"
        raise CorruptJournal(msg) from error


def _next(order: Order | None, entry: JournalEntry, one: events.OrderEvent) -> Order:
    if order is None:
        if not isinstance(one, events.Accepted):
            msg = f"a journal begins with accepted, not {one.kind}"
            raise CorruptJournal(msg)
        grown = create_order(entry.order_id, one, entry.at)
    else:
        grown = evolve(order, one, entry.at)
    return replace(grown, last_seq=entry.seq, last_at=entry.at, head_hash=entry.hash)
