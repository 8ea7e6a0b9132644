"""Reads a whole store as a stranger would, and tells where journal, rows and counts disagree.

It asks for a range of orders at a time, in the order of their ids, and so never holds more than
a page. Who asks and who answers are apart: any store that can run the named queries, all in one
snapshot, can be audited.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from cambist.orders.order import Status
from cambist.stores.evidence import Kept, fault_of
from cambist.values.ids import OrderId

ORDERS_PER_PAGE: Final = 200
LINES_PER_PAGE: Final = 20_000
BREAKS_KEPT_MAX: Final = 1_000
_BEYOND_ALL_IDS: Final = "\U0010ffff"
_OPEN: Final = (Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED)


class Break(msgspec.Struct, frozen=True):
    """What is wrong with an order, or with what is counted of all."""

    order_id: OrderId
    reason: str


class Report(msgspec.Struct, frozen=True):
    """What was read, and what is wrong. `broken` counts the breaks; not all need be listed.

    `empty_places` are numbers in the journal that no line has: closed orders were put away, or
    somebody removed them.
    """

    orders: int
    entries: int
    breaks: tuple[Break, ...]
    broken: int = 0
    empty_places: int = 0


class Ask(NamedTuple):
    """A named query, the values it takes, and how far the audit has come."""

    query: str
    values: tuple[Any, ...]
    orders: int


Rows = Sequence[Sequence[Any]]
Walk = Generator[Ask, Rows, Report]


class _Findings:
    """What was seen so far."""

    def __init__(self) -> None:
        self.orders = self.entries = self.broken = 0
        self.breaks: list[Break] = []
        self.tallies: Counter[tuple[str, str]] = Counter()

    def note(self, order_id: str, reason: str) -> None:
        """Add a break, and list it while there is room."""
        self.broken += 1
        if len(self.breaks) < BREAKS_KEPT_MAX:
            self.breaks.append(Break(OrderId(order_id), reason))

    def read(self, order_id: str, kept: Kept) -> None:
        """Judge an order by everything that is kept of it."""
        self.orders += 1
        self.entries += len(kept.lines)
        if kept.row is not None:
            self.tallies[kept.row[1], kept.row[2]] += 1
        reason = fault_of(kept)
        if reason:
            self.note(order_id, reason)


def walk() -> Walk:
    """Ask for all that is kept, page by page, and return the report."""
    found, after = _Findings(), ""
    while after != _BEYOND_ALL_IDS:
        ((by_orders, by_lines),) = yield Ask(
            "audit_bound", (after, ORDERS_PER_PAGE, LINES_PER_PAGE), found.orders
        )
        until = min(by_orders or _BEYOND_ALL_IDS, by_lines or _BEYOND_ALL_IDS)
        page: dict[str, Kept] = defaultdict(Kept)
        for row in (yield Ask("audit_rows", (after, until), found.orders)):
            page[row[0]].row = row
        for name, place in (("lines", 1), ("attempts", 0), ("fills", 0)):
            for row in (yield Ask(f"audit_{name}", (after, until), found.orders)):
                cast("list[Any]", getattr(page[row[place]], name)).append(row)
        for order_id in sorted(page):
            found.read(order_id, page[order_id])
        after = until
    ((lines, last, end, backlog),) = yield Ask("audit_counts", (), found.orders)
    if (last or 0) > end:
        found.note("the feed", f"its end is {end}, and the newest line stands at {last}")
    if backlog is not None:
        _compare_counts(found, backlog, (yield Ask("audit_tallies", (), found.orders)))
    empty = max(end - lines, 0)
    return Report(found.orders, found.entries, tuple(found.breaks), found.broken, empty)


def _compare_counts(found: _Findings, backlog: int, rows: Rows) -> None:
    """Compare what the store counted on its way with what is there."""
    told = {(who, status): many for who, status, many in rows if many}
    for who, status in sorted(told.keys() | found.tallies.keys()):
        is_told, there = told.get((who, status), 0), found.tallies[who, status]
        if is_told != there:
            found.note("the tallies", f"{is_told} orders of {who} are {status}, and {there} are")
    there = _count_open(found.tallies.items())
    if backlog != there:
        found.note("the backlog", f"it is counted as {backlog}, and {there} orders are open")


def _count_open(tallies: Iterable[tuple[tuple[str, str], int]]) -> int:
    return sum(many for (_, status), many in tallies if status in _OPEN)
