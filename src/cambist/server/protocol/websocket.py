"""Limits a WebSocket connection: a client may neither stall nor flood the server."""

# Theory of operation
#
# The protocol of uvicorn on the `websockets` library does the framing (RFC 6455, section 5). This
# subclass adds limits, and two things that the library does not offer.
#
# Floods. Control frames cost the server more than they cost the client, and a ping must be answered
# (RFC 6455, section 5.5.2). So frames of every kind are counted, second by second. Received bytes
# are parsed in pieces of 2 KiB: with one large piece, thousands of frames would be processed before
# the first count. The close code is 1008 (section 7.4.1).
#
# Stalls. A client that does not read keeps messages in memory. When the write buffer is full, a
# deadline starts. If the buffer has not shrunk by then, the client is disconnected with 4008 (a
# private code, section 7.4.2); if it has shrunk, the client is slow, and gets another period.
#
# Closing (sections 7.1.1 and 7.1.7). After the close frame nothing is parsed, but bytes are still
# read for a moment. A close with unread bytes resets the TCP connection, and the client may lose
# the close frame with the reason.
#
# Early frames. A client may send frames right behind its handshake, before the answer. They are
# kept, up to 64 KiB, until the application has accepted: the library drops them otherwise.
#
# Raw frames. Server frames carry no mask (section 5.1), so the same message is the same bytes for
# every subscriber. An application that has rendered a frame may send it as it is (see frames.py).

from __future__ import annotations

from typing import Final, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from cambist.faults import Code, fault
from cambist.server.protocol.close_codes import CLOSE_POLICY, CLOSE_STALLED
from cambist.server.protocol.connections import NEVER, ConnectionSlot
from cambist.server.protocol.request_head import CLOSE_TIMEOUT_S, UpgradePost
from cambist.server.protocol.text_frames import RAW_FRAMES
from cambist.server.responses import error_response, render_raw
from cambist.server.settings import ConnectionLimits

UPGRADE_BODY: Final = "cambist.upgrade_body"
EARLY_BYTES_MAX: Final = 64 * 1024
LINE_BYTES_MAX: Final = 8 * 1024
PIECE_BYTES: Final = 2 * 1024
NO_LIMITS: Final = ConnectionLimits()


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket connection with limits."""

    slot: ConnectionSlot | None = None
    upgrade_post: UpgradePost | None = None
    deadline: float = NEVER
    _stalled_bytes = 0
    _is_opening = False
    _is_closing = False
    _early = b""
    _second = 0.0
    _frames = 0

    def begin(self, head: bytes, rest: bytes) -> None:
        """Parse the opening handshake, and the bytes that came with it.

        The library cannot parse every head that HTTP allows; it then sends no answer at all.
        """
        self.data_received(head)
        if not self.handshake_initiated:
            too_large = max(map(len, head.split(b"\r\n"))) > LINE_BYTES_MAX
            code = Code.HEADERS_TOO_LARGE if too_large else Code.BAD_REQUEST
            self.transport.write(render_raw(error_response((fault(code),))))
            self.transport.close()
            return
        self._is_opening = True
        if self.upgrade_post is not None:
            del self.response.headers["Sec-WebSocket-Accept"]
            self.response.headers["Sec-WebSocket-Accept"] = self.upgrade_post.accept
            self.close_timeout = CLOSE_TIMEOUT_S
        if rest:
            self.data_received(rest)

    def data_received(self, data: bytes) -> None:
        """Parse frames; those that come before the answer to the handshake wait for it."""
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
        """Count frames of every kind, and handle them."""
        if self.slot is not None and self.handshake_complete:
            self._count(len(self.conn.events), self.slot.connections.limits.frames_per_second_max)
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
        """Write the close frame, and disconnect after a moment: see "Closing" above."""
        self._is_closing = self.close_sent = True
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        limits = self.slot.connections.limits if self.slot is not None else NO_LIMITS
        self.close_timer = self.loop.call_later(limits.linger_ms / 1_000, self.transport.abort)

    def handle_parser_exception(self) -> None:
        """Close on an invalid or oversized frame (RFC 6455, sections 7.1.7 and 10.4)."""
        sent = self.conn.close_sent
        self._close_with(sent.code if sent is not None else CLOSE_POLICY)

    def keepalive_timeout(self) -> None:
        """Close a socket that answers no ping, without waiting for its unread messages."""
        super().keepalive_timeout()
        self._start_stall_timer()

    def pause_writing(self) -> None:
        """Start the stall deadline: the client reads too slowly."""
        super().pause_writing()
        self._start_stall_timer()

    def _start_stall_timer(self) -> None:
        if self.slot is not None:
            self.deadline = self.loop.time() + self.slot.connections.limits.stall_ms / 1_000
            self._stalled_bytes = self.transport.get_write_buffer_size()
            self.slot.connections.timed.add(self)

    def resume_writing(self) -> None:
        """Stop the stall deadline: the client caught up."""
        super().resume_writing()
        self._stop_stall_timer()

    def _stop_stall_timer(self) -> None:
        self.deadline = NEVER
        if self.slot is not None:
            self.slot.connections.timed.discard(self)

    def expire(self) -> None:
        """Close a socket whose client read nothing until the deadline."""
        if self.close_sent:
            self.transport.abort()
        elif self.transport.get_write_buffer_size() < self._stalled_bytes:
            self._start_stall_timer()
        else:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": CLOSE_STALLED})
            self.conn.send_close(CLOSE_STALLED, "too slow")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self._start_stall_timer()

    async def run_asgi(self) -> None:
        """Run the application; a posted body is among the extensions of the scope."""
        extensions = cast("dict[str, object]", self.scope["extensions"])
        if self.upgrade_post is None:
            extensions[RAW_FRAMES] = {}
        else:
            extensions[UPGRADE_BODY] = self.upgrade_post.body
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message of the application. Raises ClientDisconnected while closing."""
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
            self.handshake_complete = (
                True  # a rejection completes it too; uvicorn would report an error
            )

    async def _send_frames(self, frames: bytes) -> None:
        """Write rendered frames, once the client has caught up."""
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        self.transport.write(frames)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's slot back."""
        self._stop_stall_timer()
        if self.slot is not None:
            self.slot.leave()
        super().connection_lost(exc)
