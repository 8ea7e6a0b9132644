"""Reads numbers that clients wrote, digit by digit, and writes numbers as exact JSON."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from cambist.values.amount import TEXT_MAX
from cambist.wire.text import JsonValue, Literal

_PLAIN: Final = re.compile(r"(0|[1-9][0-9]{0,19})(?:\.([0-9]{1,18}))?", re.ASCII)
_SMALL: Final = re.compile(r"([0-9])(?:\.([0-9]{1,18}))?[eE]-([0-9]{1,2})", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


def read_decimal(value: JsonValue) -> str | None:
    """Return a decimal number in its one canonical form, or None when it is not plain.

    Texts and number literals are alike, but for one thing: JavaScript writes a small number as
    `5e-7`, so a literal may have such an exponent. No float is ever made of it.
    """
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        return None
    text: str | None = value
    if isinstance(value, Literal) and not _PLAIN.fullmatch(value):
        text = _spell_out(value)
    found = _PLAIN.fullmatch(text) if text is not None else None
    if found is None:
        return None
    fraction = (found[2] or "").rstrip("0")
    return f"{found[1]}.{fraction}" if fraction else found[1]


def read_whole(value: JsonValue) -> str | None:
    """Return a whole number in its one canonical form, or None when it is not plain digits."""
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        return None
    return value.lstrip("0") or "0"


def is_negative(value: JsonValue) -> bool:
    """Whether the value is a number below zero, so that the fault can say so."""
    return (
        isinstance(value, str)
        and value.startswith("-")
        and (
            read_decimal(Literal(value[1:]) if isinstance(value, Literal) else value[1:])
            is not None
        )
    )


def _spell_out(literal: str) -> str | None:
    found = _SMALL.fullmatch(literal)
    if found is None:
        return None
    digits = found[1] + (found[2] or "")
    zeros = int(found[3])
    padded = digits.rjust(len(digits) + zeros, "0")
    whole, fraction = padded[:1], padded[1:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def scale(decimal: str, places: int) -> tuple[int, bool]:
    """Return the decimal times 10**places, rounded down, and whether nothing was cut off."""
    whole, _, fraction = decimal.partition(".")
    kept = fraction[:places].ljust(places, "0")
    return int(whole + kept), len(fraction) <= places


def number(text: str) -> msgspec.Raw:
    """Return exact digits as a JSON number."""
    return msgspec.Raw(text.encode())
