"""Reduces readings to medians and spreads, and writes them as one Markdown table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

OPEN: Final = "<!-- bench -->"
CLOSE: Final = "<!-- /bench -->"
_WHOLE_FROM: Final = 100
_TENTHS_FROM: Final = 10


class CannotMeasure(RuntimeError):
    """A measure that could not be made here; the table says why in place of a number."""


class Reading(NamedTuple):
    """One figure of one repetition. `value` is None when it could not be made: then `why`."""

    label: str
    value: float | None
    why: str = ""


class Row(NamedTuple):
    """One line of the table."""

    label: str
    text: str


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of all do not exceed (nearest rank).

    Raises CannotMeasure when there are no values.
    """
    if not values:
        raise CannotMeasure("there was nothing to count")
    rank = max(math.ceil(len(values) * percent / 100), 1)
    return sorted(values)[rank - 1]


def write_number(value: float) -> str:
    """Write a number with about three digits, and thousands apart."""
    if value == int(value) or abs(value) >= _WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= _TENTHS_FROM else f"{value:.2f}"


def rows(readings: Iterable[Reading]) -> list[Row]:
    """Gather the repetitions of each figure: its median, and the least and greatest."""
    kept: dict[str, list[Reading]] = {}
    for reading in readings:
        kept.setdefault(reading.label, []).append(reading)
    return [Row(label, _spread(same)) for label, same in kept.items()]


def _spread(same: Sequence[Reading]) -> str:
    values = [measurement.value for measurement in same if measurement.value is not None]
    whys = "; ".join(
        dict.fromkeys(measurement.why for measurement in same if measurement.value is None)
    )
    if not values:
        return f"not measured: {whys}"
    text = write_number(median(values))
    if len(values) > 1:
        text += f" ({write_number(min(values))} - {write_number(max(values))})"
    if len(values) < len(same):
        text += f"; {len(same) - len(values)} of {len(same)} not measured: {whys}"
    return text


def table(heading: str, lines: Iterable[Row]) -> str:
    """Write the heading and the rows as Markdown."""
    body = [f"| {label} | {text.replace('|', '/')} |" for label, text in lines]
    return "\n".join((heading, "", "| measure | median (min - max) |", "|---|---|", *body, ""))


def put(page: Path, text: str, name: str = "") -> None:
    """Write the text between the page's markers; a page without markers becomes the text.

    A page with several tables has a name in the markers of each. Raises ValueError when a marker
    has lost its other half, or a named one is missing.
    """
    opening, closing = (
        marker.replace("bench", f"bench {name}".strip()) for marker in (OPEN, CLOSE)
    )
    old = page.read_text("utf-8") if page.exists() else ""
    if opening not in old and closing not in old and not name:
        page.write_text(text, "utf-8")
        return
    before, opened, rest = old.partition(opening)
    _, closed, behind = rest.partition(closing)
    if not opened or not closed:
        msg = f"{page.name} needs {opening} and then {closing}"
        raise ValueError(msg)
    page.write_text(f"{before}{opening}\n{text}{closing}{behind}", "utf-8")
