"""Reads the numbers of clients digit by digit, and writes numbers as exact JSON."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from cambist.values.amount import TEXT_MAX
from cambist.wire.json_body import JsonValue, NumberLiteral

_PLAIN: Final = re.compile(r"(0|[1-9][0-9]{0,19})(?:\.([0-9]{1,18}))?", re.ASCII)
_NUMBER: Final = re.compile(
    r"(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?)0*([0-9]{1,3}))?", re.ASCII
)
"""A JSON number not below zero (RFC 8259, 6). Exponents of four digits are past all limits."""

_WHOLE: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


def read_decimal(value: JsonValue) -> str | None:
    """Return a decimal number in its one canonical form, or None when it is not plain.

    Texts are digits with at most one point. A number literal may be written in any way JSON
    allows (`1.0E7`, `1e+5`, `9e-05`), as long as it is exact within the same limits of digits. No
    float is ever made of it.
    """
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        return None
    text: str | None = value
    if isinstance(value, NumberLiteral) and not _PLAIN.fullmatch(value):
        text = _spell_out(value)
    found = _PLAIN.fullmatch(text) if text is not None else None
    if found is None:
        return None
    fraction = (found[2] or "").rstrip("0")
    return f"{found[1]}.{fraction}" if fraction else found[1]


def read_whole(value: JsonValue) -> str | None:
    """Return a whole number in its one canonical form, or None for anything else.

    A text is plain digits; a number literal may be written in any way JSON allows.
    """
    if isinstance(value, NumberLiteral) and len(value) <= TEXT_MAX and not _WHOLE.fullmatch(value):
        value = _spell_out(value)
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        return None
    return value.lstrip("0") or "0"


def is_negative(value: JsonValue) -> bool:
    """Whether the value is a number below zero, so that the fault can say so."""
    return (
        isinstance(value, str)
        and value.startswith("-")
        and (
            read_decimal(
                NumberLiteral(value[1:]) if isinstance(value, NumberLiteral) else value[1:]
            )
            is not None
        )
    )


def _spell_out(literal: str) -> str | None:
    """Write a number without an exponent, and without zeros that mean nothing."""
    found = _NUMBER.fullmatch(literal)
    if found is None:
        return None
    whole, fraction, sign, exponent = found[1], found[2] or "", found[3], int(found[4] or 0)
    digits = whole + fraction
    point = len(whole) + (-exponent if sign == "-" else exponent)
    if point <= 0:
        digits, point = "0" * (1 - point) + digits, 1
    digits = digits.ljust(point, "0")
    before, after = digits[:point].lstrip("0") or "0", digits[point:].rstrip("0")
    return f"{before}.{after}" if after else before


def is_number(value: JsonValue) -> bool:
    """Whether a value is a JSON number that is not below zero, whatever its size."""
    return isinstance(value, NumberLiteral) and _NUMBER.fullmatch(value) is not None


def scale(decimal: str, places: int) -> tuple[int, bool]:
    """Return the decimal times 10**places, rounded down, and whether nothing was cut off."""
    whole, _, fraction = decimal.partition(".")
    kept = fraction[:places].ljust(places, "0")
    return int(whole + kept), len(fraction) <= places


def number(text: str) -> msgspec.Raw:
    """Return exact digits as a JSON number."""
    return msgspec.Raw(text.encode())
