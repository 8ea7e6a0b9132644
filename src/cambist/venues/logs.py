"""Reads the log lines of a transaction, each with the program that wrote it."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from cambist.values.ids import Address

_INVOKED: Final = re.compile(r"Program (\S+) invoke \[(\d+)\]")
_ENDED: Final = re.compile(r"Program (\S+) (?:success|failed)")
_LOG: Final = "Program log: "
_DATA: Final = "Program data: "
_ERROR: Final = re.compile(r"Error Code: (\w+)")


class ProgramLogLine(NamedTuple):
    """What a program wrote: text, or the bytes of an event."""

    program: Address
    text: str = ""
    data: bytes = b""


def read_lines(logs: Iterable[str]) -> Iterator[ProgramLogLine]:
    """Yield what programs wrote themselves; the runtime's remarks are left out."""
    running: list[Address] = []
    for log in logs:
        if log.startswith(_LOG) and running:
            yield ProgramLogLine(running[-1], text=log[len(_LOG) :])
        elif log.startswith(_DATA) and running:
            for part in log[len(_DATA) :].split(" "):
                data = read_base64(part)
                if data is not None:
                    yield ProgramLogLine(running[-1], data=data)
        elif invoked := _INVOKED.match(log):
            running.append(Address(invoked[1]))
        elif running and _ENDED.match(log):
            running.pop()


def read_base64(text: str) -> bytes | None:
    """Return the bytes, or None when the text is none of base64."""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def error_name(lines: Iterable[ProgramLogLine], program: Address) -> str | None:
    """Return the last error that a program of Anchor's names in its logs."""
    found = [
        match[1]
        for line in lines
        if line.program == program and (match := _ERROR.search(line.text))
    ]
    return found[-1] if found else None
