"""Writes WebSocket text frames (RFC 6455, 5.2) once, for all who hear the same message.

A server's frames carry no mask, so they are the same bytes for every listener. A connection that
takes them says so by an extension of its scope; elsewhere messages are sent one by one.
"""

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
    """Return a whole message as one unmasked frame; the text is UTF-8 already."""
    size = len(text)
    if size <= _SHORT_MAX:
        return bytes((_TEXT, size)) + text
    if size <= _MEDIUM_MAX:
        return bytes((_TEXT, _MEDIUM)) + size.to_bytes(2, "big") + text
    return bytes((_TEXT, _LONG)) + size.to_bytes(8, "big") + text


async def send_texts(scope: Scope, send: Send, texts: Iterable[bytes]) -> None:
    """Send messages in turn: at once, where the connection takes frames."""
    if RAW_FRAMES not in scope["extensions"]:
        for text in texts:
            await send({"type": "websocket.send", "text": text.decode()})
        return
    frames = b"".join([text_frame(text) for text in texts])
    if frames:
        await send({"type": "websocket.send", RAW_FRAMES: frames})
