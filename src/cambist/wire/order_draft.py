"""Gathers the fields of an order body, whatever their names, with what is wrong with them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

import msgspec

from cambist.faults import Code, Fault, fault
from cambist.wire.json_body import JsonFields, JsonValue, shown
from cambist.wire.order_fields import FIELDS, LATER_FIELDS, LATER_VALUES, InvalidField

FAULTS_MAX: Final = 16
_HINTS_MAX: Final = 4


class FieldValue(msgspec.Struct, frozen=True, gc=False):
    """A value that was read, and the name it came under."""

    value: str
    name: str


class OrderDraft:
    """Gathers what a body holds and what is wrong with it."""

    def __init__(self, body: JsonFields) -> None:
        self.faults: list[Fault] = list(body.faults)
        self.given: dict[str, FieldValue] = {}
        self.unfit: set[str] = set()
        for name, value in body.items():
            self._take(name, value)

    def _take(self, name: str, value: JsonValue) -> None:
        field = FIELDS.get(name)
        if field is None:
            self._refuse_name(name)
            return
        try:
            read = field.read(value)
        except InvalidField as unfit:
            self.unfit.add(field.thing)
            self.blame(unfit.code, unfit.message, name)
            return
        before = self.given.get(field.thing)
        if before is not None and before.value != read:
            self.conflict(before.name, name)
        elif read in LATER_VALUES.get(field.thing, ()):
            self.blame(Code.NOT_YET_SUPPORTED, f"{name} {read} is not supported yet.", name)
        else:
            self.given[field.thing] = FieldValue(read, name)

    def _refuse_name(self, name: str) -> None:
        if name in LATER_FIELDS:
            self.blame(Code.NOT_YET_SUPPORTED, f"{name} is not supported yet.", name)
            return
        hint = ""
        if len(self.faults) < _HINTS_MAX and len(name) <= len(shown(name)):
            near = get_close_matches(name, (*FIELDS, *LATER_FIELDS), n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
        self.blame(Code.UNKNOWN_FIELD, f"Orders have no field {shown(name)}.{hint}", name)

    def blame(self, code: Code, message: str, name: str) -> None:
        self.faults.append(fault(code, message, shown(name)))

    def conflict(self, first: str, other: str) -> None:
        message = f"{first} and {other} contradict each other."
        self.blame(Code.CONFLICTING_FIELDS, message, other)

    def miss(self, name: str, thing: str) -> None:
        if thing not in self.unfit:
            self.blame(Code.MISSING_FIELD, f"{name} is missing.", name)

    def text(self, thing: str) -> str | None:
        found = self.given.get(thing)
        return found.value if found is not None else None
