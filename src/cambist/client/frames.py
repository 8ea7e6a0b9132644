"""Cuts the bytes of server-sent events into events, and holds none that is not whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from cambist.client.errors import Unreadable

EVENT_BYTES_MAX: Final = 1_024 * 1_024


class Frame(NamedTuple):
    """One whole event."""

    id: str
    data: bytes


class Frames:
    """The reader of one stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._id = ""
        self._data: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> Iterator[Frame | None]:
        """Take in bytes as they came; yield the events they complete, and None for a heartbeat.

        What a cut leaves unfinished never comes out. Raises Unreadable.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._held += len(chunk)
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b":"):
                yield None
            elif line:
                self._take(line)
            else:
                yield from self._end()
        if self._held > EVENT_BYTES_MAX:
            msg = f"an event has at most {EVENT_BYTES_MAX} bytes"
            raise Unreadable(msg)

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id":
            self._id = value.decode(errors="replace")

    def _end(self) -> Iterator[Frame]:
        if self._data:
            yield Frame(self._id, b"\n".join(self._data))
        self._data, self._held = [], len(self._rest)
