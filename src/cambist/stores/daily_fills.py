"""Adds up fills by principal, day and pair, for both stores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from cambist.orders.daily_fills import DailyFills, day_of
from cambist.ports.daily_fills import FillSums
from cambist.ports.errors import ReadInterrupted
from cambist.values import json_codec
from cambist.values.amount import RawAmount, mul_div_ceil
from cambist.values.ids import OrderId, Principal
from cambist.values.route import SwapMode
from cambist.values.time_units import Timestamp
from cambist.values.token import Pair

FILLS_AT_ONCE: Final = 200
"""How many fills are added up in one transaction: writers wait for it."""
FILLS_WAITING_MAX: Final = 5_000
"""How many fills that are in no sum yet one report adds up by itself."""
IN_SUM, IS_UNREADABLE = 1, 2
_WHOLE_HUNDREDTHS: Final = 1_000_000
FIELDS: Final = (
    "fills", "attempts", "fee_lamports", "amount_in", "amount_out", "quoted_in", "quoted_out",
    "worse",
)  # fmt: skip
Rows = Sequence[Sequence[Any]]
Key = tuple[str, int, str]
"""Principal, day and pair as JSON."""


class _Intent(msgspec.Struct, frozen=True):
    pair: Pair


class _Accepted(msgspec.Struct, frozen=True):
    """The part of the first journal entry that a sum needs."""

    intent: _Intent


class _Route(msgspec.Struct, frozen=True):
    mode: SwapMode
    amount_in: RawAmount
    amount_out: RawAmount


class _Routed(msgspec.Struct, frozen=True):
    """The part of a route's journal entry that a sum needs: its quotes are never decoded."""

    route: _Route


class _State(msgspec.Struct, frozen=True):
    closed_at: Timestamp
    attempts_made: int = 0


_ACCEPTED: Final = json_codec.decoder(_Accepted).decode
_ROUTED: Final = json_codec.decoder(_Routed).decode
_STATE: Final = json_codec.decoder(_State).decode
_PAIR: Final = json_codec.decoder(Pair).decode


class FillTotals(NamedTuple):
    """The sums of some rows, and what is to be noted of each row's order."""

    sums: dict[Key, list[int]]
    marks: dict[OrderId, int]

    @property
    def unreadable(self) -> int:
        """How many rows are in no sum, since they cannot be read."""
        return sum(mark == IS_UNREADABLE for mark in self.marks.values())


class FillQuery(NamedTuple):
    """Whose sums, from which day on, and how many at most."""

    principal: Principal
    since_day: int
    limit: int


def add_up(rows: Iterable[Sequence[Any]]) -> FillTotals:
    """Add up rows of `fills_not_summed`; one that cannot be read is marked so."""
    sums: dict[Key, list[int]] = {}
    marks: dict[OrderId, int] = {}
    for row in rows:
        order_id, principal, is_current = OrderId(row[0]), row[1], row[2]
        marks.setdefault(order_id, IN_SUM)
        if not is_current:  # another attempt of this order landed after all: that one is counted
            continue
        try:
            key, figures = _read(principal, row)
        except (msgspec.DecodeError, ValueError, TypeError):
            marks[order_id] = IS_UNREADABLE
            continue
        kept = sums.setdefault(key, [0] * len(FIELDS))
        sums[key] = [one + other for one, other in zip(kept, figures, strict=True)]
    return FillTotals(sums, marks)


def _read(principal: str, row: Sequence[Any]) -> tuple[Key, list[int]]:
    state, route = _STATE(row[3]), _ROUTED(row[5]).route
    pair = json_codec.encode(_ACCEPTED(row[4]).intent.pair).decode()
    amount_in, amount_out, fee = (int(RawAmount(text)) for text in row[6:9])
    if route.mode == "exact_in":
        worse, quoted = route.amount_out - amount_out, route.amount_out
    else:
        worse, quoted = amount_in - route.amount_in, route.amount_in
    hundredths = mul_div_ceil(worse, _WHOLE_HUNDREDTHS, quoted) if quoted else 0
    figures = [1, state.attempts_made, fee, amount_in, amount_out]
    figures += [int(route.amount_in), int(route.amount_out), hundredths]
    return (principal, day_of(state.closed_at), pair), figures


def read_sums(
    rows: Iterable[Sequence[Any]], more: FillTotals, principal: str, since: int
) -> FillTotals:
    """Return kept sums of a principal with those of fills that are in none yet."""
    sums = {(principal, row[0], row[1]): [int(one) for one in row[2:]] for row in rows}
    for key, figures in more.sums.items():
        if key[1] >= since:
            kept = sums.get(key, [0] * len(FIELDS))
            sums[key] = [one + other for one, other in zip(kept, figures, strict=True)]
    return FillTotals(sums, more.marks)


def as_days(sums: dict[Key, list[int]], limit: int) -> tuple[DailyFills, ...]:
    """Return sums, newest day first."""
    newest = sorted(sums.items(), key=lambda one: (-one[0][1], one[0][2]))[:limit]
    return tuple(
        DailyFills(day=key[1], pair=_PAIR(key[2]), **dict(zip(FIELDS, figures, strict=True)))
        for key, figures in newest
    )


def sums_of(kept: Rows, waiting: Rows, unreadable: int, asked: FillQuery) -> FillSums:
    """Put kept sums together with fills that are in none. Raises ReadInterrupted."""
    if len(waiting) > FILLS_WAITING_MAX:
        msg = "earlier fills are still being added up; ask again in a minute"
        raise ReadInterrupted(msg)
    more = add_up(waiting)
    sums = read_sums(kept, more, asked.principal, asked.since_day).sums
    return FillSums(as_days(sums, asked.limit), unreadable + more.unreadable)
