"""Kills the engine at every fault point and starts it again on the same files."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from cambist.faultpoints import POINTS
from tests.acceptance.judge import judge
from tests.acceptance.load import Load, client
from tests.acceptance.process import Process, engine, paper_chain

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

ORDERS = 24
STRIKE_S_MAX = 30
CLOSED_S_MAX = 60


async def _through(load: Load, victim: Process, others: Process | None = None) -> None:
    """Send and follow orders until the victim falls, raise it again, and see every stream end.

    Streams are read on from the line where the fall cut them; `others` is where orders are sent
    when that is not the victim.
    """
    async with client() as http:
        async with asyncio.TaskGroup() as following:
            for _ in range(ORDERS):
                order_id = await load.send(http)
                if order_id is not None:
                    following.create_task(load.follow(http, order_id))
            assert await asyncio.to_thread(victim.wait, STRIKE_S_MAX), "the point was never passed"
            assert victim.exit_code == -signal.SIGKILL
            await asyncio.to_thread(victim.start)
            load.url = (others or victim).url
            await load.settle_unsure(http)
            assert not load.unsure
            for order_id in set(load.accepted.values()) - set(load.streams):
                following.create_task(load.follow(http, order_id))
        assert await load.until_closed(http, CLOSED_S_MAX)


@pytest.mark.parametrize("point", sorted(POINTS))
def test_a_kill_at_any_point_loses_no_order_and_executes_none_twice(
    point: str, tmp_path: Path
) -> None:
    count = 2 if point.startswith("chain.") else 5
    victim = engine(tmp_path, paper_profile="instant")
    load = Load(point)
    load.url = victim.start(fault=f"{point}:{count}").url
    asyncio.run(_through(load, victim))
    assert victim.stop() == 0
    verdict = judge(tmp_path, load.accepted)
    assert not verdict.broken
    assert verdict.orders == ORDERS == verdict.confirmed + verdict.failed
    assert verdict.twice == verdict.lost == 0
    assert len(load.streams) == ORDERS


def test_a_killed_chain_forgets_nothing_it_told(tmp_path: Path) -> None:
    chain = paper_chain(tmp_path, paper_profile="instant").start(fault="chain.after_commit:3")
    trader = engine(tmp_path, paper_profile="instant", paper_chain="socket").start()
    load = Load("chain")
    load.url = trader.url
    asyncio.run(_through(load, chain, trader))
    assert trader.stop() == 0
    chain.stop()
    verdict = judge(tmp_path, load.accepted)
    assert not verdict.broken
    assert verdict.orders == ORDERS


def test_a_restart_forgets_nothing_and_repeats_every_stream(tmp_path: Path) -> None:
    trader = engine(tmp_path, paper_profile="instant")
    load = Load("restart")
    load.url = trader.start().url

    async def trade() -> None:
        async with client() as http:
            ids = [await load.send(http) for _ in range(5)]
            for order_id in ids:
                assert order_id is not None
                await load.follow(http, order_id)

    asyncio.run(trade())
    before = {order_id: list(lines) for order_id, lines in load.streams.items()}
    assert trader.stop() == 0
    load.url = trader.start().url
    load.streams.clear()

    async def read_again() -> None:
        async with client() as http:
            for order_id in before:
                await load.follow(http, order_id)

    asyncio.run(read_again())
    assert load.streams == before
    assert trader.stop() == 0
