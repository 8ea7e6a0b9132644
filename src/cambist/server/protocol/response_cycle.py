"""Writes answers: the head checked as a whole, and in one write with the body that follows."""

# Uvicorn checks each header by two expressions and writes the head apart from the body. Each write
# is a system call that carries a segment through TCP, which costs as much as running a handler. So
# a head waits for the first part of its body, which follows at once. The head of a stream does
# not wait, since its first event may be seconds away.

from __future__ import annotations

from typing import Any, Final, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_CONTROL: Final = bytes({*range(32), 127} - {ord("\t")})
_CRLF_BYTES: Final = 2
_WITHOUT_BODY: Final = frozenset((204, 304))


class ResponseCycle(RequestResponseCycle):
    """Uvicorn's cycle of a request and its answer, except for how it writes."""

    _waiting_head = b""

    async def send(self, message: ASGISendEvent) -> None:
        """Send the beginning of an answer or a part of its body.

        Raises RuntimeError when the answer is none that HTTP allows.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind, part = message["type"], cast("dict[str, Any]", message)
        if kind == "http.response.start" and not self.response_started:
            self._start(part["status"], part["headers"])
        elif kind == "http.response.body" and self.response_started and not self.response_complete:
            self._write_body(part["body"], is_last=not part.get("more_body", False))
        else:
            msg = f"{kind} does not belong here"
            raise RuntimeError(msg)

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        head = self._render_head(status, headers)
        self.response_started = True
        self.waiting_for_100_continue = False
        if self.chunked_encoding:
            self.transport.write(head)
        else:
            self._waiting_head = head

    def _render_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        fields = [*self.default_headers, *headers]  # ASGI has names in lower case
        values = dict(fields)
        if values.get(b"connection", b"").lower() == b"close":
            self.keep_alive = False
        elif not self.keep_alive:
            fields.append((b"connection", b"close"))
        length = values.get(b"content-length")
        if length is not None:
            self.expected_content_length, self.chunked_encoding = int(length), False
        elif self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self.chunked_encoding = True
            fields.append((b"transfer-encoding", b"chunked"))
        rendered = b"".join([b"%b: %b\r\n" % field for field in fields])
        # A control character in a value would let a client write headers into the answer.
        control_characters = len(rendered) - len(rendered.translate(None, _CONTROL))
        if control_characters != _CRLF_BYTES * len(fields):
            raise RuntimeError("a header contains a control character")
        return b"%b%b\r\n" % (STATUS_LINE[status], rendered)

    def _write_body(self, body: bytes, *, is_last: bool) -> None:
        written = body
        if self.scope["method"] == "HEAD":
            written = b""
        elif self.chunked_encoding:
            written = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            written += b"0\r\n\r\n" if is_last else b""
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (is_last and self.expected_content_length):
                raise RuntimeError("the body is not as long as Content-Length says")
        self.transport.write(self._waiting_head + written)
        self._waiting_head = b""
        if is_last:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
