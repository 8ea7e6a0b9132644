"""Step the wall clocks of running processes, by hours, by years, and back ten times a second."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cambist.orders.retry import BACKOFF_MAX_MS
from cambist.paper.chain_ledger import executions
from cambist.stores.postgres import Target
from cambist.stores.postgres.maintenance import audit
from tests.acceptance.judge import judge
from tests.acceptance.load import Load, client
from tests.acceptance.process import Process, engine, paper_chain
from tests.compiling import preload
from tests.stores.postgres_stores import database

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]
HOUR, YEAR = 3_600_000, 365 * 24 * 3_600_000
STEPS = {
    "an hour on": (HOUR, 0, 0),
    "an hour back": (-HOUR, 0, 0),
    "ten years on": (10 * YEAR, 0, 0),
    "ten years back": (-10 * YEAR, 0, 0),
    "a second back ten times a second": (0, 1_000, 100),
    "right again": (0, 0, 0),
}
UNDER_ORDERS = ("an hour back", "ten years on", "a second back ten times a second")
"""What hurts most while orders are in flight; each takes seconds."""
ORDERS = 6
CLOSED_S_MAX = BACKOFF_MAX_MS / 1_000
SETTINGS = {"paper_profile": "instant", "backoff_first_ms": 50}


class Watch:
    """The wall clock of one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(bytes(24))

    def set(self, shift: tuple[int, int, int]) -> None:
        with self._path.open("r+b") as file:
            file.write(struct.pack("=qqq", *shift))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return preload(Path(__file__).with_name("stepping.c"), tmp_path)


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Processes that do not outlive their test."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        if process.is_running:
            process.kill()


def start(process: Process, library: Path, watch: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Start a process that tells the time by a watch of its own."""
    made = Watch(watch)
    with monkeypatch.context() as inside:
        inside.setenv("LD_PRELOAD", str(library))
        inside.setenv("CLOCK_SHIFT", str(watch))
        process.start()
    return made


async def send_and_see_closed(load: Load, many: int, within_s: float) -> None:
    async with client() as http:
        for _ in range(many):
            assert await load.send(http) is not None
        assert await load.until_closed(http, within_s), "an order stalled"


def test_the_clock_of_a_process_is_really_shifted(
    tmp_path: Path, library: Path, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = engine(tmp_path / "home", **SETTINGS)
    started.append(server)
    watch = start(server, library, tmp_path / "watch", monkeypatch)

    def year() -> int:
        told = httpx.get(f"{server.url}/health", trust_env=False).json()["timestamp"]
        return int(told[:4])

    today = time.gmtime().tm_year
    assert year() == today
    watch.set((10 * YEAR, 0, 0))
    assert year() in (today + 9, today + 10)


@pytest.mark.parametrize("in_flight", [False, True], ids=["between orders", "under orders"])
def test_no_step_of_the_clock_loses_doubles_or_stalls_an_order(
    tmp_path: Path,
    library: Path,
    started: list[Process],
    monkeypatch: pytest.MonkeyPatch,
    in_flight: bool,
) -> None:
    home = tmp_path / "home"
    server = engine(home, **(SETTINGS | ({"paper_profile": "realistic"} if in_flight else {})))
    started.append(server)
    watch = start(server, library, tmp_path / "watch", monkeypatch)
    load = Load("clock")
    load.url = server.url
    steps = UNDER_ORDERS if in_flight else tuple(STEPS)
    for step in steps:
        if in_flight:
            asyncio.run(_send(load))
            time.sleep(0.5)
        watch.set(STEPS[step])
        asyncio.run(send_and_see_closed(load, ORDERS, CLOSED_S_MAX))
    assert server.stop() == 0
    verdict = judge(home, load.accepted)
    assert not verdict.broken, "and no journal's time goes back"
    assert verdict.orders == len(steps) * ORDERS * (2 if in_flight else 1)
    assert verdict.confirmed == verdict.orders


async def _send(load: Load) -> None:
    async with client() as http:
        for _ in range(ORDERS):
            assert await load.send(http) is not None


@pytest.mark.postgres
@pytest.mark.parametrize("whose", ["api", "worker"])
def test_a_process_whose_clock_steps_agrees_with_those_whose_clock_is_right(
    tmp_path: Path,
    library: Path,
    started: list[Process],
    monkeypatch: pytest.MonkeyPatch,
    whose: str,
    postgres_url: str,
) -> None:
    home = tmp_path / "home"
    with asyncio.Runner() as runner:
        opened = database(postgres_url)
        url = runner.run(opened.__aenter__())
        try:
            shared = {"database_url": url, "lease_ms": 1_000, "paper_chain": "socket", **SETTINGS}
            started.append(paper_chain(home, **SETTINGS).start())
            api = Process(home, "serve", "--role", "api", port=0, log_format="json", **shared)
            works = tmp_path / "worker"
            works.mkdir()
            (works / "paper-chain.sock").symlink_to(home / "paper-chain.sock")
            worker = Process(works, "serve", "--role", "worker", port=0, **shared)
            started += [api, worker]
            (api if whose == "worker" else worker).start()
            stepping = worker if whose == "worker" else api
            watch = start(stepping, library, tmp_path / "watch", monkeypatch)
            load = Load("clock")
            load.url = api.url
            for shift in STEPS.values():
                watch.set(shift)
                runner.run(send_and_see_closed(load, ORDERS, CLOSED_S_MAX))
            for one in reversed(started):
                assert one.stop() == 0
            report = runner.run(audit(Target(url), lambda _: None))
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert (report.orders, report.broken) == (len(STEPS) * ORDERS, 0), report.breaks
    done = [
        execution.order_id
        for execution in executions(home / "paper-chain.db")
        if execution.fault is None
    ]
    assert sorted(done) == sorted(load.accepted.values())
