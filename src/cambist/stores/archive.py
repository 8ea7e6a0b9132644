"""Keeps pruned orders in a file: a journal per line, with the hashes that prove it."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final

import msgspec

from cambist.orders.journal import JournalEntry
from cambist.values.file_modes import OWNER_ONLY
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import Timestamp

ORDERS_AT_ONCE: Final = 200
"""Orders pruned in one transaction: writers wait for it."""
_encode: Final = msgspec.json.Encoder().encode

Progress = Callable[[int], None]


class PrunableOrder(msgspec.Struct, frozen=True):
    """An order that may be pruned, its principal, and the key it was placed with."""

    id: OrderId
    principal: Principal
    client_key: str | None


class ArchivedEntry(msgspec.Struct, frozen=True):
    """One entry of a journal; `hash` is in hex."""

    seq: int
    at: Timestamp
    kind: str
    payload: msgspec.Raw
    hash: str


class ArchivedOrder(msgspec.Struct, frozen=True, rename="camel"):
    """One order as it is archived; `transactions` are the signed bytes in base64."""

    id: OrderId
    principal: Principal
    client_key: str | None
    journal: tuple[ArchivedEntry, ...]
    transactions: tuple[bytes, ...]


class Archive:
    """A gzip file of JSON lines, begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, orders: Iterable[ArchivedOrder]) -> None:
        """Add orders, and return once they are on the disk. Raises OSError."""
        packed = gzip.compress(b"".join(_encode(order) + b"\n" for order in orders))
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY)
        with os.fdopen(handle, "ab") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())


def build_archive(
    names: Sequence[PrunableOrder],
    entries: Iterable[JournalEntry],
    transactions: Iterable[tuple[str, bytes]],
) -> tuple[ArchivedOrder, ...]:
    """Assemble orders from their entries and attempts, both sorted by order."""
    entries_of = {one: tuple(lines) for one, lines in groupby(entries, attrgetter("order_id"))}
    sent: dict[str, list[bytes]] = {}
    for order_id, signed in transactions:
        sent.setdefault(order_id, []).append(signed)
    return tuple(
        ArchivedOrder(
            name.id,
            name.principal,
            name.client_key,
            tuple(_line(entry) for entry in entries_of[name.id]),
            tuple(sent.get(name.id, ())),
        )
        for name in names
    )


def _line(entry: JournalEntry) -> ArchivedEntry:
    payload = msgspec.Raw(entry.payload)
    return ArchivedEntry(entry.seq, entry.at, entry.kind, payload, entry.hash.hex())


def read_archived(text: bytes) -> tuple[JournalEntry, ...]:
    """Return the journal of an archived order, for `retell` to prove. Raises DecodeError."""
    one = msgspec.json.decode(text, type=ArchivedOrder)
    return tuple(
        JournalEntry(
            one.id, line.seq, line.at, line.kind, bytes(line.payload), bytes.fromhex(line.hash)
        )
        for line in one.journal
    )
