"""Prove that a line comes back by itself, ever more patiently, and takes nobody down with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from cambist.bootstrap.coordination import Coordination, ProcessRole, build_coordination
from cambist.clock import ManualClock, SystemClock
from cambist.config import Settings
from cambist.coordination.reconnecting_connection import (
    STEADY_MS,
    WAIT_FIRST_MS,
    WAIT_MAX_MS,
    ReconnectingConnection,
    TransportDown,
)
from tests.coordination.multi_process import town
from tests.coordination.waiting import until
from tests.servers.postgres import Postgres


class Bearer:
    """A bearer of signals that is dialled, and does what it is told to."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.dialled: list[int] = []
        self.closed = 0
        self.ends: BaseException | None = TransportDown("away")
        self.answers = True
        self.running: asyncio.Task[None] | None = None
        self.line = ReconnectingConnection(self.clock, "test", self.dial, self.work)

    async def push(self, milliseconds: int) -> None:
        """Let time pass; the first time is the beginning."""
        self.running = self.running or asyncio.create_task(self.line.run())
        await self.clock.push(milliseconds)

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[str]:
        self.dialled.append(self.clock.monotonic_ms())
        if not self.answers:
            raise TransportDown("nobody is there")
        try:
            yield "line"
        finally:
            self.closed += 1

    async def work(self, _line: str) -> None:
        if self.ends is None:
            await self.clock.sleep(2 * STEADY_MS)
            raise TransportDown("cut")
        raise self.ends


@pytest.fixture
async def bearer() -> AsyncIterator[Bearer]:
    bearer = Bearer()
    yield bearer
    assert bearer.running is not None
    bearer.running.cancel()
    await asyncio.gather(bearer.running, return_exceptions=True)


@pytest.mark.parametrize("answers", [True, False])
async def test_it_is_dialled_again_after_waits_that_grow_to_a_limit(
    bearer: Bearer, answers: bool
) -> None:
    bearer.answers = answers
    await bearer.push(10 * WAIT_MAX_MS)
    gaps = [later - one for one, later in zip(bearer.dialled, bearer.dialled[1:], strict=False)]
    assert gaps[:3] == [WAIT_FIRST_MS, 2 * WAIT_FIRST_MS, 4 * WAIT_FIRST_MS]
    assert gaps[-1] == max(gaps) == WAIT_MAX_MS
    assert bearer.closed == (len(bearer.dialled) if answers else 0)


async def test_one_that_held_is_dialled_again_at_once(bearer: Bearer) -> None:
    await bearer.push(10 * WAIT_MAX_MS)
    bearer.ends = None
    await bearer.push(WAIT_MAX_MS)
    assert bearer.line.is_up
    last = len(bearer.dialled)
    await bearer.push(2 * STEADY_MS + WAIT_FIRST_MS)
    assert bearer.dialled[last] - bearer.dialled[last - 1] == 2 * STEADY_MS + WAIT_FIRST_MS


async def test_a_defect_is_told_and_ends_nothing(bearer: Bearer) -> None:
    bearer.ends = KeyError("a defect")
    with capture_logs() as logs:
        await bearer.push(4 * WAIT_MAX_MS)
    assert len(bearer.dialled) > 4
    assert not bearer.line.is_up
    assert "coordination_failed" in {log["event"] for log in logs}


async def test_an_outage_is_logged_once_at_each_end(bearer: Bearer) -> None:
    with capture_logs() as logs:
        bearer.answers = False
        await bearer.push(10 * WAIT_MAX_MS)
        bearer.answers, bearer.ends = True, None
        await bearer.push(WAIT_MAX_MS)
    assert [log["event"] for log in logs] == ["coordination_unavailable", "coordination_restored"]


@pytest.mark.postgres
async def test_notices_come_back_with_their_server(
    tmp_path: Path, breakable_postgres: Postgres
) -> None:
    def make(part: ProcessRole) -> Coordination:
        shared = replace(part, notices=breakable_postgres.url)
        return build_coordination(Settings(), SystemClock(), shared)

    async with town(tmp_path, make) as house:
        lines = (*house.api.lines, *house.worker.lines)
        breakable_postgres.kill9()
        await until(lambda: not any(line.is_up for line in lines))
        breakable_postgres.start()
        await until(lambda: all(line.is_up for line in lines))
        order = await house.born(1)
        listener = house.api.bus.subscribe(order.id)
        await house.note(order, 1)
        assert await listener.next(10_000) == ()
        listener.close()
