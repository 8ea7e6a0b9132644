"""Counts swaps tried against a compiled program, and prints them as a table by release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from cambist.venues.reject_reasons import RejectReason
from tests.onchain.releases import Release

PROPERTY: Final = "swap counts"
MAY_TRADE: Final = frozenset({RejectReason.DUST, RejectReason.TOO_FAR})
"""What is refused although the release that is tried may do it: other releases, or a whole route,
may not."""
_EQUAL, _REFUSED, _FAILED = "equal", "refused by both", "quoted, but fails"
_TRADES: Final = "refused, but trades"


class SwapCount:
    """What became of the swaps of one test. A swap is tried once, and counted once."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.counted: Counter[str] = Counter()

    @property
    def equal(self) -> int:
        """How many were equal to their quotes in all that was compared."""
        return self.counted[_EQUAL]

    @contextmanager
    def quoted(self) -> Iterator[None]:
        """Count a swap that was quoted: equal, unless a comparison inside fails."""
        try:
            yield
        except AssertionError:
            self.counted[_FAILED] += 1
            raise
        self.counted[_EQUAL] += 1

    def refused(self, why: RejectReason, traded: object, *, allowed: bool = False) -> None:
        """Count a swap that was refused here, and `traded` says whether the program did it.

        It may have done it where the reason is another release, or where the test allows it.
        """
        if not traded:
            self.counted[_REFUSED] += 1
            return
        self.counted[_TRADES, why.value] += 1  # type: ignore[index]
        assert allowed or why in MAY_TRADE, why


Count = Callable[[Release], SwapCount]


class Row(NamedTuple):
    """What one test counted, as its report carries it."""

    program: str
    release: str
    counted: list[tuple[str, str, int]]


def row(count: SwapCount) -> Row:
    """Return what a test counted in plain values, which a report may carry between processes."""
    counted = [
        (*key, number) if isinstance(key, tuple) else (key, "", number)
        for key, number in count.counted.items()
    ]
    return Row(count.release.program, count.release.name, counted)


def table(rows: Iterable[Row]) -> list[str]:
    """Return the lines of a Markdown table: programs and releases in the order they were tried."""
    sums: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    tests: Counter[tuple[str, str]] = Counter()
    for program, release, counted in rows:
        tests[program, release] += 1
        total = sums.setdefault((program, release), Counter())
        for kind, why, number in counted:
            total[kind, why] += number
    head = ("Program", "Release", "Tests", "Tried", "Equal", "Refused by both",
            "Quoted, but fails", "Refused, but trades")  # fmt: skip
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * 2 + ['---:'] * 6)} |"]
    for (program, release), total in sums.items():
        trades = {why: number for (kind, why), number in total.items() if kind == _TRADES}
        told = ", ".join(f"`{why}` {number:,}" for why, number in sorted(trades.items()))
        numbers = [tests[program, release], sum(total.values())]
        numbers += [total[kind, ""] for kind in (_EQUAL, _REFUSED, _FAILED)]
        cells = [f"`{program}`", release, *(f"{number:,}" for number in numbers), told or "0"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
