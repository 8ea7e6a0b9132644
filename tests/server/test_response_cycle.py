"""Hold our cycle of an answer to the bytes of uvicorn's."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NamedTuple

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from cambist.server.protocol.response_cycle import ResponseCycle

DEFAULTS = [(b"date", b"Tue, 01 Dec 2026 14:00:00 GMT"), (b"x-content-type-options", b"nosniff")]
LENGTH = (b"content-length", b"4")
TYPE = (b"content-type", b"text/plain")
CLOSE = (b"connection", b"close")
UPGRADE = (b"connection", b"Upgrade")


class _Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class _Sent(NamedTuple):
    """What an answer came to."""

    written: bytes
    closed: bool
    completed: bool


def _cycle(
    kind: type[RequestResponseCycle], transport: Any, method: str, *, keep_alive: bool
) -> RequestResponseCycle:
    return kind(
        scope={"type": "http", "method": method},  # type: ignore[typeddict-item]
        transport=transport,
        flow=FlowControl(transport),
        logger=logging.getLogger(__name__),
        access_logger=logging.getLogger(__name__),
        access_log=False,
        default_headers=DEFAULTS,
        message_event=asyncio.Event(),
        expect_100_continue=True,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )


async def _send(
    kind: type[RequestResponseCycle],
    method: str,
    status: int,
    headers: list[tuple[bytes, bytes]],
    *,
    keep_alive: bool,
) -> _Sent:
    transport = _Transport()
    cycle = _cycle(kind, transport, method, keep_alive=keep_alive)
    await cycle.send({"type": "http.response.start", "status": status, "headers": headers})
    body = b"" if status == 204 or (b"content-length", b"0") in headers else b"body"
    await cycle.send({"type": "http.response.body", "body": body, "more_body": False})
    return _Sent(transport.written, transport.closed, cycle.response_complete)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("status", [200, 204, 405, 503])
@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize(
    "headers",
    [[TYPE, LENGTH], [TYPE], [], [LENGTH, CLOSE], [TYPE, CLOSE], [LENGTH, UPGRADE], [LENGTH, TYPE]],
)
async def test_an_answer_is_written_as_uvicorn_writes_it(
    method: str, status: int, keep_alive: bool, headers: list[tuple[bytes, bytes]]
) -> None:
    if status == 204:
        headers = [header for header in headers if header != LENGTH]
    ours = await _send(ResponseCycle, method, status, headers, keep_alive=keep_alive)
    theirs = await _send(RequestResponseCycle, method, status, headers, keep_alive=keep_alive)
    assert ours == theirs


@pytest.mark.parametrize(
    "value", [b"a\r\nset-cookie: a=b", b"a\nb", b"a\rb", b"a\x00b", b"a\x7fb", b"\r\n\r\n<p>"]
)
async def test_a_header_with_a_control_character_is_never_written(value: bytes) -> None:
    transport = _Transport()
    cycle = _cycle(ResponseCycle, transport, "GET", keep_alive=True)
    headers = [LENGTH, (b"location", value)]
    with pytest.raises(RuntimeError, match="control character"):
        await cycle.send({"type": "http.response.start", "status": 200, "headers": headers})
    assert transport.written == b""
    assert not cycle.response_started  # so that the error is still answered


async def test_a_tab_in_a_header_is_allowed() -> None:
    headers = [LENGTH, (b"location", b"a\tb")]
    sent = await _send(ResponseCycle, "GET", 200, headers, keep_alive=True)
    assert b"location: a\tb\r\n" in sent.written


async def test_a_whole_answer_is_one_write_and_the_head_of_a_stream_waits_for_nothing() -> None:
    whole, stream = _Transport(), _Transport()
    start: Any = {"type": "http.response.start", "status": 200}
    for transport, headers in (whole, [LENGTH]), (stream, [TYPE]):
        cycle = _cycle(ResponseCycle, transport, "GET", keep_alive=True)
        await cycle.send({**start, "headers": headers})
        assert len(transport.writes) == (transport is stream)
        await cycle.send({"type": "http.response.body", "body": b"bo", "more_body": True})
        await cycle.send({"type": "http.response.body", "body": b"dy", "more_body": False})
    assert [part[-2:] for part in whole.writes] == [b"bo", b"dy"]
    assert stream.writes[1:] == [b"2\r\nbo\r\n", b"2\r\ndy\r\n0\r\n\r\n"]


@pytest.mark.parametrize("body", [b"", b"bod", b"body2"])
async def test_a_body_of_another_length_than_its_head_says_is_an_error(body: bytes) -> None:
    transport = _Transport()
    cycle = _cycle(ResponseCycle, transport, "GET", keep_alive=True)
    await cycle.send({"type": "http.response.start", "status": 200, "headers": [LENGTH]})
    with pytest.raises(RuntimeError, match="Content-Length"):
        await cycle.send({"type": "http.response.body", "body": body, "more_body": False})
    assert transport.written == b""


@pytest.mark.parametrize("kinds", [["body"], ["start", "start"], ["start", "body", "body"]])
async def test_a_message_out_of_order_is_an_error(kinds: list[str]) -> None:
    cycle = _cycle(ResponseCycle, _Transport(), "HEAD", keep_alive=True)
    messages: dict[str, Any] = {
        "start": {"type": "http.response.start", "status": 200, "headers": []},
        "body": {"type": "http.response.body", "body": b""},
    }
    for kind in kinds[:-1]:
        await cycle.send(messages[kind])
    with pytest.raises(RuntimeError, match="does not belong here"):
        await cycle.send(messages[kinds[-1]])


async def test_nothing_is_written_to_a_client_that_has_left() -> None:
    transport = _Transport()
    cycle = _cycle(ResponseCycle, transport, "GET", keep_alive=True)
    cycle.disconnected = True
    await cycle.send({"type": "http.response.start", "status": 200, "headers": [LENGTH]})
    assert transport.written == b""
