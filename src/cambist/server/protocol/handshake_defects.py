"""Judges the opening handshake of a WebSocket (RFC 6455, 4.2) before a library sees it.

A library would reject it in its own words, before Host, Origin and key were looked at, and would
repeat what the client wrote. A handshake that is judged here to be broken goes on as the plain
request it also is, and is answered where the path's other requests are.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from typing import Final, NamedTuple

from starlette.types import Scope

from cambist.faults import Code, Fault, fault
from cambist.server.responses import CLOSE, Header, Response, error_response

SCOPE_KEY: Final = "cambist.handshake"
VERSION: Final[Header] = (b"sec-websocket-version", b"13")
UPGRADE: Final[Header] = (b"upgrade", b"websocket")
ALLOW: Final[Header] = (b"allow", b"GET")
KEY_BYTES: Final = 16
LINE_BYTES_MAX: Final = 8 * 1024
_LINE_EXTRA_BYTES: Final = 16
_TOKEN: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+")
_VALUE: Final = re.compile(rb"[\x09\x20-\x7e\x80-\xff]*")
_TARGET: Final = re.compile(rb"[\x21-\x7e]+")
_BAD: Final = Code.INVALID_HANDSHAKE


class HandshakeDefect(NamedTuple):
    """What is wrong with a handshake, in words that hold none of the client's."""

    fault: Fault
    headers: tuple[Header, ...] = (CLOSE,)

    def answer(self) -> Response:
        """Return the answer to it."""
        answer = error_response((self.fault,))
        return answer._replace(headers=(*answer.headers, *self.headers))


_NO_UPGRADE: Final = HandshakeDefect(
    fault(Code.UPGRADE_REQUIRED), (UPGRADE, (b"connection", b"Upgrade"), ALLOW)
)


def defect_in(scope: Scope) -> HandshakeDefect:
    """Return why a plain GET of a socket's path is no handshake."""
    defect: HandshakeDefect = scope.get(SCOPE_KEY, _NO_UPGRADE)
    return defect


def find_defect(
    target: bytes, headers: list[tuple[bytes, bytes]], http_version: str
) -> HandshakeDefect | None:
    """Return what is wrong with the head of a GET that asks for a WebSocket; names are small."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name, []).append(value)
    unreadable = _find_unreadable(target, headers)
    if unreadable is not None:
        return HandshakeDefect(fault(unreadable))
    if http_version != "1.1":
        return HandshakeDefect(fault(_BAD, "A WebSocket handshake needs HTTP/1.1."))
    if [value.strip().lower() for value in fields.get(b"upgrade", [])] != [b"websocket"]:
        return HandshakeDefect(
            fault(_BAD, "A WebSocket handshake needs one Upgrade header: `websocket`.")
        )
    options = _read_tokens(fields.get(b"connection", []))
    if options is None or b"upgrade" not in {option.lower() for option in options}:
        return HandshakeDefect(
            fault(_BAD, "A WebSocket handshake needs `Upgrade` in its Connection header.")
        )
    if fields.get(b"sec-websocket-version") != [b"13"]:
        return HandshakeDefect(
            fault(_BAD, "Sec-WebSocket-Version must be 13 and appear once."), (VERSION, CLOSE)
        )
    if not _is_key(fields.get(b"sec-websocket-key", [])):
        return HandshakeDefect(
            fault(_BAD, "Sec-WebSocket-Key must be base64 of 16 bytes and appear once.")
        )
    offered = fields.get(b"sec-websocket-protocol")
    if offered is not None and not _read_tokens(offered):
        return HandshakeDefect(
            fault(_BAD, "Sec-WebSocket-Protocol must be a list of names without spaces.")
        )
    return None


def _find_unreadable(target: bytes, headers: list[tuple[bytes, bytes]]) -> Code | None:
    """Return why a library could not read a head that HTTP allows."""
    sizes = [len(name) + len(value) for name, value in headers]
    if max([len(target), *sizes]) + _LINE_EXTRA_BYTES > LINE_BYTES_MAX:
        return Code.HEADERS_TOO_LARGE
    is_plain = _TARGET.fullmatch(target) is not None and all(
        _TOKEN.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers
    )
    return None if is_plain else Code.BAD_REQUEST


def _read_tokens(values: list[bytes]) -> list[bytes] | None:
    """Return the names that lists hold together, or None where one is no name."""
    tokens: list[bytes] = []
    for value in values:
        found = [item for part in value.split(b",") if (item := part.strip(b" \t"))]
        if not found or not all(_TOKEN.fullmatch(item) for item in found):
            return None
        tokens += found
    return tokens


def _is_key(values: list[bytes]) -> bool:
    if len(values) != 1:
        return False
    try:
        return len(b64decode(values[0], validate=True)) == KEY_BYTES
    except NotBase64:
        return False
