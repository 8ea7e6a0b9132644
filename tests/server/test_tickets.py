"""Hold tickets to opening one socket, soon, for what their key may do and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.requests import Request
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from cambist.clock import ManualClock
from cambist.faults import RequestRejected
from cambist.ports.api_keys import Permission
from cambist.server.auth.caller import Caller, attach_caller
from cambist.server.auth.caller_limits import RateLimitExceeded
from cambist.server.auth.tickets import KEY_TICKETS_MAX, TICKET_MS, TICKETS_MAX, Tickets
from cambist.values.api_key import read_key_id
from cambist.values.ids import Principal
from cambist.wire.rfc3339 import read_moment
from tests.server.app_harness import ORDER, in_process
from tests.server.authenticated_app import BORN, FREE, OTHER, Locked, locked_on_a_port

MINE = Caller(Principal("mine"), "key")


def a_call(key_id: str = "key") -> Request:
    call: dict[str, Any] = {"type": "http", "headers": []}
    attach_caller(call, replace(MINE, key_id=key_id))
    return Request(call)


class Draws:
    """Draws that differ."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")


async def issued(tickets: Tickets) -> str:
    await tickets.issue(a_call())
    return "ticket." + next(reversed(tickets._unused))


async def test_a_ticket_is_good_once_and_in_time() -> None:
    clock = ManualClock()
    tickets = Tickets(clock, Draws())
    first = await issued(tickets)
    assert tickets.redeem(["cambist.v1", first]) == MINE
    assert tickets.redeem(["cambist.v1", first]) is None
    late = await issued(tickets)
    await clock.push(TICKET_MS - 1)
    in_time = await issued(tickets)
    await clock.push(1)
    assert tickets.redeem([late]) is None
    assert tickets.redeem([in_time]) == MINE
    assert tickets.redeem(["ticket."]) is None
    assert tickets.redeem(["ticket.nope"]) is None


async def test_tickets_are_bounded_and_those_that_ended_make_room() -> None:
    clock = ManualClock()
    tickets = Tickets(clock, Draws())
    for number in range(TICKETS_MAX):
        await tickets.issue(a_call(str(number)))
    with pytest.raises(RequestRejected):
        await tickets.issue(a_call())
    assert len(tickets) == TICKETS_MAX
    await clock.push(TICKET_MS)
    await tickets.issue(a_call())
    assert len(tickets) == 1


async def test_a_key_takes_no_tickets_from_others() -> None:
    clock = ManualClock()
    tickets = Tickets(clock, Draws())
    issued = [await tickets.issue(a_call("chatty")) for _ in range(KEY_TICKETS_MAX)]
    with pytest.raises(RateLimitExceeded) as limited:
        await tickets.issue(a_call("chatty"))
    assert limited.value.retry_after_seconds * 1_000 == TICKET_MS
    await tickets.issue(a_call("other"))
    used = json.loads(issued[0].body)["ticket"]
    assert tickets.redeem([f"ticket.{used}"]) is not None
    await tickets.issue(a_call("chatty"))
    with pytest.raises(RateLimitExceeded):
        await tickets.issue(a_call("chatty"))
    await clock.push(TICKET_MS)
    for _ in range(KEY_TICKETS_MAX):
        await tickets.issue(a_call("chatty"))


async def ticket(rooms: Locked, key: dict[str, str]) -> str:
    answer = await rooms.client.post("/api/stream-tickets", headers=key)
    assert answer.status_code == 201
    told = answer.json()
    assert set(told) == {"ticket", "expiresAt"}
    assert read_moment(told["expiresAt"]) is not None
    return str(told["ticket"])


def opening(rooms: Locked, path: str, shown: str, *more: str) -> connect:
    protocols = [Subprotocol(one) for one in (*more, f"ticket.{shown}")]
    return connect(f"ws://127.0.0.1:{rooms.port}{path}", subprotocols=protocols, proxy=None)


async def status(rooms: Locked, path: str, shown: str) -> int:
    """Return the status a socket is refused with; 101 when it is not."""
    try:
        async with opening(rooms, path, shown, "cambist.v1"):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_ticket_opens_a_socket_in_our_subprotocol(tmp_path: Path) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        key = await rooms.key()
        placed = (await rooms.client.post("/api/orders", json=ORDER, headers=key)).json()
        path = f"/ws?orderId={placed['orderId']}"
        shown = await ticket(rooms, key)
        async with opening(rooms, path, shown, "cambist.v1") as socket:
            assert socket.subprotocol == "cambist.v1"
            assert placed["orderId"] in await heard(socket)
        assert await status(rooms, path, shown) == 401


async def heard(socket: ClientConnection) -> str:
    return str(await socket.recv())


async def test_a_ticket_sees_and_does_what_its_key_may(tmp_path: Path) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        reader, trader = await rooms.key(Permission.READ), await rooms.key()
        theirs = await rooms.key(principal=OTHER)
        placed = (await rooms.client.post("/api/orders", json=ORDER, headers=trader)).json()
        path = f"/ws?orderId={placed['orderId']}"
        async with opening(rooms, path, await ticket(rooms, theirs), "cambist.v1") as socket:
            assert "Order not found" in await heard(socket)
        assert await status(rooms, "/api/orders/execute", await ticket(rooms, reader)) == 403
        assert await status(rooms, "/api/orders/execute", await ticket(rooms, trader)) == 101


async def test_a_ticket_dies_with_its_key(tmp_path: Path) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        text = await rooms.key_text()
        shown = await ticket(rooms, {"authorization": f"Bearer {text}"})
        await rooms.keys.revoke(read_key_id(text) or "", BORN)
        assert await status(rooms, "/ws", shown) == 401


async def test_a_ticket_is_no_key(tmp_path: Path) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        key = await rooms.key()
        shown = await ticket(rooms, key)
        for headers in (
            {"authorization": f"Bearer {shown}"},
            {"sec-websocket-protocol": f"cambist.v1, ticket.{shown}"},
        ):
            assert (await rooms.client.get("/api/orders", headers=headers)).status_code == 401
        answer = await rooms.client.get(f"/api/orders?ticket={shown}")
        assert answer.status_code == 401
        assert await status(rooms, f"/ws?ticket={shown}", "") == 401


async def test_without_keys_a_ticket_is_given_and_needed_by_nobody(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        assert (await rooms.client.post("/api/stream-tickets")).status_code == 201
    async with locked_on_a_port(tmp_path) as open_rooms:
        shown = await ticket(open_rooms, {})
        assert await status(open_rooms, "/ws", shown) == 101
        await open_rooms.key()
        open_rooms.app._authenticator._look_at = 0
        assert await status(open_rooms, "/ws", shown) == 401


async def test_open_streams_end_with_their_key(tmp_path: Path) -> None:
    settings = replace(FREE, key_recheck_ms=20)
    async with locked_on_a_port(tmp_path, settings) as rooms:
        text, other = await rooms.key_text(), await rooms.key_text()
        url = f"ws://127.0.0.1:{rooms.port}/ws"
        shown = {"authorization": f"Bearer {text}"}
        kept = {"authorization": f"Bearer {other}"}
        async with (
            connect(url, additional_headers=shown, proxy=None) as socket,
            connect(url, additional_headers=kept, proxy=None) as stays,
            rooms.client.stream("GET", "/api/events", headers=shown) as told,
        ):
            await rooms.keys.revoke(read_key_id(text) or "", BORN)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401
            async for _ in told.aiter_lines():
                pass
            assert rooms.app.concurrency.streams == 1
            await (await stays.ping())


async def test_an_open_socket_places_nothing_with_a_revoked_key(tmp_path: Path) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        text = await rooms.key_text()
        url = f"ws://127.0.0.1:{rooms.port}/api/orders/execute"
        shown = {"authorization": f"Bearer {text}"}
        async with connect(url, additional_headers=shown, proxy=None) as socket:
            await rooms.keys.revoke(read_key_id(text) or "", BORN)
            await socket.send('{"tokenIn":"SOL","tokenOut":"USDC","amount":1}')
            assert '"unauthorized"' in await heard(socket)
        listed = await rooms.client.get("/api/orders", headers=await rooms.key())
        assert listed.json()["total"] == 0
