"""Writes what orders brought and cost, day by day and pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cambist.orders.daily_fills import DailyFills, start_of
from cambist.values.amount import mul_div_ceil, write_amount, write_percent
from cambist.values.time_units import Timestamp
from cambist.wire.decimals import number
from cambist.wire.public_order_state import Amount, Number
from cambist.wire.rfc3339 import write_moment

_DATE_LETTERS: Final = len("2030-01-31")
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


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The fills since the beginning of a day (UTC), newest day first.

    `truncated` says that there were too many lines: the oldest are left out. `unreadable` counts
    fills that are in no line, since what is stored of them cannot be read.
    """

    since: str
    orders: int
    truncated: bool
    days: tuple[ReportLine, ...]
    unreadable: int = 0


def write_report(
    days: Sequence[DailyFills], since: Timestamp, *, truncated: bool, unreadable: int = 0
) -> bytes:
    """Write what confirmed orders moved and cost."""
    by_pair = sorted(days, key=lambda day: (day.pair.token_in.symbol, day.pair.token_out.symbol))
    newest = sorted(by_pair, key=lambda fills: fills.day, reverse=True)
    return _encode(
        Report(
            since=write_moment(since),
            orders=sum(fills.fills for fills in days),
            truncated=truncated,
            days=tuple(_line(fills) for fills in newest),
            unreadable=unreadable,
        )
    )


def _line(fills: DailyFills) -> ReportLine:
    given, taken = fills.pair.token_in, fills.pair.token_out
    return ReportLine(
        day=write_moment(start_of(fills.day))[:_DATE_LETTERS],
        token_in=given.symbol,
        token_out=taken.symbol,
        fills=fills.fills,
        amount_in=write_amount(fills.amount_in, given.decimals),
        amount_out=write_amount(fills.amount_out, taken.decimals),
        quoted_amount_in=write_amount(fills.quoted_in, given.decimals),
        quoted_amount_out=write_amount(fills.quoted_out, taken.decimals),
        slippage=number(write_percent(mul_div_ceil(fills.worse, 1, max(fills.fills, 1)))),
        fee_lamports=str(fills.fee_lamports),
        attempts=fills.attempts,
    )
