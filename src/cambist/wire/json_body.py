"""Reads a body as one flat JSON object; numbers stay the digits that were sent."""

# The standard reader alone accepts what must be rejected here. It reads numbers as floats, which
# changes amounts. It accepts NaN and Infinity, which are not JSON (RFC 8259, section 6). Of a
# repeated name it keeps the last (section 4 leaves that open), while a proxy may have checked the
# first. It accepts text that no database or terminal can hold, and nesting that exhausts the
# stack.

from __future__ import annotations

import json
import re
from typing import Final, TypeAlias

from cambist.faults import Code, Fault, RequestRejected, fault

DEPTH_MAX: Final = 16
FIELD_NAME_MAX: Final = 64
_NESTING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_WHITE_SPACE: Final = " \t\n\r"
_OPENING: Final = (b"[", b"{")
_CLOSING: Final = (b"]", b"}")


class NumberLiteral(str):
    """A JSON number, as the digits in the body."""

    __slots__ = ()


JsonValue: TypeAlias = "str | NumberLiteral | bool | list[JsonValue] | JsonFields | None"


class JsonFields(dict[str, JsonValue]):
    """A JSON object, and the faults found while it was read."""

    __slots__ = ("faults",)

    def __init__(self, pairs: list[tuple[str, JsonValue]]) -> None:
        super().__init__(pairs)
        self.faults: list[Fault] = []
        if len(self) != len(pairs):
            self.faults += _twice(pairs)
        for name, value in pairs:
            if not name.isprintable() or (isinstance(value, str) and not value.isprintable()):
                message = "Text must not contain control characters or invalid Unicode."
                self.faults.append(fault(Code.INVALID_VALUE, message, shown(name)))


def shown(name: str) -> str:
    """Return a field name that may be sent back: printable and short."""
    clean = name if name.isprintable() else ascii(name)[1:-1]
    return clean if len(clean) <= FIELD_NAME_MAX else clean[:FIELD_NAME_MAX] + "…"


def only(fields: JsonFields, wanted: str) -> list[Fault]:
    """Return the faults of an object that must have exactly this field."""
    faults = list(fields.faults)
    for name in fields:
        if name != wanted:
            message = f"Unknown field {shown(name)}; only {wanted} is allowed."
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


def _reject_constant(name: str) -> JsonValue:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


# Not `decode`: it looks for the white space around a value by two expressions.
_read: Final = json.JSONDecoder(
    object_pairs_hook=JsonFields,
    parse_int=NumberLiteral,
    parse_float=NumberLiteral,
    parse_constant=_reject_constant,
).raw_decode


def read_object(body: bytes) -> JsonFields:
    """Read a body. Raises RequestRejected with one fault unless it is a JSON object."""
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _depth(body) > DEPTH_MAX:
        raise RequestRejected(
            fault(Code.TOO_DEEP, f"The body is nested more than {DEPTH_MAX} deep.")
        )
    try:
        text = body.decode().strip(_WHITE_SPACE)
        value, end = _read(text)
    except ValueError:
        raise RequestRejected(fault(Code.MALFORMED_JSON)) from None
    if end != len(text):
        raise RequestRejected(fault(Code.MALFORMED_JSON))
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
