"""Cuts the bytes of server-sent events into events, and holds none that is not whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from cambist.client.errors import InvalidResponse

EVENT_BYTES_MAX: Final = 1_024 * 1_024


class SseEvent(NamedTuple):
    """One whole event."""

    id: str | None
    data: bytes


class SseDecoder:
    """The reader of one stream."""

    def __init__(self) -> None:
        self.last_id: str | None = None
        self._rest = b""
        self._is_marked = False
        self._data: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> Iterator[SseEvent | None]:
        """Take in bytes as they came; yield the events they complete, and None for what is none.

        A heartbeat is none, and a mark without an event, which moves `last_id` only.

        What a cut leaves unfinished never comes out. Raises InvalidResponse.
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
            raise InvalidResponse(msg)

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id":
            self.last_id, self._is_marked = value.decode(errors="replace"), True

    def _end(self) -> Iterator[SseEvent | None]:
        data, is_marked = self._data, self._is_marked
        self._data, self._is_marked, self._held = [], False, len(self._rest)
        if data:
            yield SseEvent(self.last_id, b"\n".join(data))
        elif is_marked:
            yield None
