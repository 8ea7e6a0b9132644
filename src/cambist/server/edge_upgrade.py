"""Reads the body of a POST that asks for a WebSocket, so that both happen on one connection.

RFC 6455 knows only GET, so this is a courtesy to clients that post an order and wish to hear of it
on the same connection. The body comes first, then the answer: 101, or what is wrong with the body.
"""

from __future__ import annotations

from typing import Final

from cambist.faults import Code
from cambist.server.heads import Head

PATHS: Final = frozenset((b"/api/orders/execute", b"/api/orders"))


class Posted:
    """An order on its way in, on a connection that is to become a WebSocket."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.body = b""
        self._length = int(dict(head.headers).get(b"content-length", b"0"))

    @staticmethod
    def is_asked(method: bytes, head: Head) -> bool:
        """Whether this is a POST of an order that wishes for a WebSocket."""
        fields = dict(head.headers)
        return (
            method == b"POST"
            and head.target.partition(b"?")[0] in PATHS
            and fields.get(b"upgrade", b"").lower() == b"websocket"
            and b"sec-websocket-key" in fields
        )

    def wrong(self) -> Code | None:
        """Return why the body cannot be read: nobody knows where one in chunks would end."""
        fields = dict(self.head.headers)
        if b"transfer-encoding" in fields or b"content-length" not in fields:
            return Code.LENGTH_REQUIRED
        return None

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes in; return what came after the body once it is whole."""
        missing = self._length - len(self.body)
        self.body += data[:missing]
        return data[missing:] if len(self.body) == self._length else None
