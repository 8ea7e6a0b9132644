"""Throws every switch of the paper world at real processes at once, and judges by the chain."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cambist.cli.main import app
from tests.acceptance.judge import judge
from tests.acceptance.load import Load, client
from tests.acceptance.process import Process, engine, paper_chain

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]
ORDERS = 40
CLOSED_S_MAX = 120
ALL = ("drop=0.3", "delay=40ms", "fork=0.3", "lie=0.6", "busy=0.3", "quote_error=0.2")
SETTINGS = {"paper_profile": "instant", "paper_witnesses": 2, "backoff_first_ms": 50}


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Processes that do not outlive their test."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        if process.is_running:
            process.kill()


def chaos(home: Path, *words: str) -> None:
    env = {"CAMBIST_HOME": str(home), "CAMBIST_PAPER_WITNESSES": "2"}
    done = CliRunner().invoke(app, ["chaos", *words], env=env)
    assert done.exit_code == 0, done.output


async def send_all(load: Load, many: int) -> None:
    """Send orders one after the other; an engine may fall under them."""
    async with client() as http:
        for _ in range(many):
            await load.send(http)


async def see_closed(load: Load) -> None:
    async with client() as http:
        await load.settle_unsure(http)
        assert not load.unsure
        assert await load.until_closed(http, CLOSED_S_MAX)


@pytest.mark.parametrize("apart", [False, True], ids=["inside", "a process of its own"])
def test_under_all_switches_at_once_no_order_is_lost_and_none_executed_twice(
    tmp_path: Path, started: list[Process], apart: bool
) -> None:
    if apart:
        started.append(paper_chain(tmp_path, **SETTINGS).start())
    server = engine(tmp_path, paper_chain="socket" if apart else "inside", **SETTINGS)
    started.append(server)
    load = Load("chaos")
    load.url = server.start().url
    chaos(tmp_path, "set", *ALL, "crash=worker.after_send:20")
    asyncio.run(send_all(load, ORDERS))
    assert server.wait(CLOSED_S_MAX), "the point was never passed"
    assert server.exit_code == -signal.SIGKILL
    load.url = server.start().url
    asyncio.run(send_all(load, ORDERS))
    asyncio.run(see_closed(load))
    assert server.is_running, "a crash that was set strikes once"
    chaos(tmp_path, "off")
    assert server.stop() == 0
    for one in started:
        one.stop()
    verdict = judge(tmp_path, load.accepted)
    assert not verdict.broken, os.linesep.join(verdict.broken)
    assert verdict.orders == 2 * ORDERS
    assert verdict.confirmed > ORDERS


def test_switches_are_seen_by_a_running_engine_and_gone_when_they_are_off(
    tmp_path: Path, started: list[Process]
) -> None:
    server = engine(tmp_path, paper_profile="instant", max_retries=1)
    started.append(server)
    load = Load("busy")
    load.url = server.start().url
    chaos(tmp_path, "set", "busy=1")
    log = tmp_path / "serve.log"
    wait_for(log, '"busy"')
    asyncio.run(send_all(load, 3))
    asyncio.run(see_closed(load))
    chaos(tmp_path, "off")
    wait_for(log, '{"switches":{}')
    asyncio.run(send_all(load, 3))
    asyncio.run(see_closed(load))
    assert server.stop() == 0
    verdict = judge(tmp_path, load.accepted)
    assert (verdict.failed, verdict.confirmed) == (3, 3)


def wait_for(log: Path, word: str) -> None:
    """Wait until a log says something."""
    until = time.monotonic() + 20
    while word not in log.read_text():
        assert time.monotonic() < until, log.read_text()[-2_000:]
        time.sleep(0.02)
