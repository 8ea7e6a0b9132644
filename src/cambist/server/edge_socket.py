"""Guards a WebSocket's connection: it gives its place back, and its reader may not stall."""

from __future__ import annotations

from typing import Final, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from cambist.server.census import NEVER, Guest

POSTED: Final = "cambist.posted"
CLOSE_STALLED: Final = 4008
EARLY_BYTES_MAX: Final = 64 * 1024


class EdgeSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose reader may not stall for long."""

    guest: Guest | None = None
    posted: bytes | None = None
    deadline: float = NEVER
    _stalled_bytes = 0
    _is_opening = False
    _early = b""

    def begin(self, head: bytes, rest: bytes) -> None:
        """Read the opening request, and what came along with it."""
        self.data_received(head)
        self._is_opening = True
        if rest:
            self.data_received(rest)

    def data_received(self, data: bytes) -> None:
        """Read frames; those that come before the answer to the opening request wait for it."""
        if not self._is_opening or self.transport.is_closing():
            super().data_received(data)
            return
        self._early += data
        if len(self._early) > EARLY_BYTES_MAX:
            self.transport.abort()

    def pause_writing(self) -> None:
        """Note that the reader does not keep up."""
        super().pause_writing()
        self._watch()

    def _watch(self) -> None:
        if self.guest is not None:
            self.deadline = self.loop.time() + self.guest.house.limits.stall_ms / 1_000
            self._stalled_bytes = self.transport.get_write_buffer_size()
            self.guest.house.timed.add(self)

    def resume_writing(self) -> None:
        """Note that the reader caught up."""
        super().resume_writing()
        self._unwatch()

    def _unwatch(self) -> None:
        self.deadline = NEVER
        if self.guest is not None:
            self.guest.house.timed.discard(self)

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
        if self.posted is not None:
            extensions = cast("dict[str, object]", self.scope["extensions"])
            extensions[POSTED] = self.posted
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says."""
        await super().send(message)
        if self._is_opening and self.handshake_complete:
            self._is_opening = False
            early, self._early = self._early, b""
            if early:
                self.data_received(early)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # a refusal completes it too; stock uvicorn complains

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's place back."""
        self._unwatch()
        if self.guest is not None:
            self.guest.leave()
        super().connection_lost(exc)
