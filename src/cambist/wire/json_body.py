"""Reads a body as one flat JSON object, keeping every number as the digits that were sent.

The standard reader alone would let through what must not pass: a number read as a float, the
words NaN and Infinity, a field that stands twice, text that no database or terminal can hold,
and nesting deep enough to exhaust the stack.
"""

from __future__ import annotations

import json
import re
from typing import Final, TypeAlias

from cambist.faults import Code, Fault, RequestRejected, fault

DEPTH_MAX: Final = 16
FIELD_NAME_MAX: Final = 64
_NESTING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_OPENING: Final = (b"[", b"{")
_CLOSING: Final = (b"]", b"}")


class NumberLiteral(str):
    """A JSON number, as the digits that stood in the body."""

    __slots__ = ()


JsonValue: TypeAlias = "str | NumberLiteral | bool | list[JsonValue] | JsonFields | None"


class JsonFields(dict[str, JsonValue]):
    """A JSON object as it was read, and what is wrong with it already."""

    __slots__ = ("faults",)

    def __init__(self, pairs: list[tuple[str, JsonValue]]) -> None:
        super().__init__(pairs)
        self.faults: list[Fault] = []
        if len(self) != len(pairs):
            self.faults += _twice(pairs)
        for name, value in pairs:
            if not name.isprintable() or (isinstance(value, str) and not value.isprintable()):
                message = "Text may not hold control characters or broken Unicode."
                self.faults.append(fault(Code.INVALID_VALUE, message, shown(name)))


def shown(name: str) -> str:
    """Return a field's name fit to be sent back: printable, and not endless."""
    clean = name if name.isprintable() else ascii(name)[1:-1]
    return clean if len(clean) <= FIELD_NAME_MAX else clean[:FIELD_NAME_MAX] + "…"


def only(fields: JsonFields, wanted: str) -> list[Fault]:
    """Return what is wrong with an object that is to hold this one field."""
    faults = list(fields.faults)
    for name in fields:
        if name != wanted:
            message = f"There is no field {shown(name)} here, only {wanted}."
            faults.append(fault(Code.UNKNOWN_FIELD, message, shown(name)))
    if wanted not in fields:
        faults.append(fault(Code.MISSING_FIELD, f"{wanted} is missing.", wanted))
    return faults


def _twice(pairs: list[tuple[str, JsonValue]]) -> list[Fault]:
    seen: set[str] = set()
    again: dict[str, None] = {}
    for name, _ in pairs:
        if name in seen:
            again[name] = None
        seen.add(name)
    return [fault(Code.DUPLICATE_FIELD, "", shown(name)) for name in again]


def _refuse_constant(name: str) -> JsonValue:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


_read: Final = json.JSONDecoder(
    object_pairs_hook=JsonFields,
    parse_int=NumberLiteral,
    parse_float=NumberLiteral,
    parse_constant=_refuse_constant,
).decode


def read_object(body: bytes) -> JsonFields:
    """Read a body. Raises RequestRejected with one fault unless it is a JSON object."""
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _depth(body) > DEPTH_MAX:
        raise RequestRejected(
            fault(Code.TOO_DEEP, f"The body is nested more than {DEPTH_MAX} deep.")
        )
    try:
        value = _read(body.decode())
    except ValueError:
        raise RequestRejected(fault(Code.MALFORMED_JSON)) from None
    if not isinstance(value, JsonFields):
        raise RequestRejected(fault(Code.NOT_AN_OBJECT))
    return value


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for found in _NESTING.finditer(body):
        mark = found[0]
        if mark in _OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif mark in _CLOSING:
            depth -= 1
    return deepest
