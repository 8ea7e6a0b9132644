"""Guards a WebSocket's connection: it gives its place back, and its reader may not stall."""

from __future__ import annotations

from typing import Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from cambist.server.census import NEVER, Guest

CLOSE_STALLED: Final = 4008


class EdgeSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose reader may not stall for long."""

    guest: Guest | None = None
    deadline: float = NEVER
    _stalled_bytes = 0

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

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # a refusal completes it too; stock uvicorn complains

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's place back."""
        self._unwatch()
        if self.guest is not None:
            self.guest.leave()
        super().connection_lost(exc)
