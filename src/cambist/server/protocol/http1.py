"""Guards the connection itself: how much may be sent, how slowly, and by how many.

Uvicorn limits neither heads nor bodies nor time, and loses the body of a POST that carries an
`Upgrade` header. This protocol keeps one deadline a connection, which one task sweeps for all;
it answers what it refuses with the same problem documents as the rest of the server.

Three rules:
1. A refusal never takes the place of another request's answer: what was accepted is told first.
2. After a refusal nothing more is read as a request; the connection closes.
3. An upgrade is to WebSocket, or it is not taken and the request is read as it stands.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, Final, cast

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cambist.faults import Code, fault
from cambist.server.protocol.chunked_body import WIRE_BYTES_PER_BYTE_MAX, InvalidChunkedBody
from cambist.server.protocol.connections import NEVER, ConnectionRegistry, ConnectionSlot
from cambist.server.protocol.handshake import SCOPE_KEY, HandshakeDefect, find_defect
from cambist.server.protocol.request_head import RequestHead, UpgradePost, plain_head, upgrade_head
from cambist.server.protocol.websocket import LimitedWebSocketProtocol
from cambist.server.responses import error_response, render_raw

LINGER_BYTES_MAX: Final = 256 * 1024
WRITE_BUFFER_BYTES_MAX: Final = 32 * 1024
"""How much waits for a reader before the answer does; one more chunk may stand beside it."""


class ProtocolConfig(uvicorn.Config):
    """Uvicorn's settings, with the house its connections belong to."""

    connections: ConnectionRegistry


class Phase(Enum):
    """Where a connection stands between requests."""

    IDLE = 0
    HEAD = 1
    BODY = 2


class LimitedHttpProtocol(HttpToolsProtocol):
    """An HTTP connection with limits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.house = cast("ProtocolConfig", self.config).connections
        self.limits = self.house.limits
        self._deadline = NEVER
        self._stall_deadline = NEVER
        self._stalled_bytes = 0
        self._guest: ConnectionSlot | None = None
        self._phase = Phase.IDLE
        self._running: RequestResponseCycle | None = None
        self._refused = False
        self._posted: UpgradePost | None = None
        self._defect: HandshakeDefect | None = None
        self._head_bytes = 0
        self._body_bytes = 0
        self._wire_bytes = 0

    # -------------------------------------------------------------------------- connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, or refuse for want of one."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)
        self.house.timed.add(self)
        address = self.client[0] if self.client else ""
        self._guest = self.house.enter(address)
        self._set_deadline(self.limits.head_ms)
        if self._guest is None:
            self._refuse(Code.TOO_BUSY if self.house.is_full else Code.TOO_MANY_CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self.house.timed.discard(self)
        if self._guest is not None:
            self._guest.leave()
        super().connection_lost(exc)

    @property
    def deadline(self) -> float:
        """When `expire` is due, in seconds of the event loop's clock."""
        return min(self._deadline, self._stall_deadline)

    def _set_deadline(self, milliseconds: int) -> None:
        self._deadline = self.loop.time() + milliseconds / 1_000

    def expire(self) -> None:
        """Act on the deadline: cut a slow request, a stalled reader, or a silent connection."""
        if self._stall_deadline < self._deadline:
            self._end_stall()
        elif self._refused or (
            self._phase is not Phase.BODY and not self._head_bytes and self._posted is None
        ):
            self._deadline = NEVER
            self.transport.close()
        else:
            self._refuse(Code.REQUEST_TIMEOUT)

    def _end_stall(self) -> None:
        if self.transport.get_write_buffer_size() < self._stalled_bytes:
            self._begin_stall()
        else:
            self.transport.abort()

    def _begin_stall(self) -> None:
        self._stalled_bytes = self.transport.get_write_buffer_size()
        self._stall_deadline = self.loop.time() + self.limits.stall_ms / 1_000

    def pause_writing(self) -> None:
        """Note that the reader does not keep up."""
        super().pause_writing()
        self._begin_stall()

    def resume_writing(self) -> None:
        """Note that the reader caught up."""
        super().resume_writing()
        self._stall_deadline = NEVER

    # ------------------------------------------------------------------------------ parsing

    def on_message_begin(self) -> None:
        """Begin a request's head."""
        super().on_message_begin()
        if not self._refused:
            self._phase, self._body_bytes, self._wire_bytes = Phase.HEAD, 0, 0
            self._set_deadline(self.limits.head_ms)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; those that come after the body could still change the request."""
        if self._phase is Phase.BODY:
            self._refuse(Code.BAD_REQUEST)
        elif not self._refused:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Judge the head, and hand the request on unless it wants an upgrade."""
        if self._refused:
            return
        self._head_bytes = 0
        wrong = RequestHead(self.url, self.headers).error(self.limits)
        if wrong is not None:
            self._refuse(wrong)
        elif not self.parser.should_upgrade():  # else `data_received` decides
            if self._defect is not None:
                cast("dict[str, Any]", self.scope)[SCOPE_KEY], self._defect = self._defect, None
            super().on_headers_complete()
            self._phase = Phase.BODY
            self._set_deadline(self.limits.body_ms)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, and count it."""
        if self._refused:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self.limits.body_max(self.url):
            self._refuse(Code.BODY_TOO_LARGE)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._refused or self._phase is not Phase.BODY:
            return
        self._phase = Phase.IDLE
        self._deadline = NEVER
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        if self._refused:
            self._discard(data)
            return
        if self._posted is not None:
            self._collect(self._posted, data)
            return
        self._unset_keepalive_if_required()
        if self._phase is not Phase.BODY:
            self._head_bytes += len(data)
        else:
            self._wire_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._refused:
                self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(Code.BAD_REQUEST)
        if self._phase is Phase.IDLE:
            self._head_bytes = 0
        elif self._phase is Phase.HEAD and self._head_bytes > self.limits.head_bytes_max:
            self._refuse(Code.HEADERS_TOO_LARGE)
        elif self._wire_bytes > self.limits.body_max(self.url) * WIRE_BYTES_PER_BYTE_MAX:
            self._refuse(Code.BODY_TOO_LARGE)

    def on_response_complete(self) -> None:
        """Begin the next request, or wait for one."""
        super().on_response_complete()
        self._unset_keepalive_if_required()
        if self._phase is Phase.IDLE and not self._refused and not self.pipeline:
            self._set_deadline(self.limits.idle_ms)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # ---------------------------------------------------------------------------- upgrading

    def _upgrade(self, rest: bytes) -> None:
        """Go over to WebSocket, or read the request as if it had asked for no upgrade."""
        head = RequestHead(self.url, self.headers)
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(Code.BAD_REQUEST)
        elif UpgradePost.is_asked(method, head):
            self._take_posted(UpgradePost(head, self.limits.body_max(head.target)), rest)
        elif head.asks_for_websocket(method):
            self._defect = self._find_defect(head)
            if self._defect is None:
                self._become_socket(head, rest)
            else:
                self._read_plainly(method, head, rest)
        else:
            self._read_plainly(method, head, rest)

    def _read_plainly(self, method: bytes, head: RequestHead, rest: bytes) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self._phase = Phase.IDLE
        self.data_received(plain_head(method, head, self.scope["http_version"]) + rest)

    def _find_defect(self, head: RequestHead) -> HandshakeDefect | None:
        if head.has_body:
            return HandshakeDefect(
                fault(Code.INVALID_HANDSHAKE, "A WebSocket handshake has no body.")
            )
        if self._is_answering:
            message = "A WebSocket handshake is sent once all answers before it have come."
            return HandshakeDefect(fault(Code.INVALID_HANDSHAKE, message))
        return find_defect(head.target, head.headers, self.parser.get_http_version())

    @property
    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _take_posted(self, posted: UpgradePost, rest: bytes) -> None:
        wrong = Code.BAD_REQUEST if self._is_answering else posted.wrong()
        if wrong is not None:
            self._refuse(wrong)
            return
        self._posted = posted
        self._set_deadline(self.limits.body_ms)
        self._collect(posted, rest)

    def _collect(self, posted: UpgradePost, data: bytes) -> None:
        try:
            rest = posted.feed(data)
        except InvalidChunkedBody as bad:
            self._posted = None
            self._refuse(bad.code)
            return
        if rest is not None:
            self._become_socket(posted.handshake(), rest, posted)

    def _become_socket(
        self, head: RequestHead, rest: bytes, posted: UpgradePost | None = None
    ) -> None:
        self._deadline = NEVER
        self.house.timed.discard(self)
        self.connections.discard(self)
        socket = LimitedWebSocketProtocol(self.config, self.server_state, self.app_state)
        socket.guest, self._guest = self._guest, None
        socket.posted = posted
        socket.connection_made(self.transport)
        self.transport.set_protocol(socket)
        socket.begin(upgrade_head(head), rest)  # stock uvicorn drops frames that come along

    # ----------------------------------------------------------------------------- refusing

    def _refuse(self, code: Code) -> None:
        """Refuse what is being read, after the answers that are still owed."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        current = self.cycle if self._phase is Phase.BODY else None
        running = self._running
        if running is not None and not running.response_complete and running is not current:
            running.keep_alive = False
            self.pipeline.clear()
            self._deadline = NEVER
            return
        answered = current is not None and current.response_started
        if current is not None and not current.response_complete:
            current.disconnected = True
            current.message_event.set()
        if answered:
            self.transport.close()
            return
        self.transport.write(render_raw(error_response((fault(code),))))
        self._drain_input()

    def _drain_input(self) -> None:
        """Let the client read the refusal: closing on unread bytes would reset it away."""
        self._body_bytes = 0
        self._set_deadline(self.limits.linger_ms)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _discard(self, data: bytes) -> None:
        self._body_bytes += len(data)
        is_owed = self._running is not None and not self._running.response_complete
        if self._body_bytes > LINGER_BYTES_MAX and not is_owed:
            self.transport.close()
