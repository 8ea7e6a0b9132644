"""Audits a store: every order's journal against its rows, and the counts.

Reads a whole store as a stranger would, and tells where journal, rows and counts disagree.

It asks for a range of orders at a time, in the order of their ids, and so never holds more than
a page. Who asks and who answers are apart: any store that can run the named queries, all in one
snapshot, can be audited.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple, cast

import msgspec
from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.attempt import NodeObservation
from cambist.orders.journal import CorruptJournal, RecordedEvent, replay
from cambist.orders.lifecycle import IllegalTransition
from cambist.orders.order import Order, Status
from cambist.stores import rows
from cambist.stores.errors import CorruptRow
from cambist.values import json_codec
from cambist.values.ids import OrderId

ORDERS_PER_PAGE: Final = 200
LINES_PER_PAGE: Final = 20_000
BREAKS_KEPT_MAX: Final = 1_000
_BEYOND_ALL_IDS: Final = "\U0010ffff"
_OPEN: Final = (Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED)


class Inconsistency(msgspec.Struct, frozen=True):
    """What is wrong with an order, or with what is counted of all."""

    order_id: OrderId
    reason: str


class AuditReport(msgspec.Struct, frozen=True):
    """What was read, and what is wrong. `broken` counts the breaks; not all need be listed.

    `empty_places` are numbers in the journal that no line has: closed orders were put away, or
    somebody removed them.
    """

    orders: int
    entries: int
    breaks: tuple[Inconsistency, ...]
    broken: int = 0
    empty_places: int = 0


class AuditQuery(NamedTuple):
    """A named query, the values it takes, and how far the audit has come."""

    query: str
    values: tuple[Any, ...]
    orders: int


Rows = Sequence[Sequence[Any]]
Walk = Generator[AuditQuery, Rows, AuditReport]


class _Findings:
    """What was seen so far."""

    def __init__(self) -> None:
        self.orders = self.entries = self.broken = 0
        self.breaks: list[Inconsistency] = []
        self.tallies: Counter[tuple[str, str]] = Counter()

    def note(self, order_id: str, reason: str) -> None:
        """Add a break, and list it while there is room."""
        self.broken += 1
        if len(self.breaks) < BREAKS_KEPT_MAX:
            self.breaks.append(Inconsistency(OrderId(order_id), reason))

    def read(self, order_id: str, kept: StoredOrder) -> None:
        """Judge an order by everything that is kept of it."""
        self.orders += 1
        self.entries += len(kept.lines)
        if kept.row is not None:
            self.tallies[kept.row[1], kept.row[2]] += 1
        reason = check_order(kept)
        if reason:
            self.note(order_id, reason)


def audit_steps() -> Walk:
    """Ask for all that is kept, page by page, and return the report."""
    found, after = _Findings(), ""
    while after != _BEYOND_ALL_IDS:
        ((by_orders, by_lines),) = yield AuditQuery(
            "audit_bound", (after, ORDERS_PER_PAGE, LINES_PER_PAGE), found.orders
        )
        until = min(by_orders or _BEYOND_ALL_IDS, by_lines or _BEYOND_ALL_IDS)
        page: dict[str, StoredOrder] = defaultdict(StoredOrder)
        for row in (yield AuditQuery("audit_rows", (after, until), found.orders)):
            page[row[0]].row = row
        for name, place in (("lines", 1), ("attempts", 0), ("fills", 0)):
            for row in (yield AuditQuery(f"audit_{name}", (after, until), found.orders)):
                cast("list[Any]", getattr(page[row[place]], name)).append(row)
        for order_id in sorted(page):
            found.read(order_id, page[order_id])
        after = until
    ((lines, last, end, backlog),) = yield AuditQuery("audit_counts", (), found.orders)
    if (last or 0) > end:
        found.note("the feed", f"its end is {end}, and the newest line stands at {last}")
    if backlog is not None:
        _compare_counts(found, backlog, (yield AuditQuery("audit_tallies", (), found.orders)))
    empty = max(end - lines, 0)
    return AuditReport(found.orders, found.entries, tuple(found.breaks), found.broken, empty)


def _compare_counts(found: _Findings, backlog: int, rows: Rows) -> None:
    """Compare what the store counted on its way with what is there."""
    counted = {(who, status): many for who, status, many in rows if many}
    for who, status in sorted(counted.keys() | found.tallies.keys()):
        noted, there = counted.get((who, status), 0), found.tallies[who, status]
        if noted != there:
            found.note("the tallies", f"{noted} orders of {who} are {status}, and {there} are")
    there = _count_open(found.tallies.items())
    if backlog != there:
        found.note("the backlog", f"it is counted as {backlog}, and {there} orders are open")


def _count_open(tallies: Iterable[tuple[tuple[str, str], int]]) -> int:
    return sum(many for (_, status), many in tallies if status in _OPEN)


Row = Sequence[Any]

_FOLDED: Final = (
    "intent", "created_at", "status", "terms", "try_number", "attempt_count", "route", "route_seq",
    "attempt", "fill", "fault", "setbacks", "cancel_requested_at", "written_off_at", "closed_at",
    "is_final", "trigger", "last_seq", "last_at", "head_hash",
)  # fmt: skip
_ALIVE: Final = ("in_flight", "landed")
_ROUTE_SEQ, _ATTEMPT, _WAKE_AT = 12, 13, 6
_read_witnesses: Final = json_codec.decoder(tuple[NodeObservation, ...]).decode


class StoredOrder(msgspec.Struct):
    """Everything a store holds of one order, as the rows of the audit's queries."""

    row: Row | None = None
    lines: list[Row] = []
    attempts: list[Row] = []
    fills: list[Row] = []


def check_order(kept: StoredOrder) -> str:
    """Return what is wrong with an order, or nothing."""
    if kept.row is None:
        return "there is a journal without an order" if kept.lines else "rows without an order"
    if not kept.lines:
        return "the journal is empty"
    try:
        history = replay([rows.read_entry(tuple(line[1:7])) for line in kept.lines])
        order = rows.read_order(_as_loaded(kept.row, kept))
    except (CorruptJournal, IllegalTransition, CorruptRow, msgspec.DecodeError) as error:
        return str(error)
    return (
        _compare(order, history)
        or _check_lines(kept, history)
        or _check_attempts(kept, history)
        or _check_fills(kept, history)
    )


def _as_loaded(row: Row, kept: StoredOrder) -> rows.Row:
    """Put together what the store's own view would load the order from."""
    payloads = {line[2]: line[5] for line in kept.lines}
    tried = next((one for one in kept.attempts if one[1] == row[_ATTEMPT]), None)
    attempt = (None,) * 7 if tried is None else tuple(tried[1:8])
    fill = next((one for one in kept.fills if tried is not None and one[1] == tried[2]), None)
    moved = (None,) * 4 if fill is None else tuple(fill[2:6])
    head = (row[0], *row[2:13])
    return (*head, payloads.get(1), payloads.get(row[_ROUTE_SEQ]), *attempt, *moved, row[1])


def _compare(row: Order, history: tuple[RecordedEvent, ...]) -> str:
    folded = history[-1].order
    bare = row.attempt
    if bare is not None:
        row = replace(row, attempt=replace(bare, transaction=b""))
    unlike = [name for name in _FOLDED if getattr(row, name) != getattr(folded, name)]
    return f"the row differs from its journal in {', '.join(unlike)}" if unlike else ""


def _check_lines(kept: StoredOrder, history: tuple[RecordedEvent, ...]) -> str:
    """Check what the events do not determine: owner, positions, instants and the wake-up."""
    order = history[-1].order
    owner = order.intent.principal
    if kept.row is not None and kept.row[1] != owner:
        return f"the row is of {kept.row[1]}, and the order of {owner}"
    if any(line[7] is not None and line[7] != owner for line in kept.lines):
        return "a line of the journal is filed under somebody else"
    places = [line[0] for line in kept.lines]
    if places != sorted(set(places)):
        return "the lines do not stand in the order they became true"
    times = [event.entry.at for event in history]
    if times != sorted(times):
        return "the times of the journal go back"
    if kept.row is not None and not order.is_closed and kept.row[_WAKE_AT] is None:
        return "it is open, and nobody will look at it again"
    return ""


def _check_attempts(kept: StoredOrder, history: tuple[RecordedEvent, ...]) -> str:
    """Compare attempts with what was signed, and their outcomes with what was reported."""
    signed = {
        event.event.signature: event.event
        for event in history
        if isinstance(event.event, events.Signed)
    }
    if sorted(row[2] for row in kept.attempts) != sorted(signed):
        return "the attempts kept are not those the journal signed"
    ends = dict(_end(one.event) for one in history)
    for row in kept.attempts:
        one = signed[row[2]]
        if tuple(row[1:6]) != (
            one.attempt, one.signature, one.blockhash, one.last_valid_height, one.slot
        ):  # fmt: skip
            return f"the attempt {one.signature} is not as it was signed"
        if sha256(row[7]).hexdigest() != one.transaction_sha256:
            return f"the bytes of {one.signature} are not those that were signed"
        state, evidence = ends.get(one.signature, ("in_flight", None))
        if row[6] != state:
            return f"the attempt {one.signature} is called {row[6]}, and is {state}"
        proof = None if row[8] is None else _read_witnesses(row[8])
        if proof != evidence:
            return f"the evidence kept of {one.signature} is not what was heard"
    if sum(row[6] in _ALIVE for row in kept.attempts) > 1:
        return "more than one attempt is alive"
    return ""


def _end(
    one: events.OrderEvent,
) -> tuple[str | None, tuple[str, tuple[NodeObservation, ...] | None]]:
    """Return the signature whose outcome an event records, its final state, and the proof."""
    match one:
        case events.Landed(fill):
            return fill.signature, ("landed", None)
        case events.Reverted(signature):
            return signature, ("reverted", None)
        case events.Lapsed(signature, evidence):
            return signature, ("lapsed", evidence)
        case _:
            return None, ("", None)


def _check_fills(kept: StoredOrder, history: tuple[RecordedEvent, ...]) -> str:
    landed = [
        event.event.fill.signature for event in history if isinstance(event.event, events.Landed)
    ]
    if sorted(row[1] for row in kept.fills) != sorted(landed):
        return "the fills kept are not what landed"
    return ""
