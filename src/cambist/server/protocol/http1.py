"""Limits an HTTP/1.1 connection: sizes, time, and the number of connections."""

# Theory of operation
#
# Uvicorn limits neither heads nor bodies nor time, and it loses the body of a POST that carries an
# `Upgrade` header. This protocol subclasses its httptools protocol (the version is pinned exactly,
# because these are internals) and adds limits. It answers a request that it rejects with the same
# problem documents (RFC 9457) as the rest of the server.
#
# Phases. A connection is IDLE between requests, in HEAD while a request head arrives, in BODY
# until the request is complete. Each phase has a deadline: a client that sends one byte a minute
# must not keep a connection open (Slowloris). There is one deadline a connection, and one task
# sweeps all connections (ConnectionRegistry). A timer for each connection would cost more than the
# parsing.
#
# Rules:
#
# 1. Answers come in the order of the requests (RFC 9112, section 9.3.2). A rejection waits for the
#    answers that are still owed; with pipelining, it never takes the place of one of them.
# 2. After a rejection nothing more is parsed: the end of the rejected request is unknown, and what
#    follows could be a smuggled request (RFC 9112, section 11.2). The connection closes.
# 3. Before the close the server reads on for a moment (RFC 9112, section 9.6). A close while bytes
#    are unread makes TCP send a reset, and the client may lose the answer with it.
# 4. A server may ignore `Upgrade` (RFC 9110, section 7.8). Only WebSocket is accepted. For any
#    other protocol the head is parsed again without the field, and the request is answered as
#    HTTP/1.1.
# 5. A request that stalls gets 408 (RFC 9110, section 15.5.9). An idle connection is closed
#    without an answer: a 408 that crosses the next request would be taken for its answer.
# 6. A client that does not read its answer is disconnected. While the write buffer shrinks, the
#    client is slow, not stalled.

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cambist.faults import Code, fault
from cambist.server.protocol.chunked_body import WIRE_BYTES_PER_BYTE_MAX, InvalidChunkedBody
from cambist.server.protocol.connections import NEVER, ConnectionRegistry, ConnectionSlot
from cambist.server.protocol.handshake_defects import SCOPE_KEY, HandshakeDefect, find_defect
from cambist.server.protocol.request_head import RequestHead, UpgradePost, plain_head, upgrade_head
from cambist.server.protocol.response_cycle import ResponseCycle
from cambist.server.protocol.websocket import LimitedWebSocketProtocol
from cambist.server.responses import error_response, render_raw

LINGER_BYTES_MAX: Final = 256 * 1024
WRITE_BUFFER_BYTES_MAX: Final = 32 * 1024
"""How many bytes wait for a slow client before writing pauses; one chunk more may be buffered."""


class ProtocolConfig(uvicorn.Config):
    """Uvicorn's settings, with the registry of the server's connections."""

    connections: ConnectionRegistry


class Phase(Enum):
    """The phase of the request that is being read."""

    IDLE = 0
    HEAD = 1
    BODY = 2


class LimitedHttpProtocol(HttpToolsProtocol):
    """An HTTP connection with limits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.registry = cast("ProtocolConfig", self.config).connections
        self.limits = self.registry.limits
        self._deadline = NEVER
        self._stall_deadline = NEVER
        self._stalled_bytes = 0
        self._slot: ConnectionSlot | None = None
        self._phase = Phase.IDLE
        self._running: RequestResponseCycle | None = None
        self._rejected = False
        self._upgrade_post: UpgradePost | None = None
        self._defect: HandshakeDefect | None = None
        self._head_bytes = 0
        self._body_bytes = 0
        self._wire_bytes = 0

    # -------------------------------------------------------------------------- connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a slot, or reject the connection when there is none."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)
        self.registry.timed.add(self)
        address = self.client[0] if self.client else ""
        self._slot = self.registry.enter(address)
        self._set_deadline(self.limits.head_ms)
        if self._slot is None:
            self._reject(Code.TOO_BUSY if self.registry.is_full else Code.TOO_MANY_CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the slot back."""
        self.registry.timed.discard(self)
        if self._slot is not None:
            self._slot.leave()
        super().connection_lost(exc)

    @property
    def deadline(self) -> float:
        """When `expire` is due, in seconds of the event loop's clock."""
        return min(self._deadline, self._stall_deadline)

    def _set_deadline(self, milliseconds: int) -> None:
        self._deadline = self.loop.time() + milliseconds / 1_000

    def expire(self) -> None:
        """Act on the deadline: a slow request, a stalled client, or an idle connection."""
        if self._stall_deadline < self._deadline:
            self._end_stall()
        # No 408 on a connection that has sent nothing of a request: see rule 5.
        elif self._rejected or (
            self._phase is not Phase.BODY and not self._head_bytes and self._upgrade_post is None
        ):
            self._deadline = NEVER
            self.transport.close()
        else:
            self._reject(Code.REQUEST_TIMEOUT)

    def _end_stall(self) -> None:
        if self.transport.get_write_buffer_size() < self._stalled_bytes:
            self._begin_stall()
        else:
            self.transport.abort()

    def _begin_stall(self) -> None:
        self._stalled_bytes = self.transport.get_write_buffer_size()
        self._stall_deadline = self.loop.time() + self.limits.stall_ms / 1_000

    def pause_writing(self) -> None:
        """Start the stall deadline: the client reads too slowly."""
        super().pause_writing()
        self._begin_stall()

    def resume_writing(self) -> None:
        """Stop the stall deadline: the client caught up."""
        super().resume_writing()
        self._stall_deadline = NEVER

    # ------------------------------------------------------------------------------ parsing

    def on_message_begin(self) -> None:
        """Start a request head and its deadline."""
        super().on_message_begin()
        if not self._rejected:
            self._phase, self._body_bytes, self._wire_bytes = Phase.HEAD, 0, 0
            self._set_deadline(self.limits.head_ms)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; reject trailers, which could change how the request is understood."""
        # A trailer field must not be merged into the header section (RFC 9110, section 6.5.1).
        if self._phase is Phase.BODY:
            self._reject(Code.BAD_REQUEST)
        elif not self._rejected:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head, and start the request unless it asks for an upgrade."""
        if self._rejected:
            return
        self._head_bytes = 0
        error = RequestHead(self.url, self.headers).error(self.limits)
        if error is not None:
            self._reject(error)
        elif not self.parser.should_upgrade():  # else `data_received` decides
            self._start_request()
            self._phase = Phase.BODY
            self._set_deadline(self.limits.body_ms)

    def _start_request(self) -> None:
        """Start the request, or queue it behind those that are not answered yet."""
        # As uvicorn's `on_headers_complete`, with our own cycle.
        scope, version = cast("dict[str, Any]", self.scope), self.parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        if self._defect is not None:
            scope[SCOPE_KEY], self._defect = self._defect, None
        self.cycle = ResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if self._is_answering:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body within its limit."""
        if self._rejected:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self.limits.body_max(self.url):
            self._reject(Code.BODY_TOO_LARGE)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        if self._rejected or self._phase is not Phase.BODY:
            return
        self._phase = Phase.IDLE
        self._deadline = NEVER
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, within the limits of head and body."""
        if self._rejected:
            self._discard(data)
            return
        if self._upgrade_post is not None:
            self._collect(self._upgrade_post, data)
            return
        if self._phase is not Phase.BODY:
            self._head_bytes += len(data)
        else:
            self._wire_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._rejected:
                self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._reject(Code.BAD_REQUEST)
        if self._phase is Phase.IDLE:
            self._head_bytes = 0
        elif self._phase is Phase.HEAD and self._head_bytes > self.limits.head_bytes_max:
            self._reject(Code.HEADERS_TOO_LARGE)
        elif self._wire_bytes > self.limits.body_max(self.url) * WIRE_BYTES_PER_BYTE_MAX:
            self._reject(Code.BODY_TOO_LARGE)

    def on_response_complete(self) -> None:
        """Start the next pipelined request, or wait for one."""
        # As uvicorn's, without its timer for idle connections: they have a deadline here.
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase is Phase.IDLE and not self._rejected:
            self._set_deadline(self.limits.idle_ms)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # ---------------------------------------------------------------------------- upgrading

    def _upgrade(self, rest: bytes) -> None:
        """Switch to WebSocket, or parse the request again without its upgrade."""
        head = RequestHead(self.url, self.headers)
        method = self.parser.get_method()
        # CONNECT asks for a tunnel (RFC 9110, section 9.3.6); this server is no proxy.
        if method == b"CONNECT":
            self._reject(Code.BAD_REQUEST)
        elif UpgradePost.is_upgrade_post(method, head):
            self._begin_upgrade_post(UpgradePost(head, self.limits.body_max(head.target)), rest)
        elif head.asks_for_websocket(method):
            self._defect = self._find_defect(head)
            if self._defect is None:
                self._become_socket(head, rest)
            else:
                self._parse_without_upgrade(method, head, rest)
        else:
            self._parse_without_upgrade(method, head, rest)

    def _parse_without_upgrade(self, method: bytes, head: RequestHead, rest: bytes) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self._phase = Phase.IDLE
        self.data_received(plain_head(method, head, self.scope["http_version"]) + rest)

    def _find_defect(self, head: RequestHead) -> HandshakeDefect | None:
        if head.has_body:
            return HandshakeDefect(
                fault(Code.INVALID_HANDSHAKE, "A WebSocket handshake must not have a body.")
            )
        if self._is_answering:
            message = "A WebSocket handshake must wait until all earlier requests are answered."
            return HandshakeDefect(fault(Code.INVALID_HANDSHAKE, message))
        return find_defect(head.target, head.headers, self.parser.get_http_version())

    @property
    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _begin_upgrade_post(self, upgrade_post: UpgradePost, rest: bytes) -> None:
        error = Code.BAD_REQUEST if self._is_answering else upgrade_post.error()
        if error is not None:
            self._reject(error)
            return
        self._upgrade_post = upgrade_post
        self._set_deadline(self.limits.body_ms)
        self._collect(upgrade_post, rest)

    def _collect(self, upgrade_post: UpgradePost, data: bytes) -> None:
        try:
            rest = upgrade_post.feed(data)
        except InvalidChunkedBody as error:
            self._upgrade_post = None
            self._reject(error.code)
            return
        if rest is not None:
            self._become_socket(upgrade_post.handshake(), rest, upgrade_post)

    def _become_socket(
        self, head: RequestHead, rest: bytes, upgrade_post: UpgradePost | None = None
    ) -> None:
        self._deadline = NEVER
        self.registry.timed.discard(self)
        self.connections.discard(self)
        socket = LimitedWebSocketProtocol(self.config, self.server_state, self.app_state)
        socket.slot, self._slot = self._slot, None
        socket.upgrade_post = upgrade_post
        socket.connection_made(self.transport)
        self.transport.set_protocol(socket)
        socket.begin(upgrade_head(head), rest)  # uvicorn would drop frames behind the head

    # ----------------------------------------------------------------------------- rejecting

    def _reject(self, code: Code) -> None:
        """Reject the request that is being read, after the answers that are still owed."""
        if self._rejected or self.transport.is_closing():
            return
        self._rejected = True
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
        """Half-close, and read on for a moment: see rule 3."""
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
