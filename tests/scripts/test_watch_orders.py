"""Hold the watching script to every line of an order, and to the events of all of them."""

import asyncio
import subprocess
import sys

from cambist.client import Client, Placed
from tests.acceptance.process import Process
from tests.architecture.tree import ROOT
from tests.scripts.conftest import WAIT_S, Script, environment

LINES = ["pending", "routing", "building", "submitted", "sent", "confirmed"]


async def placed(house: Process, amount: int) -> Placed:
    async with Client(house.url) as cambist:
        return await cambist.sell("SOL", amount, slippage_bps=5_000)


async def test_one_order_is_told_to_its_end(house: Process, script: Script) -> None:
    order = await placed(house, 1)
    done = script("watch_orders", order.order_id)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[1] for row in rows] == [order.order_id] * len(LINES)
    assert [(row[2], row[3]) for row in rows] == [(str(n), one) for n, one in enumerate(LINES, 1)]
    assert rows[-1][4:6] == ["1", "->"]


async def test_an_order_that_fails_exits_1_and_says_why(house: Process, script: Script) -> None:
    done = script("watch_orders", (await placed(house, 2_000_000)).order_id)
    assert done.returncode == 1
    assert "The order would move the price by" in done.stdout.splitlines()[-1]


async def test_all_orders_are_told_until_it_is_enough(house: Process) -> None:
    watching = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.watch_orders", "--count", "3"),
        cwd=ROOT,
        env=environment(house.url),
        stdout=subprocess.PIPE,
    )
    async with asyncio.timeout(WAIT_S):
        ended = asyncio.ensure_future(watching.communicate())
        # It says nothing of when it listens, so there are orders until it has heard enough.
        while not ended.done():
            await placed(house, 1)
        told, _ = await ended
    assert watching.returncode == 0
    assert len(told.splitlines()) == 3


def test_what_cannot_be_watched_is_said_in_a_line(script: Script) -> None:
    for words, code, said in (
        (("nonsense",), 2, "watch_orders: Order not found"),
        (("--url", "nonsense"), 2, "is not the URL of an engine"),
        (("x", "--url", "http://127.0.0.1:1"), 69, "no engine answers at http://127.0.0.1:1"),
    ):
        done = script("watch_orders", *words)
        assert (done.returncode, done.stdout) == (code, "")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
