"""Prove that a client carries its orders over the death of the engine, each placed once."""

import asyncio
from pathlib import Path

import pytest

from cambist.client import Client, Order, swap
from tests.acceptance.judge import judge
from tests.acceptance.process import Process, engine

ORDERS = 40
PARALLEL = 8
KILLS_AFTER = (5, 15, 28)
WAIT_S = 60


def restart(house: Process) -> None:
    """Kill the engine, and start it where it was."""
    house.kill()
    house.start(port=house.url.rpartition(":")[2])


@pytest.mark.acceptance
async def test_a_killed_engine_costs_a_client_nothing_but_time(tmp_path: Path) -> None:
    house = engine(tmp_path, paper_profile="instant").start()
    ended: dict[str, Order] = {}
    heard: dict[str, list[int]] = {}
    numbers, kills = iter(range(ORDERS)), iter(KILLS_AFTER)
    due = next(kills)

    async with Client(house.url) as cambist:

        async def work() -> None:
            for number in numbers:
                placed = await cambist.place(
                    swap("SOL", "USDC", amount_in=1, client_order_id=f"key {number}")
                )
                seqs = [one.seq async for one in cambist.follow(placed.order_id)]
                heard[f"key {number}"] = seqs
                ended[f"key {number}"] = await cambist.wait(placed.order_id)

        async def harm() -> None:
            nonlocal due
            while len(ended) < ORDERS:
                if len(ended) >= due:
                    await asyncio.to_thread(restart, house)
                    due = next(kills, ORDERS)
                await asyncio.sleep(0.001)

        try:
            async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
                tasks.create_task(harm())
                for _ in range(PARALLEL):
                    tasks.create_task(work())
        finally:
            house.stop()
    assert len(ended) == ORDERS
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in heard.values())
    verdict = judge(tmp_path, {key: order.order_id for key, order in ended.items()})
    assert verdict.broken == ()
    assert (verdict.orders, verdict.executed) == (ORDERS, ORDERS)
