"""Validates and rewrites request heads, upgrades with a body among them.

Reads the body of a POST that asks for a WebSocket, so that both happen on one connection.

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
from cambist.server.protocol.chunked_body import ChunkedBody
from cambist.server.settings import ConnectionLimits

_SINGLE: Final = frozenset(
    (
        b"host",
        b"origin",
        b"authorization",
        b"idempotency-key",
        b"content-type",
        b"content-length",
    )
)
_OF_A_BODY: Final = frozenset((b"content-length", b"transfer-encoding", b"expect"))
_LENGTH_DIGITS_MAX: Final = 18
_UPGRADE_WORDS: Final = frozenset((b"upgrade", b"http2-settings"))
_LINE_EXTRA_BYTES: Final = 4


class RequestHead:
    """A target and its headers, with names in small letters."""

    def __init__(self, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.target = target
        self.headers = headers

    def error(self, limits: ConnectionLimits) -> Code | None:
        """Return what the head is refused for: too large, or open to two readings."""
        seen: set[bytes] = set()
        length = 0
        size = len(self.target)
        for name, value in self.headers:
            size += len(name) + len(value) + _LINE_EXTRA_BYTES
            if name in _SINGLE:
                if name in seen:
                    return Code.BAD_REQUEST
                seen.add(name)
                if name == b"content-length":
                    if not value.isdigit() or len(value) > _LENGTH_DIGITS_MAX:
                        return Code.BAD_REQUEST
                    length = int(value)
            elif name == b"transfer-encoding":
                if name in seen or value.lower() != b"chunked":
                    return Code.BAD_REQUEST
                seen.add(name)
        if (
            size > limits.head_bytes_max
            or len(self.headers) > limits.headers_max
            or len(self.target) > limits.target_bytes_max
        ):
            return Code.HEADERS_TOO_LARGE
        if b"content-length" in seen and b"transfer-encoding" in seen:
            return Code.BAD_REQUEST
        return Code.BODY_TOO_LARGE if length > limits.body_max(self.target) else None

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        fields = dict(self.headers)
        return b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0"

    def asks_for_websocket(self, method: bytes) -> bool:
        """Whether this is how a WebSocket begins (RFC 6455), well-formed or not."""
        return method == b"GET" and any(
            name == b"upgrade" and b"websocket" in value.lower() for name, value in self.headers
        )


def plain_head(method: bytes, head: RequestHead, http_version: str) -> bytes:
    """Return the head without its wish for an upgrade."""
    lines = [b"%b %b HTTP/%b\r\n" % (method, head.target, http_version.encode())]
    for name, value in head.headers:
        kept = value
        if name in _UPGRADE_WORDS:
            continue
        if name == b"connection":
            words = [word.strip() for word in value.split(b",")]
            kept = b", ".join(word for word in words if word.lower() not in _UPGRADE_WORDS)
            if not kept:
                continue
        lines.append(b"%b: %b\r\n" % (name, kept))
    return b"".join((*lines, b"\r\n"))


def upgrade_head(head: RequestHead) -> bytes:
    """Return the head of a WebSocket's opening request."""
    lines = [b"GET %b HTTP/1.1\r\n" % head.target]
    lines += [b"%b: %b\r\n" % header for header in head.headers if header[0] not in _OF_A_BODY]
    return b"".join((*lines, b"\r\n"))


PATHS: Final = frozenset((b"/api/orders/execute", b"/api/orders"))
CLOSE_TIMEOUT_S: Final = 1.0
"""How long such a client may take to answer the close frame. Many never do."""

_KEY: Final = b"sec-websocket-key"
_VERSION: Final = b"sec-websocket-version"
_STAND_IN_KEY: Final = b"AAAAAAAAAAAAAAAAAAAAAA=="


class UpgradePost:
    """An order on its way in, on a connection that is to become a WebSocket."""

    def __init__(self, head: RequestHead, bytes_max: int) -> None:
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

    def handshake(self) -> RequestHead:
        """Return a head that opens a WebSocket: with a key and a version the library takes."""
        headers = [
            (name, _STAND_IN_KEY if name == _KEY else value) for name, value in self.head.headers
        ]
        if _VERSION not in self._fields:
            headers.append((_VERSION, b"13"))
        return RequestHead(self.head.target, headers)

    @staticmethod
    def is_asked(method: bytes, head: RequestHead) -> bool:
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
