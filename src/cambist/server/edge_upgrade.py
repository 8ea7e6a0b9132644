"""Reads the body of a POST that asks for a WebSocket, so that both happen on one connection.

RFC 6455 knows only GET, so this is a courtesy to clients that post an order and wish to hear of it
on the same connection. The body comes first, then the answer: 101, or what is wrong with the body.

Clients of this kind are simple. They send the body in chunks, since Node's `http.request` does so
unless it is told a length; their key may be any text; they read one frame a segment and look at no
bytes that share a segment with the head. `ordering.PostedSocket` sends accordingly.
"""

from __future__ import annotations

from typing import Final

from websockets.utils import accept_key

from cambist.faults import Code
from cambist.server.heads import Head
from cambist.server.protocol.chunked_body import ChunkedBody

PATHS: Final = frozenset((b"/api/orders/execute", b"/api/orders"))
CLOSE_TIMEOUT_S: Final = 1.0
"""How long such a client may take to answer the close frame. Many never do."""

_KEY: Final = b"sec-websocket-key"
_VERSION: Final = b"sec-websocket-version"
_STAND_IN_KEY: Final = b"AAAAAAAAAAAAAAAAAAAAAA=="


class Posted:
    """An order on its way in, on a connection that is to become a WebSocket."""

    def __init__(self, head: Head, bytes_max: int) -> None:
        self.head = head
        self._fields = dict(head.headers)
        self._plain = b""
        self._length = int(self._fields.get(b"content-length", b"0"))
        is_chunked = b"transfer-encoding" in self._fields
        self._chunked = ChunkedBody(bytes_max) if is_chunked else None

    @property
    def body(self) -> bytes:
        """What came of the body so far."""
        return self._plain if self._chunked is None else self._chunked.body

    @property
    def accept(self) -> str:
        """The value of `Sec-WebSocket-Accept` for the client's key, whatever its length."""
        return accept_key(self._fields[_KEY].decode("latin-1"))

    def handshake(self) -> Head:
        """Return a head that opens a WebSocket: with a key and a version the library takes."""
        headers = [
            (name, _STAND_IN_KEY if name == _KEY else value) for name, value in self.head.headers
        ]
        if _VERSION not in self._fields:
            headers.append((_VERSION, b"13"))
        return Head(self.head.target, headers)

    @staticmethod
    def is_asked(method: bytes, head: Head) -> bool:
        """Whether this is a POST of an order that wishes for a WebSocket."""
        fields = dict(head.headers)
        return (
            method == b"POST"
            and head.target.partition(b"?")[0] in PATHS
            and fields.get(b"upgrade", b"").lower() == b"websocket"
            and _KEY in fields
        )

    def wrong(self) -> Code | None:
        """Return why the body cannot be read: without length or chunks nobody knows its end."""
        has_end = self._chunked is not None or b"content-length" in self._fields
        return None if has_end else Code.LENGTH_REQUIRED

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes in; return what came after the body once it is whole. Raises BadBody."""
        if self._chunked is not None:
            return self._chunked.feed(data)
        missing = self._length - len(self._plain)
        self._plain += data[:missing]
        return data[missing:] if len(self._plain) == self._length else None
