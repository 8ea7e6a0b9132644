"""Validates and rewrites request heads, including upgrades that have a body."""

# Validation. A head is rejected when two parties could read it in two ways. A proxy in front of
# this server and this server must agree on where each request ends, and on whose it is; where they
# disagree, one client can prefix the request of another (request smuggling).
#
# - A field that must be single is not repeated. Host: RFC 9112, section 3.2. Content-Length: RFC
#   9112, section 6.3, item 5. The others (authorization, origin, idempotency key, content type)
#   are no lists (RFC 9110, section 5.3), and a first and a last reader would differ about them.
# - Content-Length is a number of at most 18 digits (RFC 9110, section 8.6), so that it fits 64
#   bits.
# - Transfer-Encoding is `chunked` alone (RFC 9112, section 6.1). Other codings are optional, and a
#   final coding other than `chunked` leaves the end of the body open (section 6.3, item 4).
# - Not both. A sender must not send both (RFC 9112, section 6.2), and section 6.1 allows a server
#   to reject such a request. This one does, since the two lengths are the classic way to smuggle.
# - The head as a whole, its number of fields and its target are limited (RFC 9110, section 5.4,
#   and RFC 9112, section 3). The answer is 431 (RFC 6585, section 5).
#
# Upgrades with a body. RFC 6455, section 4.1 knows only GET. As a courtesy, a client may POST an
# order with `Upgrade: websocket` and follow its events on the same connection. The body comes
# first, then the answer: 101, or a problem document about the body. Such clients are simple:
# Node's `http.request` sends the body in chunks unless it is given a length, their
# `Sec-WebSocket-Key` may be any text, and they ignore frames that share a segment with the head.
# UpgradedPostSocket sends accordingly.

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
_UPGRADE_FIELDS: Final = frozenset((b"upgrade", b"http2-settings"))
_LINE_EXTRA_BYTES: Final = 4


class RequestHead:
    """A request target and its headers, with names in lower case."""

    def __init__(self, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.target = target
        self.headers = headers

    def error(self, limits: ConnectionLimits) -> Code | None:
        """Return why the head is rejected: too large or ambiguous. None if it is not."""
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
        """Whether this is an opening handshake (RFC 6455, section 4.1), well-formed or not."""
        return method == b"GET" and any(
            name == b"upgrade" and b"websocket" in value.lower() for name, value in self.headers
        )


def plain_head(method: bytes, head: RequestHead, http_version: str) -> bytes:
    """Return the head without its request for an upgrade."""
    # Connection names the hop-by-hop fields (RFC 9110, section 7.6.1): where Upgrade goes, its name
    # there goes too. HTTP2-Settings belongs to the upgrade to h2c (RFC 7540, section 3.2.1).
    lines = [b"%b %b HTTP/%b\r\n" % (method, head.target, http_version.encode())]
    for name, value in head.headers:
        kept = value
        if name in _UPGRADE_FIELDS:
            continue
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            kept = b", ".join(option for option in options if option.lower() not in _UPGRADE_FIELDS)
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
"""How long such a client may take to answer a close frame; many never do."""

_KEY: Final = b"sec-websocket-key"
_VERSION: Final = b"sec-websocket-version"
_STAND_IN_KEY: Final = b"AAAAAAAAAAAAAAAAAAAAAA=="


class UpgradePost:
    """A POST that becomes a WebSocket once its body is complete."""

    def __init__(self, head: RequestHead, bytes_max: int) -> None:
        self.head = head
        self._fields = dict(head.headers)
        self._plain = b""
        self._length = int(self._fields.get(b"content-length", b"0"))
        is_chunked = b"transfer-encoding" in self._fields
        self._chunked = ChunkedBody(bytes_max) if is_chunked else None

    @property
    def body(self) -> bytes:
        """The part of the body received so far."""
        return self._plain if self._chunked is None else self._chunked.body

    @property
    def accept(self) -> str:
        """The value of `Sec-WebSocket-Accept` for the client's key (RFC 6455, section 4.2.2)."""
        return accept_key(self._fields[_KEY].decode("latin-1"))

    def handshake(self) -> RequestHead:
        """Return a head for the WebSocket library: with a key and a version that it accepts."""
        headers = [
            (name, _STAND_IN_KEY if name == _KEY else value) for name, value in self.head.headers
        ]
        if _VERSION not in self._fields:
            headers.append((_VERSION, b"13"))
        return RequestHead(self.head.target, headers)

    @staticmethod
    def is_upgrade_post(method: bytes, head: RequestHead) -> bool:
        """Whether this is a POST of an order that asks for a WebSocket."""
        fields = dict(head.headers)
        return (
            method == b"POST"
            and head.target.partition(b"?")[0] in PATHS
            and fields.get(b"upgrade", b"").lower() == b"websocket"
            and _KEY in fields
        )

    def error(self) -> Code | None:
        """Return why the body cannot be read: it has neither a length nor chunks."""
        has_end = self._chunked is not None or b"content-length" in self._fields
        return None if has_end else Code.LENGTH_REQUIRED

    def feed(self, data: bytes) -> bytes | None:
        """Take received bytes; return those after the body once it is complete.

        Raises InvalidChunkedBody.
        """
        if self._chunked is not None:
            return self._chunked.feed(data)
        missing = self._length - len(self._plain)
        self._plain += data[:missing]
        return data[missing:] if len(self._plain) == self._length else None
