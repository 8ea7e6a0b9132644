"""Counts money in raw units, reads and writes it as text, and divides with the rounding named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NewType


class RawAmount(int):
    """An amount in a token's smallest unit: 0 to 2**64 - 1, as the chain stores it.

    A class and not only a name, because amounts travel as text in JSON: 64 unsigned bits fit
    neither a JavaScript number nor a database's signed integer.
    """

    __slots__ = ()


class BigInt(int):
    """A number of any size that is written as text in JSON, as amounts are."""

    __slots__ = ()


Bps = NewType("Bps", int)
"""A share in basis points: 10,000 is the whole."""

BIG_DIGITS_MAX: Final = 100
"""How many digits a stored `BigInt` may have: twice those of the longest price."""
RAW_MAX: Final = RawAmount(2**64 - 1)
BPS_ONE: Final = 10_000
DECIMALS_MAX: Final = 18
TEXT_MAX: Final = 40
_WHOLE_TOKENS: Final = re.compile(r"(0|[1-9][0-9]{0,19})(?:\.([0-9]{1,18}))?", re.ASCII)


class TooManyDigits(ValueError):
    """More digits after the point than the token has."""


class OutOfRange(ValueError):
    """Not between 1 and 2**64 - 1 raw units."""


def mul_div_floor(a: int, b: int, divisor: int) -> int:
    """Return a * b / divisor, rounded down."""
    return a * b // divisor


def mul_div_ceil(a: int, b: int, divisor: int) -> int:
    """Return a * b / divisor, rounded up."""
    return -(-a * b // divisor)


def proportions(parts: Sequence[int], whole: int) -> list[int]:
    """Return whole numbers in the proportion of the parts that add up to `whole`.

    What rounding down leaves goes to those that lost the most by it.
    """
    total = sum(parts)
    if not total:
        return [0 for _ in parts]
    shares = [mul_div_floor(part, whole, total) for part in parts]
    losses = [part * whole % total for part in parts]
    first = sorted(range(len(parts)), key=lambda place: losses[place], reverse=True)
    for place in first[: whole - sum(shares)]:
        shares[place] += 1
    return shares


def parse_amount(text: str, decimals: int) -> RawAmount:
    """Read whole tokens ("1.5") as raw units, exactly.

    Raises ValueError for any other form, TooManyDigits when a digit would be lost (trailing
    zeros lose nothing), OutOfRange for zero and for what the chain cannot hold.
    """
    found = _WHOLE_TOKENS.fullmatch(text) if len(text) <= TEXT_MAX else None
    if found is None:
        msg = "an amount is digits with at most one point"
        raise ValueError(msg)
    whole, fraction = found[1], (found[2] or "").rstrip("0")
    if len(fraction) > decimals:
        msg = f"the token has {decimals} decimals"
        raise TooManyDigits(msg)
    raw = int(whole) * 10**decimals + int(fraction.ljust(decimals, "0") or "0")
    return check_raw(raw)


def check_raw(raw: int) -> RawAmount:
    """Return the number as an amount, or raise OutOfRange."""
    if not 0 < raw <= RAW_MAX:
        msg = f"an amount is between 1 and {RAW_MAX} raw units"
        raise OutOfRange(msg)
    return RawAmount(raw)


def write_amount(raw: int, decimals: int) -> str:
    """Write raw units as whole tokens, without trailing zeros: the inverse of `parse_amount`."""
    sign, digits = ("-", -raw) if raw < 0 else ("", raw)
    if not decimals:
        return f"{sign}{digits}"
    text = str(digits).rjust(decimals + 1, "0")
    fraction = text[-decimals:].rstrip("0")
    return f"{sign}{text[:-decimals]}.{fraction}" if fraction else f"{sign}{text[:-decimals]}"


def write_percent(bps_hundredths: int) -> str:
    """Write hundredths of a basis point as a percent number: 5_000 is "0.5"."""
    return write_amount(bps_hundredths, 4)
