"""Sums up what orders brought and cost, day by day and pair by pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from cambist.orders.order import Order
from cambist.values.amount import mul_div_ceil, write_amount, write_percent
from cambist.values.token import Pair
from cambist.wire.figures import Amount, Number
from cambist.wire.moments import write_moment
from cambist.wire.numbers import number

_DATE_LETTERS: Final = len("2030-01-31")
_WHOLE_HUNDREDTHS: Final = 1_000_000
_encode: Final = msgspec.json.Encoder().encode


class ReportLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the fills of one pair moved on one day (UTC).

    `slippage` is the mean of the fills' own: how much less than quoted was got, or more given,
    in percent; below 0 is better than quoted.
    """

    day: str
    token_in: str
    token_out: str
    fills: int
    amount_in: Amount
    amount_out: Amount
    quoted_amount_in: Amount
    quoted_amount_out: Amount
    slippage: Number
    fee_lamports: str
    attempts: int


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The fills since an instant, newest day first; `truncated` when there were too many."""

    since: str | None
    orders: int
    truncated: bool
    days: tuple[ReportLine, ...]


class _Key(NamedTuple):
    day: str
    pair: Pair


class _Sum:
    """Adds up fills in raw units."""

    def __init__(self) -> None:
        self.fills = self.attempts = self.fee = 0
        self.moved = [0, 0]
        self.quoted = [0, 0]
        self.worse = 0

    def add(self, order: Order) -> None:
        fill, route = order.fill, order.route
        if fill is None or route is None:
            return
        self.fills += 1
        self.attempts += order.attempts_made
        self.fee += fill.fee_lamports
        self.moved[0] += fill.amount_in
        self.moved[1] += fill.amount_out
        self.quoted[0] += route.amount_in
        self.quoted[1] += route.amount_out
        if route.mode == "exact_in":
            self.worse += mul_div_ceil(
                route.amount_out - fill.amount_out, _WHOLE_HUNDREDTHS, route.amount_out
            )
        else:
            self.worse += mul_div_ceil(
                fill.amount_in - route.amount_in, _WHOLE_HUNDREDTHS, route.amount_in
            )


def write_report(orders: Sequence[Order], since: str | None, *, truncated: bool) -> bytes:
    """Write what confirmed orders moved and cost."""
    sums: dict[_Key, _Sum] = {}
    for order in orders:
        if order.closed_at is None:
            continue
        key = _Key(write_moment(order.closed_at)[:_DATE_LETTERS], order.intent.pair)
        sums.setdefault(key, _Sum()).add(order)
    lines = tuple(_line(key, sums[key]) for key in _newest_first(sums))
    return _encode(Report(since=since, orders=len(orders), truncated=truncated, days=lines))


def _newest_first(keys: Iterable[_Key]) -> list[_Key]:
    by_pair = sorted(keys, key=lambda one: (one.pair.token_in.symbol, one.pair.token_out.symbol))
    return sorted(by_pair, key=lambda one: one.day, reverse=True)


def _line(key: _Key, total: _Sum) -> ReportLine:
    given, taken = key.pair.token_in, key.pair.token_out
    return ReportLine(
        day=key.day,
        token_in=given.symbol,
        token_out=taken.symbol,
        fills=total.fills,
        amount_in=write_amount(total.moved[0], given.decimals),
        amount_out=write_amount(total.moved[1], taken.decimals),
        quoted_amount_in=write_amount(total.quoted[0], given.decimals),
        quoted_amount_out=write_amount(total.quoted[1], taken.decimals),
        slippage=number(write_percent(mul_div_ceil(total.worse, 1, max(total.fills, 1)))),
        fee_lamports=str(total.fee),
        attempts=total.attempts,
    )
