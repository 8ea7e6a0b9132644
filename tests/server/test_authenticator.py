"""Hold the doorman to noticing keys in time, and the seats to their counts, on a pushed clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from cambist.clock import ManualClock
from cambist.coordination.memory_rate_limits import InMemoryRateLimiter
from cambist.faults import Code, RequestRejected
from cambist.ports.api_keys import ApiKey, Permission
from cambist.ports.errors import PortUnavailable
from cambist.server.auth.authenticator import LOOK_EVERY_MS, ApiKeyAuthenticator, AuthDependencies
from cambist.server.auth.caller import Caller, charge
from cambist.server.auth.tickets import Tickets
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.protocol.close_codes import CLOSE_UNAUTHORIZED
from cambist.server.settings import ServerSettings
from cambist.values.ids import LOCAL, Principal
from cambist.values.time_units import Timestamp
from tests.server.authenticated_app import made_key

PEPPER = bytes(32)
ANYONE = Caller(LOCAL)


class Shelf:
    """Keys in memory, which can be out of reach."""

    def __init__(self) -> None:
        self.kept: dict[str, ApiKey] = {}
        self.is_down = False
        self.asked = 0
        self.noted: list[Timestamp] = []

    async def has_ever_issued(self) -> bool:
        self.asked += 1
        if self.is_down:
            raise PortUnavailable("down")
        return bool(self.kept)

    async def find(self, key_id: str) -> ApiKey | None:
        if self.is_down:
            raise PortUnavailable("down")
        return self.kept.get(key_id)

    async def list(self) -> tuple[ApiKey, ...]:
        return tuple(self.kept.values())

    async def add(self, key: ApiKey) -> None:
        self.kept[key.id] = key

    async def revoke(self, key_id: str, now: Timestamp) -> bool:
        self.kept[key_id] = replace(self.kept[key_id], revoked_at=now)
        return True

    async def record_use(self, _key_id: str, now: Timestamp) -> None:
        self.noted.append(now)


class Porch:
    """A doorman, and what he looks at."""

    def __init__(self, settings: ServerSettings | None = None) -> None:
        self.clock, self.keys = ManualClock(), Shelf()
        locks = AuthDependencies(self.keys, lambda: PEPPER, InMemoryRateLimiter(self.clock), bytes)
        tickets = Tickets(self.clock, bytes)
        self.door = ApiKeyAuthenticator(self.clock, locks, settings or ServerSettings(), tickets)

    async def make(self, *scopes: Permission, **more: Any) -> bytes:
        text, key = made_key(PEPPER, *scopes, **more)
        await self.keys.add(key)
        return b"Bearer " + text.encode()

    async def ask(self, shown: bytes | None, right: Permission | None = Permission.READ) -> Caller:
        headers = [] if shown is None else [(b"authorization", shown)]
        call = {"type": "http", "headers": headers, "client": ("127.0.0.1", 1)}
        return await self.door.authenticate(call, right)


async def test_the_first_key_is_noticed_within_a_second_and_asked_for_now_and_then() -> None:
    porch = Porch()
    for _ in range(1_000):
        assert (await porch.ask(None)).principal == LOCAL
    assert porch.keys.asked == 1
    await porch.make()
    await porch.clock.push(LOOK_EVERY_MS - 1)
    assert (await porch.ask(None)).key_id is None
    await porch.clock.push(1)
    with pytest.raises(RequestRejected) as refused:
        await porch.ask(None)
    assert refused.value.faults[0].code is Code.UNAUTHORIZED
    assert LOOK_EVERY_MS <= 1_000


async def test_nobody_is_let_in_while_it_is_not_known_whether_there_are_keys() -> None:
    porch = Porch()
    porch.keys.is_down = True
    for _ in range(3):
        with pytest.raises(PortUnavailable):
            await porch.ask(None)
    porch.keys.is_down = False
    assert (await porch.ask(None)).principal == LOCAL
    porch.keys.is_down = True
    await porch.clock.push(LOOK_EVERY_MS)
    with pytest.raises(PortUnavailable):
        await porch.ask(None)


async def test_a_door_once_locked_stays_locked() -> None:
    porch = Porch()
    await porch.make()
    with pytest.raises(RequestRejected):
        await porch.ask(None)
    porch.keys.kept.clear()
    await porch.clock.push(10 * LOOK_EVERY_MS)
    with pytest.raises(RequestRejected):
        await porch.ask(None)


async def test_a_key_is_good_up_to_its_end() -> None:
    porch = Porch()
    end = Timestamp(porch.clock.now() + 1_000)
    shown = await porch.make(expires_at=end)
    await porch.clock.push(999)
    assert (await porch.ask(shown)).key_id is not None
    await porch.clock.push(1)
    with pytest.raises(RequestRejected):
        await porch.ask(shown)


async def test_a_use_is_noted_again_after_a_minute() -> None:
    porch = Porch()
    shown = await porch.make()
    for _ in range(5):
        await porch.ask(shown)
        await porch.clock.push(30_000)
    first = porch.keys.noted[0]
    assert [at - first for at in porch.keys.noted] == [0, 60_000, 120_000]


async def test_who_came_in_before_there_were_keys_places_no_order_after() -> None:
    porch = Porch()
    early = await porch.ask(None)
    await charge(early, 1)
    await porch.make()
    await porch.clock.push(LOOK_EVERY_MS)
    with pytest.raises(RequestRejected) as refused:
        await charge(early, 1)
    assert refused.value.faults[0].code is Code.UNAUTHORIZED
    assert not await porch.door.is_still_valid(early)


async def test_what_is_public_is_answered_while_the_keys_are_out_of_reach() -> None:
    porch = Porch()
    await porch.make()
    with pytest.raises(RequestRejected):
        await porch.ask(None)
    porch.keys.is_down = True
    assert not (await porch.ask(None, None)).permissions


async def test_streams_are_ended_by_key_and_asked_for_once() -> None:
    seats, asked = ConcurrencyLimits(ServerSettings()), []
    gone, stays = Caller(Principal("a"), "gone"), Caller(Principal("a"), "stays")

    async def may_stay(caller: Caller) -> bool:
        asked.append(caller.key_id)
        return caller.key_id != "gone"

    with (
        seats.open_socket(gone) as one,
        seats.open_socket(gone) as two,
        seats.open_socket(stays) as three,
    ):
        await seats.close_unauthorized(may_stay)
        assert [life.close_code == CLOSE_UNAUTHORIZED for life in (one, two, three)] == [
            True, True, False,
        ]  # fmt: skip
    assert sorted(asked, key=str) == ["gone", "stays"]
    assert not seats.streams


async def test_bodies_have_seats_of_their_own_and_so_many() -> None:
    concurrency = ConcurrencyLimits(ServerSettings(requests_max=1, bodies_max=1))
    arrived: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    concurrency.requests = 1

    async def receive() -> dict[str, Any]:
        return await arrived

    waiting = asyncio.create_task(concurrency.read_body(receive, 10))
    await asyncio.sleep(0)
    assert (concurrency.requests, concurrency.bodies) == (0, 1)
    with pytest.raises(RequestRejected):
        await concurrency.read_body(receive, 10)
    concurrency.requests = 1  # somebody else took the seat
    arrived.set_result({"type": "http.request", "body": b"{}"})
    with pytest.raises(RequestRejected):
        await waiting
    assert (concurrency.requests, concurrency.bodies) == (2, 0)
    concurrency.requests = 1
    assert await concurrency.read_body(receive, 10) == b"{}"
    assert await concurrency.read_body(receive, 1) is None
