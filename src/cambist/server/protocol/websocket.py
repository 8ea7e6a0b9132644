"""Guards a WebSocket's connection: its reader may not stall, nor its writer flood.

A flood is read in small pieces, so that it is seen before it was all worked through. Who is put
out is told why, and is listened to for a moment more: closing on unread bytes would reset the
connection, and the reason with it.
"""

from __future__ import annotations

from typing import Final, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from cambist.faults import Code, fault
from cambist.server.protocol.close_codes import CLOSE_POLICY, CLOSE_STALLED
from cambist.server.protocol.connections import NEVER, ConnectionSlot
from cambist.server.protocol.frames import RAW_FRAMES
from cambist.server.protocol.request_head import CLOSE_TIMEOUT_S, UpgradePost
from cambist.server.responses import error_response, render_raw
from cambist.server.settings import ConnectionLimits

UPGRADE_BODY: Final = "cambist.upgrade_body"
EARLY_BYTES_MAX: Final = 64 * 1024
LINE_BYTES_MAX: Final = 8 * 1024
PIECE_BYTES: Final = 2 * 1024
NO_LIMITS: Final = ConnectionLimits()


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket with limits."""

    guest: ConnectionSlot | None = None
    posted: UpgradePost | None = None
    deadline: float = NEVER
    _stalled_bytes = 0
    _is_opening = False
    _is_closing = False
    _early = b""
    _second = 0.0
    _frames = 0

    def begin(self, head: bytes, rest: bytes) -> None:
        """Read the opening request, and what came along with it.

        The library cannot read every head that HTTP allows, and then says nothing at all.
        """
        self.data_received(head)
        if not self.handshake_initiated:
            too_large = max(map(len, head.split(b"\r\n"))) > LINE_BYTES_MAX
            code = Code.HEADERS_TOO_LARGE if too_large else Code.BAD_REQUEST
            self.transport.write(render_raw(error_response((fault(code),))))
            self.transport.close()
            return
        self._is_opening = True
        if self.posted is not None:
            del self.response.headers["Sec-WebSocket-Accept"]
            self.response.headers["Sec-WebSocket-Accept"] = self.posted.accept
            self.close_timeout = CLOSE_TIMEOUT_S
        if rest:
            self.data_received(rest)

    def data_received(self, data: bytes) -> None:
        """Read frames; those that come before the answer to the opening request wait for it."""
        if self._is_opening and not self.transport.is_closing():
            self._early += data
            if len(self._early) > EARLY_BYTES_MAX:
                self.transport.abort()
            return
        for start in range(0, len(data), PIECE_BYTES):
            if self._is_closing:
                return
            super().data_received(data[start : start + PIECE_BYTES])

    def handle_events(self) -> None:
        """Count frames of any kind, and act on them."""
        if self.guest is not None and self.handshake_complete:
            self._count(len(self.conn.events), self.guest.connections.limits.frames_per_second_max)
        if not self._is_closing:
            super().handle_events()

    def _count(self, frames: int, frames_max: int) -> None:
        now = self.loop.time()
        if now - self._second >= 1:
            self._second, self._frames = now, 0
        self._frames += frames
        if self._frames > frames_max and self.conn.state is State.OPEN:
            self.conn.send_close(CLOSE_POLICY, "too many frames")
            self._close_with(CLOSE_POLICY)

    def _close_with(self, code: int) -> None:
        """End both sides of the talk, once the close frame is written."""
        self._is_closing = self.close_sent = True
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        limits = self.guest.connections.limits if self.guest is not None else NO_LIMITS
        self.close_timer = self.loop.call_later(limits.linger_ms / 1_000, self.transport.abort)

    def handle_parser_exception(self) -> None:
        """Put out who sends what is no frame, or too large a one."""
        sent = self.conn.close_sent
        self._close_with(sent.code if sent is not None else CLOSE_POLICY)

    def keepalive_timeout(self) -> None:
        """Close a socket that answers no ping; what it has not taken yet is not waited for."""
        super().keepalive_timeout()
        self._watch()

    def pause_writing(self) -> None:
        """Note that the reader does not keep up."""
        super().pause_writing()
        self._watch()

    def _watch(self) -> None:
        if self.guest is not None:
            self.deadline = self.loop.time() + self.guest.connections.limits.stall_ms / 1_000
            self._stalled_bytes = self.transport.get_write_buffer_size()
            self.guest.connections.timed.add(self)

    def resume_writing(self) -> None:
        """Note that the reader caught up."""
        super().resume_writing()
        self._unwatch()

    def _unwatch(self) -> None:
        self.deadline = NEVER
        if self.guest is not None:
            self.guest.connections.timed.discard(self)

    def expire(self) -> None:
        """Close a socket whose reader took nothing for too long."""
        if self.close_sent:
            self.transport.abort()
        elif self.transport.get_write_buffer_size() < self._stalled_bytes:
            self._watch()
        else:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": CLOSE_STALLED})
            self.conn.send_close(CLOSE_STALLED, "too slow")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self._watch()

    async def run_asgi(self) -> None:
        """Run the application, which finds what was posted among the scope's extensions."""
        extensions = cast("dict[str, object]", self.scope["extensions"])
        if self.posted is None:
            extensions[RAW_FRAMES] = {}
        else:
            extensions[UPGRADE_BODY] = self.posted.body
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says. Raises ClientDisconnected once the client is out."""
        if self._is_closing:
            raise ClientDisconnected
        frames = cast("dict[str, object]", message).get(RAW_FRAMES)
        if isinstance(frames, bytes):
            await self._send_frames(frames)
            return
        await super().send(message)
        if self._is_opening and self.handshake_complete:
            self._is_opening = False
            early, self._early = self._early, b""
            if early:
                self.data_received(early)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # a refusal completes it too; stock uvicorn complains

    async def _send_frames(self, frames: bytes) -> None:
        """Write frames as they are, once the reader has caught up."""
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        self.transport.write(frames)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's place back."""
        self._unwatch()
        if self.guest is not None:
            self.guest.leave()
        super().connection_lost(exc)
