"""Writes instants, amounts, prices and ways for people to read."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from cambist.client import Event, Order, Quote

_DIGITS_SHOWN: Final = 8
_THOUSAND: Final = 1_000
_CENT: Final = Decimal("0.01")


def format_instant(at: datetime) -> str:
    """Write an instant as the wire does."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_amount(amount: Decimal | None, unknown: str = "-") -> str:
    """Write an amount in plain digits, never as an exponent."""
    return unknown if amount is None else format(amount, "f")


def format_percent(percents: Decimal | None) -> str:
    """Write a share in percent, or a dash where there is none to tell."""
    return "-" if percents is None else f"{format_amount(percents)} %"


def format_price(price: Decimal | None) -> str:
    """Write a price with eight digits that count; the order itself shows all of them."""
    text = format_amount(price)
    counted = 0
    for place, letter in enumerate(text):
        counted += letter.isdigit() and (counted > 0 or letter != "0")
        if counted >= _DIGITS_SHOWN and "." in text[: place + 1]:
            return text[: place + 1].rstrip(".")
    return text


def dex_name(dex: str, program: str) -> str:
    """Write a pool's venue and program as people say them: "meteora damm v2"."""
    return f"{dex} {program.replace('_', ' ')}".strip()


def route_label(shown: Order | Event | Quote) -> str:
    """Write where the swaps go: `>` leads through a hub, `+` shares the amount.

    A venue is named where it changes: "raydium clmm + amm v4".
    """
    if not shown.legs:
        quote = shown.quote
        return dex_name(quote.dex, quote.program) if quote else shown.selected_dex or "-"
    text, before = "", None
    for leg in shown.legs:
        if before is not None:
            text += " > " if leg.path == before.path else " + "
        same = before is not None and leg.dex == before.dex
        text += dex_name("" if same else leg.dex, leg.program)
        before = leg
    return text


def format_bps(bps: int | None) -> str:
    """Write basis points as percent, in as few digits as it takes; a dash for none."""
    if bps is None:
        return "-"
    whole, part = divmod(bps, 100)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".") + " %"


def format_short_amount(amount: Decimal) -> str:
    """Write an amount for comparing: cents below a thousand, groups of three from there on."""
    if amount < 1:
        return format_price(amount)
    rounded = amount.quantize(_CENT)
    return f"{rounded:,.0f}" if rounded >= _THOUSAND else f"{rounded}"
