"""Send a server too much and too slowly: it says no, stays small, and serves who behaves."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.acceptance.flood_clients import (
    FLOODS,
    SLOW,
    WAIT_S,
    Address,
    behaving,
    drip,
    flood,
    room_for,
    rss_kib,
)
from tests.acceptance.process import engine
from tests.server.app_harness import on_a_port, until, with_edge

AT_ONCE = 50
GROWN_KIB_MAX = 50 * 1_024
CROWD = 1_900
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@LINUX
@pytest.mark.acceptance
async def test_floods_are_refused_in_little_memory_while_others_are_served(tmp_path: Path) -> None:
    running = engine(tmp_path, paper_profile="instant").start()
    try:
        address, heard = Address.of(running.url), {}
        async with behaving(running.url) as behaved:
            await until(lambda: behaved.statuses[202] > 0)
            for name, what in FLOODS.items():
                before, served = rss_kib(running.pid), behaved.statuses.total()
                async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
                    all_of = [tasks.create_task(flood(address, what)) for _ in range(AT_ONCE)]
                heard[name] = {one.result() for one in all_of}
                grown = rss_kib(running.pid) - before
                print(f"{name}: {heard[name]}, {grown} KiB, {behaved.statuses.total() - served}")
                assert grown < GROWN_KIB_MAX, name
            served = behaved.statuses.total()
            await until(lambda: behaved.statuses.total() > served + 10)
            # On a machine with other work a server may say for a moment that it is busy.
            assert behaved.statuses.keys() <= {200, 202, 503}
            assert behaved.statuses[503] * 10 <= behaved.statuses.total()
        # A reset may overtake the answer on its way; nothing else may stand in its place.
        for name, statuses in heard.items():
            assert statuses <= {413, 431, 408, 400, None}, name
            assert statuses & {413, 431}, name
        assert running.is_running
    finally:
        assert running.stop() == 0


async def test_a_crowd_that_drips_is_shown_out_while_others_are_served(tmp_path: Path) -> None:
    crowd = room_for(2 * CROWD) // 2
    settings = with_edge(head_ms=1_500, body_ms=1_500)
    async with on_a_port(tmp_path, settings) as (rooms, port):
        address = Address("127.0.0.1", port)
        async with behaving(f"http://127.0.0.1:{port}") as behaved:
            statuses = await _drip_all(address, crowd, every_s=0.5)
            # In here one loop plays both sides, so requests are few while all connect.
            seen = behaved.statuses.total()
            await until(lambda: behaved.statuses.total() > seen + 10)
        assert statuses <= {408, None}
        assert behaved.statuses.keys() <= {200, 202}
        await until(lambda: rooms.app.concurrency.requests == 0)


@pytest.mark.proofs
@pytest.mark.acceptance
@pytest.mark.timeout(300)
async def test_a_crowd_that_drips_for_a_minute_is_shown_out_each_time(tmp_path: Path) -> None:
    crowd = room_for(CROWD)
    running = engine(tmp_path, paper_profile="instant").start()
    try:
        address = Address.of(running.url)
        async with behaving(running.url) as behaved:
            for _ in range(6):  # each time lasts for as long as the server has patience: 10 s
                assert await _drip_all(address, crowd, every_s=1) <= {408, None}
        print(behaved.statuses)
        assert behaved.statuses.keys() <= {200, 202}
        assert behaved.statuses.total() > 100
    finally:
        assert running.stop() == 0


async def _drip_all(address: Address, crowd: int, every_s: float) -> set[int | None]:
    """Drip in every way at once until all are shown out; return what they were told."""
    ways = list(SLOW.values())
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
        all_of = [
            tasks.create_task(drip(address, *ways[number % len(ways)], every_s))
            for number in range(crowd)
        ]
    return {one.result() for one in all_of}
