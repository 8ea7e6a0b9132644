"""Hold each caller to its permits, and keep health, cancels and halts answered under any load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from cambist.engine.engine import Engine
from cambist.ports.api_keys import Permission
from cambist.ports.errors import PortOverloaded
from cambist.ports.store import OrderPage
from cambist.server.auth.caller import Caller
from cambist.server.auth.caller_concurrency import STOPS_MAX, CallerConcurrency
from cambist.server.auth.caller_limits import RateLimitExceeded
from cambist.server.auth.request_priority import Priority, assign_priority
from cambist.server.settings import ServerSettings
from cambist.values.ids import LOCAL
from tests.server.app_harness import ORDER, in_process, on_a_port, until, wire
from tests.server.authenticated_app import FREE, locked, locked_on_a_port

NO_ORDER = "/api/orders/01890f3e-7b1c-7cc0-8000-000000000000"
STOPS = (
    ("DELETE", NO_ORDER, None),
    ("POST", f"{NO_ORDER}/cancel", None),
    ("POST", "/api/halt", {"reason": "full"}),
    ("POST", "/api/resume", {"reason": "room"}),
)
PROBES = ("/health", "/health/live", "/health/ready")
ALL = frozenset(Permission)


class Held:
    """A store read that does not return until it is let go; it counts who waits and who left."""

    def __init__(self) -> None:
        self.waiting = self.cancelled = self.began = 0
        self.gate = asyncio.Event()

    async def __call__(self, *_: Any) -> Any:
        self.began += 1
        self.waiting += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.waiting -= 1
        return OrderPage(())


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Make every list wait in the store."""
    read = Held()
    monkeypatch.setattr(Engine, "list_orders", lambda _engine, *told: read(*told))
    return read


@asynccontextmanager
async def asking(
    client: httpx.AsyncClient, count: int, headers: dict[str, str] | None = None
) -> AsyncIterator[list[asyncio.Task[httpx.Response]]]:
    """Ask for as many lists at once, and let go of them at the end."""
    async with asyncio.TaskGroup() as tasks:
        asked = [
            tasks.create_task(client.get("/api/orders", headers=headers)) for _ in range(count)
        ]
        try:
            yield asked
        finally:
            for request in asked:
                request.cancel()


async def statuses(client: httpx.AsyncClient, headers: dict[str, str]) -> list[int]:
    """Return what each stop and each probe is answered."""
    stops = [
        await client.request(method, path, json=body, headers=headers)
        for method, path, body in STOPS
    ]
    probes = [await client.get(path) for path in PROBES]
    return [stop.status_code for stop in (*stops, *probes)]


async def test_stops_and_probes_are_answered_when_the_server_is_full(
    tmp_path: Path, held: Held
) -> None:
    async with in_process(tmp_path, ServerSettings(requests_max=3)) as rooms:
        async with asking(rooms.client, 3):
            await until(lambda: held.waiting == 3)
            full = await rooms.client.get("/api/tokens")
            assert (full.status_code, full.json()["code"]) == (503, "too_busy")
            assert await statuses(rooms.client, {}) == [404, 404, 200, 200, 200, 200, 200]
            assert rooms.app.concurrency.requests == 3
        assert rooms.app.concurrency.requests == 0


async def test_a_key_has_its_permits_and_others_have_theirs(tmp_path: Path, held: Held) -> None:
    async with locked(tmp_path, replace(FREE, key_requests_max=2)) as rooms:
        key, other = await rooms.key(*ALL), await rooms.key(*ALL)
        async with asking(rooms.client, 2, key):
            await until(lambda: held.waiting == 2)
            refused = await rooms.client.get("/api/tokens", headers=key)
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert refused.headers["retry-after"] == "1"
            assert (await rooms.client.get("/api/tokens", headers=other)).status_code == 200
            assert await statuses(rooms.client, key) == [404, 404, 200, 200, 200, 200, 200]
        assert len(rooms.app.concurrency.callers) == 0
        assert (await rooms.client.get("/api/tokens", headers=key)).status_code == 200


def test_an_address_without_a_key_has_permits_too() -> None:
    limits = CallerConcurrency(ServerSettings(address_requests_max=1))
    caller = Caller(source="203.0.113.1")
    permit = limits.acquire(caller, Priority.NORMAL)
    with pytest.raises(RateLimitExceeded):
        limits.acquire(caller, Priority.NORMAL)
    limits.acquire(Caller(source="203.0.113.2"), Priority.NORMAL).release()
    permit.release()
    limits.acquire(caller, Priority.NORMAL).release()
    assert len(limits) == 0


def test_stops_have_so_many_permits_beside_the_others_and_no_more() -> None:
    limits = CallerConcurrency(ServerSettings(key_requests_max=2))
    caller = Caller(LOCAL, "key")
    taken = [limits.acquire(caller, Priority.STOP) for _ in range(2 + STOPS_MAX)]
    for priority in (Priority.STOP, Priority.NORMAL):
        with pytest.raises(RateLimitExceeded):
            limits.acquire(caller, priority)
    for permit in taken:
        permit.release()
    assert len(limits) == 0


def test_a_stream_gives_its_permit_back_while_it_lasts() -> None:
    limits = CallerConcurrency(ServerSettings(key_requests_max=1))
    caller = Caller(LOCAL, "key")
    permit = limits.acquire(caller, Priority.NORMAL)
    suspended = limits.suspend(caller)
    limits.acquire(caller, Priority.NORMAL).release()
    limits.resume(suspended)
    with pytest.raises(RateLimitExceeded):
        limits.acquire(caller, Priority.NORMAL)
    permit.release()
    assert len(limits) == 0


@pytest.mark.parametrize(
    ("method", "path", "priority"),
    [
        ("GET", "/health", Priority.PROBE),
        ("GET", "/health/ready", Priority.PROBE),
        ("GET", "/healthy", Priority.NORMAL),
        ("DELETE", "/api/orders/x", Priority.STOP),
        ("DELETE", "/api/tokens", Priority.NORMAL),
        ("POST", "/api/orders/x/cancel", Priority.STOP),
        ("GET", "/api/orders/x/cancel", Priority.NORMAL),
        ("POST", "/api/halt", Priority.STOP),
        ("POST", "/api/resume", Priority.STOP),
        ("POST", "/api/orders", Priority.NORMAL),
        ("PATCH", "/api/orders/x", Priority.NORMAL),
    ],
)
def test_only_cancels_and_halts_go_ahead(method: str, path: str, priority: Priority) -> None:
    assert assign_priority({"method": method, "path": path}) is priority


async def test_reads_stop_when_the_client_has_left(tmp_path: Path, held: Held) -> None:
    async with on_a_port(tmp_path) as (rooms, port):
        head = b"GET /api/orders?offset=9000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for _ in range(40):
            async with wire(port) as connection:
                began = held.began
                await connection.say(head)
                await until(lambda began=began: held.began > began)
        await until(lambda: not held.waiting)
        assert held.cancelled == 40
        await until(lambda: not rooms.app.concurrency.requests)
        # One that stays is answered, after all those that left.
        held.gate.set()
        assert (await rooms.client.get("/api/orders")).status_code == 200


async def test_the_abandoned_reads_of_one_key_do_not_disturb_another(
    tmp_path: Path, held: Held
) -> None:
    async with locked_on_a_port(tmp_path, replace(FREE, key_requests_max=4)) as rooms:
        reads, other = await rooms.key(Permission.READ), await rooms.key()
        shown = f"Authorization: {reads['authorization']}"
        line = f"GET /api/orders HTTP/1.1\r\nHost: localhost\r\n{shown}\r\n\r\n"
        async with asyncio.TaskGroup() as tasks:
            leave = asyncio.Event()

            async def abandon() -> None:
                async with wire(rooms.port) as connection:
                    await connection.say(line.encode())
                    await leave.wait()

            for _ in range(20):
                tasks.create_task(abandon())
            await until(lambda: held.waiting == 4)
            placed = await rooms.client.post("/api/orders", json=ORDER, headers=other)
            assert placed.status_code == 202
            assert [(await rooms.client.get(path)).status_code for path in PROBES] == [200] * 3
            leave.set()
        await until(lambda: not held.waiting)
        assert held.cancelled == held.began == 4


async def test_an_order_is_placed_although_its_client_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted, submit = asyncio.Event(), Engine.submit
    go_on = asyncio.Event()

    async def slowly(engine: Engine, wish: Any) -> Any:
        submitted.set()
        await go_on.wait()
        return await submit(engine, wish)

    monkeypatch.setattr(Engine, "submit", slowly)
    async with on_a_port(tmp_path) as (rooms, port):
        body = b'{"tokenIn":"SOL","tokenOut":"USDC","amount":1}'
        head = b"POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        async with wire(port) as connection:
            await connection.say(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
            await submitted.wait()
        go_on.set()
        await until(lambda: not rooms.app.concurrency.requests)
        assert (await rooms.client.get("/api/orders")).json()["total"] == 1


async def test_a_store_without_room_for_a_read_says_when_to_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def overloaded(_engine: Engine, _query: Any) -> Any:
        raise PortOverloaded

    monkeypatch.setattr(Engine, "list_orders", overloaded)
    async with in_process(tmp_path) as rooms:
        refused = await rooms.client.get("/api/orders")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
