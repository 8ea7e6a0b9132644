"""Judges a request's head, and rewrites it where it asks for an upgrade."""

from __future__ import annotations

from typing import Final

from cambist.faults import Code
from cambist.server.settings import EdgeLimits

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


class Head:
    """A target and its headers, with names in small letters."""

    def __init__(self, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.target = target
        self.headers = headers

    def wrong(self, limits: EdgeLimits) -> Code | None:
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


def plain_head(method: bytes, head: Head, http_version: str) -> bytes:
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


def upgrade_head(head: Head) -> bytes:
    """Return the head of a WebSocket's opening request."""
    lines = [b"GET %b HTTP/1.1\r\n" % head.target]
    lines += [b"%b: %b\r\n" % header for header in head.headers if header[0] not in _OF_A_BODY]
    return b"".join((*lines, b"\r\n"))
