"""Decodes a body in chunks (RFC 9112, section 7.1) behind a head that asks for an upgrade.

The HTTP parser hands over everything behind such a head, since it is another protocol in a GET.
A POST that asks for an upgrade still has its body there.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from cambist.faults import Code

LINE_BYTES_MAX: Final = 256
"""A chunk's size with its extensions, and each trailer."""

WIRE_BYTES_PER_BYTE_MAX: Final = 8
"""A body in chunks of one byte takes six for each; two more for what chunks say of themselves."""

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?", re.DOTALL)
_LINE_END: Final = b"\r\n"
_BASE: Final = 16


class InvalidChunkedBody(ValueError):
    """The body is no body in chunks, or is too large; `code` says which."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


class ChunkedBody:
    """A body that arrives in chunks, of at most `bytes_max` bytes."""

    def __init__(self, bytes_max: int) -> None:
        self.body = b""
        self._bytes_max = bytes_max
        self._buffer = b""
        self._wire_bytes = 0
        self._left = 0
        self._expects: Literal["size", "data", "data end", "trailer"] = "size"

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes in; return what came after the body once it is whole.

        Raises InvalidChunkedBody.
        """
        self._wire_bytes += len(data)
        if self._wire_bytes > self._bytes_max * WIRE_BYTES_PER_BYTE_MAX:
            raise InvalidChunkedBody(Code.BODY_TOO_LARGE)
        self._buffer += data
        while self._buffer:
            if self._expects == "data":
                self._take_data()
                continue
            line = self._take_line()
            if line is None:
                return None
            if self._expects == "size":
                self._begin_chunk(line)
            elif self._expects == "data end":
                if line:
                    raise InvalidChunkedBody(Code.BAD_REQUEST)
                self._expects = "size"
            elif not line:
                return self._buffer
        return None

    def _take_data(self) -> None:
        taken, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self.body += taken
        self._left -= len(taken)
        if not self._left:
            self._expects = "data end"

    def _take_line(self) -> bytes | None:
        line, end, rest = self._buffer.partition(_LINE_END)
        if len(line) > LINE_BYTES_MAX:
            raise InvalidChunkedBody(Code.BAD_REQUEST)
        if not end:
            return None
        self._buffer = rest
        return line

    def _begin_chunk(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        if found is None:
            raise InvalidChunkedBody(Code.BAD_REQUEST)
        self._left = int(found[1], _BASE)
        if len(self.body) + self._left > self._bytes_max:
            raise InvalidChunkedBody(Code.BODY_TOO_LARGE)
        self._expects = "data" if self._left else "trailer"
