"""Reads all that a store holds as a stranger would, whichever store it is."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cambist.orders.events import Signed
from cambist.orders.journal import CorruptJournal, JournalEntry, replay
from cambist.orders.lifecycle import IllegalTransition
from cambist.stores.rows import read_entry
from cambist.stores.sqlite.maintenance import audit
from tests.stores.postgres_stores import talk


class Books(NamedTuple):
    """What a store says.

    `stored` has key and status of each order, `landed` the signature of each fill, `lines` how
    long each journal is; `breaks` is what in the store contradicts itself.
    """

    stored: dict[str, tuple[str | None, str]]
    landed: dict[str, str]
    signed: frozenset[str]
    lines: dict[str, int]
    breaks: tuple[str, ...]


def read_file(home: Path) -> Books:
    """Read the file of a home."""
    with closing(sqlite3.connect(f"file:{home / 'cambist.db'}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT id, client_key, status FROM engine_orders").fetchall()
        landed = dict(db.execute("SELECT order_id, signature FROM fills").fetchall())
        signed = frozenset(row[0] for row in db.execute("SELECT signature FROM attempts"))
        lines = dict(db.execute("SELECT order_id, count(*) FROM journal GROUP BY 1").fetchall())
    breaks = tuple(
        f"{problem.order_id}: {problem.reason}" for problem in audit(home / "cambist.db").breaks
    )
    return Books({row[0]: (row[1], row[2]) for row in rows}, landed, signed, lines, breaks)


async def read_database(url: str) -> Books:
    """Read a database, in one snapshot."""
    async with talk(url) as line, line.transaction(isolation="repeatable_read", readonly=True):
        orders = await line.fetch(
            "SELECT id, client_key, status, last_seq, head_hash FROM engine_orders"
        )
        attempts = await line.fetch(
            "SELECT order_id, signature, state, transaction_bytes FROM attempts"
        )
        fills = await line.fetch("SELECT order_id, signature FROM fills")
        rows = await line.fetch(
            "SELECT n, order_id, seq, at, kind, payload, hash FROM journal ORDER BY n"
        )
        counts = {
            row["status"]: row["n"]
            for row in await line.fetch("SELECT status, sum(n)::int AS n FROM tallies GROUP BY 1")
        }
    breaks = [] if [row[0] for row in rows] == list(range(1, len(rows) + 1)) else ["feed: a gap"]
    journals: dict[str, list[JournalEntry]] = defaultdict(list)
    for row in rows:
        journals[row[1]].append(read_entry(tuple(row[1:])))
    tried: dict[str, list[Any]] = defaultdict(list)
    for row in attempts:
        tried[row["order_id"]].append(row)
    for row in orders:
        reason = _check(row, journals.get(row["id"], []), tried[row["id"]])
        breaks += [f"{row['id']}: {reason}"] if reason else []
    breaks += [f"{one}: a journal without an order" for one in journals.keys() - _ids(orders)]
    counted: dict[str, int] = defaultdict(int)
    for row in orders:
        counted[row["status"]] += 1
    if {status: n for status, n in counts.items() if n} != counted:
        breaks.append(f"the tallies say {counts}, and there are {dict(counted)}")
    return Books(
        {row["id"]: (row["client_key"], row["status"]) for row in orders},
        {row["order_id"]: row["signature"] for row in fills},
        frozenset(row["signature"] for row in attempts),
        {order_id: len(entries) for order_id, entries in journals.items()},
        tuple(breaks),
    )


def _ids(rows: list[Any]) -> set[str]:
    return {row["id"] for row in rows}


def _check(row: Any, entries: list[JournalEntry], attempts: list[Any]) -> str:
    """Return what is wrong with one order: numbers, hashes, facts, attempts; or nothing."""
    try:
        events = replay(entries)
    except (CorruptJournal, IllegalTransition, msgspec.DecodeError) as error:
        return str(error)
    if not events:
        return "the journal is empty"
    order = events[-1].order
    if (order.status.value, order.last_seq, order.head_hash) != (
        row["status"], row["last_seq"], row["head_hash"],
    ):  # fmt: skip
        return "the row differs from its journal"
    signed = {
        event.event.signature: event.event for event in events if isinstance(event.event, Signed)
    }
    if {one["signature"] for one in attempts} != set(signed):
        return "the attempts kept are not those the journal signed"
    for attempt in attempts:
        digest = sha256(attempt["transaction_bytes"]).hexdigest()
        if digest != signed[attempt["signature"]].transaction_sha256:
            return f"the bytes of {attempt['signature']} are not those that were signed"
    if sum(one["state"] in ("in_flight", "landed") for one in attempts) > 1:
        return "more than one attempt is alive"
    return ""
