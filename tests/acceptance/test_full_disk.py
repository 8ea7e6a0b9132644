"""Fill the disk under the store, hold it full, make room: nothing is lost, nothing restarts."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cambist.cli.local_cluster.server_programs import find_postgres
from cambist.cli.main import app
from cambist.paper.chain_ledger import executions
from tests.acceptance.process import Process, engine, paper_chain
from tests.acceptance.small_disks import Filler, small_disk
from tests.servers.machine import box
from tests.servers.postgres import Postgres

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]
HOLDS = [3, pytest.param(60, marks=pytest.mark.proofs)]
SQLITE_MIB, POSTGRES_MIB = 48, 160
"""The log of the embedded store alone takes up to 16 MB before it is folded in."""
LOST_S = 2
"""For how long every send is lost: what is in flight by then lands only if it is sent again."""
WITHIN_S = 60
ENDS = ("confirmed", "failed")
"""An order fails where the paper world reverts it three times over."""
SETTINGS: dict[str, Any] = {"paper_profile": "realistic", "backoff_first_ms": 50}
ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "0.25"}


class House:
    """An engine whose store is on a small disk, and whose chain is not."""

    def __init__(self, home: Path, disk: Path, server: Process, postgres: Postgres | None) -> None:
        self.home, self.server, self.postgres = home, server, postgres
        self.filler = Filler(disk)
        self.accepted: dict[str, str] = {}
        self.refused: set[str] = set()
        self._numbers = iter(range(1_000_000))

    def send(self, key: str | None = None) -> int:
        """Send an order; what was neither accepted nor refused may be either."""
        key = key or f"order-{next(self._numbers)}"
        body = {**ORDER, "clientOrderId": key}
        reply = httpx.post(f"{self.server.url}/api/orders", json=body, trust_env=False, timeout=30)
        if reply.status_code in (200, 202):
            order_id = reply.json()["orderId"]
            assert self.accepted.setdefault(key, order_id) == order_id
            self.refused.discard(key)
        else:
            assert reply.status_code == 503, reply.text
            assert reply.headers["content-type"].startswith("application/problem+json")
            self.refused.add(key)
        return reply.status_code

    def status(self, key: str) -> str:
        path = f"{self.server.url}/api/orders/{self.accepted[key]}"
        reply = httpx.get(path, trust_env=False, timeout=30)
        return str(reply.json().get("status"))

    def health(self) -> tuple[int, str]:
        reply = httpx.get(f"{self.server.url}/health", trust_env=False, timeout=30)
        return reply.status_code, reply.json()["status"]

    def landed(self) -> set[str]:
        return {execution.order_id for execution in executions(self.home / "paper-chain.db")}

    def chaos(self, *words: str) -> None:
        done = CliRunner().invoke(app, ["chaos", *words, "--home", str(self.home)])
        assert done.exit_code == 0, done.output

    def until(self, what: Any, within_s: float = WITHIN_S) -> None:
        """Wait for what must come."""
        end = time.monotonic() + within_s
        while not what():
            assert self.server.is_running, (self.home / "serve.log").read_text()[-3_000:]
            assert time.monotonic() < end, (self.home / "serve.log").read_text()[-3_000:]
            time.sleep(0.05)

    def raise_database(self) -> None:
        """Start the server again if the full disk ended it, as its supervisor would."""
        if self.postgres is not None and not self.postgres.is_running:
            self.postgres.start()

    def verify(self) -> tuple[int, str]:
        env = {} if self.postgres is None else {"CAMBIST_DATABASE_URL": self.postgres.url}
        done = CliRunner().invoke(app, ["verify", "--home", str(self.home)], env=env)
        return done.exit_code, done.output


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    if request.param == "sqlite":
        with small_disk(tmp_path / "home", SQLITE_MIB) as home:
            (tmp_path / "beside").mkdir()
            for name in ("paper-chain.db", "chaos.json.part", "paper-chain.log", "serve.log"):
                (home / name).symlink_to(tmp_path / "beside" / name)
            yield from _running(home, home, None)
        return
    with box("pg") as folder, small_disk(folder / "disk", POSTGRES_MIB) as disk:
        programs = find_postgres().within_reach(folder / "programs")
        server = Postgres(disk, programs, {"shared_buffers": "16MB", "max_wal_size": "40MB"})
        server.make()
        try:
            server.start()
            yield from _running(tmp_path / "home", disk, server)
        finally:
            server.kill9()


def _running(home: Path, disk: Path, postgres: Postgres | None) -> Iterator[House]:
    shared = {} if postgres is None else {"database_url": postgres.url, "lease_ms": 1_000}
    chain = paper_chain(home, **SETTINGS).start()
    server = engine(home, paper_chain="socket", **SETTINGS, **shared)
    try:
        server.start()
        yield House(home, disk, server, postgres)
    finally:
        for one in (server, chain):
            if one.is_running:
                one.kill()


@pytest.mark.parametrize("hold_s", HOLDS)
def test_a_full_disk_takes_nothing_in_loses_nothing_and_needs_no_restart(
    house: House, hold_s: float
) -> None:
    for _ in range(5):
        assert house.send() == 202
    house.until(lambda: len(house.landed()) == 5)
    pid = house.server.pid

    house.chaos("set", f"drop=1@{int(LOST_S * 1_000)}ms")
    time.sleep(0.3)
    flying = []
    for number in range(5):
        assert house.send(f"flying-{number}") == 202
        flying.append(house.accepted[f"flying-{number}"])
    house.until(lambda: all(house.status(f"flying-{n}") == "submitted" for n in range(5)))
    assert not house.landed() & set(flying)

    end = time.monotonic() + hold_s
    house.filler.fill()
    while house.send() != 503:
        house.filler.fill()
    refusals = 0
    while time.monotonic() < end:
        house.filler.fill()
        refusals += house.send() == 503
        time.sleep(0.1)
    assert refusals >= hold_s, "a disk that is full stays full"
    if house.postgres is None:  # PostgreSQL may find a little room inside its own files
        house.until(lambda: house.send() == 503 and house.health() == (503, "down"))
    house.until(lambda: set(flying) <= house.landed())

    house.filler.free()
    house.raise_database()
    house.until(lambda: house.send() == 202)
    for key in sorted(house.refused):
        house.until(lambda key=key: house.send(key) in (200, 202))
    house.until(lambda: all(house.status(key) in ENDS for key in house.accepted))
    moved = {house.accepted[key] for key in house.accepted if house.status(key) == "confirmed"}
    assert house.server.pid == pid
    assert house.server.stop() == 0
    code, told = house.verify()
    assert code == 0, told
    done = [
        execution.order_id
        for execution in executions(house.home / "paper-chain.db")
        if not execution.fault
    ]
    assert len(done) == len(set(done))
    assert set(done) == moved
    if house.postgres is None:
        with closing(sqlite3.connect(house.home / "cambist.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_paper_chain_whose_disk_is_full_waits_and_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "home", SQLITE_MIB) as home:
        for name in ("serve.log",):
            (home / name).symlink_to(tmp_path / name)
        server = engine(home, **SETTINGS)
        try:
            house = House(home, home, server.start(), None)
            assert house.send() == 202
            house.until(lambda: len(house.landed()) == 1)
            house.filler.fill()
            while house.send() != 503:
                house.filler.fill()
            time.sleep(2)
            house.filler.fill()
            house.send()
            assert server.is_running, "all in one process, and still there"
            house.filler.free()
            house.until(lambda: house.send() == 202)
            house.until(lambda: all(house.status(key) == "confirmed" for key in house.accepted))
            assert server.stop() == 0
        finally:
            if server.is_running:
                server.kill()
        done = [
            execution.order_id
            for execution in executions(home / "paper-chain.db")
            if not execution.fault
        ]
        assert sorted(done) == sorted(house.accepted.values())
