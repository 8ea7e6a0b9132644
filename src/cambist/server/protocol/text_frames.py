"""Renders WebSocket text frames (RFC 6455, section 5.2) once for all subscribers."""

# A frame of a server carries no mask (RFC 6455, section 5.1), so the frame of a message is the
# same bytes for every subscriber. Several frames are joined into one write, which saves a system
# call and a TCP segment for each of them.
#
# Layout (section 5.2): one byte with FIN and the opcode (0x1 is text); then the length. Up to 125
# it is one byte; up to 65,535 the byte 126 and two bytes; above that the byte 127 and eight bytes.
# The shortest form is mandatory. Messages are never fragmented (section 5.4).
#
# Raw frames bypass the library, so they must not be used with an extension that changes frames
# (section 9). The server negotiates none: `permessage-deflate` (RFC 7692) would need its own
# compression state for each connection, and the bytes would no longer be shared.
#
# A connection that accepts raw frames says so by an extension of the ASGI scope. Elsewhere (the
# in-process test client, another server) the messages are sent one by one.

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.types import Scope, Send

RAW_FRAMES: Final = "cambist.raw_frames"
_TEXT: Final = 0x81
_SHORT_MAX: Final = 125
_MEDIUM_MAX: Final = 0xFFFF
_MEDIUM: Final = 126
_LONG: Final = 127


def text_frame(text: bytes) -> bytes:
    """Return a message as one unmasked frame; `text` is UTF-8."""
    size = len(text)
    if size <= _SHORT_MAX:
        return bytes((_TEXT, size)) + text
    if size <= _MEDIUM_MAX:
        return bytes((_TEXT, _MEDIUM)) + size.to_bytes(2, "big") + text
    return bytes((_TEXT, _LONG)) + size.to_bytes(8, "big") + text


async def send_texts(scope: Scope, send: Send, texts: Iterable[bytes]) -> None:
    """Send messages in order; in one write where the connection accepts raw frames."""
    if RAW_FRAMES not in scope["extensions"]:
        for text in texts:
            await send({"type": "websocket.send", "text": text.decode()})
        return
    frames = b"".join([text_frame(text) for text in texts])
    if frames:
        await send({"type": "websocket.send", RAW_FRAMES: frames})
