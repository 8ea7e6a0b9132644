"""Restores backups that are older than the chain, and some that are not, and starts on them."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from typer.testing import CliRunner

from cambist.cli.main import app
from cambist.paper.chain_ledger import executions
from tests.acceptance.process import Process, engine, paper_chain
from tests.stores.postgres_stores import database, talk

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]
MORE = 100
WAIT_S = 60
ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "0.25"}


class Kept(NamedTuple):
    """Where an installation keeps its orders."""

    home: Path
    url: str | None

    @property
    def settings(self) -> dict[str, Any]:
        shared = {} if self.url is None else {"database_url": self.url, "lease_ms": 1_000}
        return {"paper_profile": "instant", **shared}

    def run(self, *words: str) -> tuple[int, str]:
        env = {} if self.url is None else {"CAMBIST_DATABASE_URL": self.url}
        env |= {"COLUMNS": "400", "NO_COLOR": "1"}
        done = CliRunner().invoke(app, [*words, "--home", str(self.home)], env=env)
        return done.exit_code, done.output


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "sqlite":
        yield Kept(tmp_path / "home", None)
        return
    server = request.getfixturevalue("postgres_url")
    with asyncio.Runner() as runner:
        opened = database(server)
        url = runner.run(opened.__aenter__())
        try:
            yield Kept(tmp_path / "home", url)
        finally:
            runner.run(opened.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """End what a failed test left running."""
    started.clear()
    yield
    for one in started:
        if one.is_running:
            one.kill()


started: list[Process] = []


def run_engine(home: Path, **settings: Any) -> Process:
    """Start an engine that does not outlive its test."""
    started.append(engine(home, **settings))
    return started[-1]


def lose(kept: Kept) -> None:
    """Lose the store, and keep the chain."""
    if kept.url is None:
        for path in kept.home.glob("cambist.db*"):
            path.unlink()
        return

    async def drop(url: str) -> None:
        async with talk(url) as line:
            await line.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    asyncio.run(drop(kept.url))


def place(server: Process, many: int, name: str) -> list[str]:
    """Place orders and wait until each is closed and final."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        ids = []
        for number in range(many):
            reply = client.post("/api/orders", json={**ORDER, "clientOrderId": f"{name}-{number}"})
            assert reply.status_code == 202, reply.text
            ids.append(reply.json()["orderId"])
        for order_id in ids:
            with client.stream("GET", f"/api/orders/{order_id}/events", timeout=WAIT_S) as told:
                for _ in told.iter_lines():
                    pass
    return ids


def health(server: Process) -> dict[str, Any]:
    return dict(httpx.get(f"{server.url}/health", trust_env=False).json())


def until_trading(server: Process) -> None:
    """Wait until no halt is in force."""
    for _ in range(WAIT_S * 10):
        if "halt" not in health(server):
            return
        asyncio.run(asyncio.sleep(0.1))
    raise TimeoutError(health(server))


def until_compared(server: Process) -> str:
    """Wait until the store was compared with the chain, and return why trading is halted."""
    for _ in range(WAIT_S * 10):
        reason = str(health(server).get("halt", {}).get("reason", ""))
        if reason and "waits until" not in reason:
            return reason
        asyncio.run(asyncio.sleep(0.1))
    raise TimeoutError(health(server))


def test_a_store_older_than_the_chain_comes_up_halted_and_names_all_it_lacks(
    kept: Kept, tmp_path: Path
) -> None:
    server = run_engine(kept.home, **kept.settings).start()
    place(server, 5, "before")
    copy = tmp_path / "copy"
    code, told = kept.run("backup", str(copy))
    assert code == 0, told
    assert "5 orders" in told
    more = place(server, MORE, "after")
    assert server.stop() == 0
    lose(kept)
    code, told = kept.run("restore", str(copy))
    assert code == 0, told
    assert "all as written" in told

    server.start()
    halt = health(server)["halt"]
    assert halt["by"] == "cambist"
    assert f"{MORE} executed attempts are not in it" in halt["reason"]
    refused = httpx.post(f"{server.url}/api/orders", json=ORDER, trust_env=False)
    assert refused.status_code == 503
    log = (kept.home / "serve.log").read_text()
    assert log.count("attempt_missing") == 20, "and not a hundred lines"
    code, told = kept.run("doctor", "--url", server.url)
    assert code == 1
    assert f"{MORE} executed attempts are not in the store" in told
    assert "restore a newer backup" in told
    done = {
        execution.order_id: execution.signature
        for execution in executions(kept.home / "paper-chain.db")
    }
    assert missing_of(kept) == {(one, done[one]) for one in more}

    assert kept.run("resume", "all are accounted for")[0] == 0
    place(server, 3, "again")
    assert server.stop() == 0
    server.start()
    assert "halt" not in health(server), "what was looked at once does not halt again"
    assert server.stop() == 0
    assert kept.run("verify")[0] == 0


def missing_of(kept: Kept) -> set[tuple[str, str]]:
    """Read what the store noted as missing."""
    sql = "SELECT order_id, signature FROM missing_attempts"
    if kept.url is None:
        with closing(sqlite3.connect(kept.home / "cambist.db")) as db:
            return set(db.execute(sql))

    async def read(url: str) -> set[tuple[str, str]]:
        async with talk(url) as line:
            return {tuple(row) for row in await line.fetch(sql)}

    return asyncio.run(read(kept.url))


def test_a_restore_that_lacks_nothing_comes_up_trading(kept: Kept, tmp_path: Path) -> None:
    server = run_engine(kept.home, **kept.settings).start()
    place(server, 5, "before")
    assert kept.run("backup", str(tmp_path / "copy"))[0] == 0
    assert server.stop() == 0
    lose(kept)
    assert kept.run("restore", str(tmp_path / "copy"))[0] == 0
    server.start()
    until_trading(server)
    place(server, 2, "again")
    assert server.stop() == 0
    assert kept.run("verify")[0] == 0


def test_an_order_executed_after_the_backup_is_never_executed_again(tmp_path: Path) -> None:
    """The backup has the order open; the chain has executed it; the operator says go on."""
    home = tmp_path / "home"
    chain = paper_chain(home, paper_profile="instant").start()
    started.append(chain)
    server = run_engine(home, paper_profile="instant", paper_chain="socket")
    server.start(fault="worker.before_send:1")
    body = {**ORDER, "clientOrderId": "one"}
    httpx.post(f"{server.url}/api/orders", json=body, trust_env=False)
    assert server.wait(WAIT_S), "the point was never passed"
    kept = Kept(home, None)
    # The attempt is recorded and unsent: undo the record, as an older copy would not have it.
    with closing(sqlite3.connect(home / "cambist.db")) as db:
        ((order_id,),) = db.execute("SELECT id FROM engine_orders").fetchall()
        db.execute("DELETE FROM attempts")
        db.execute("DELETE FROM journal WHERE seq > 1")
        ((digest, at),) = db.execute("SELECT hash, at FROM journal").fetchall()
        db.execute(
            "UPDATE engine_orders SET status = 'pending', last_seq = 1, head_hash = ?, last_at = ?,"
            " route_seq = NULL, attempt = NULL, wake_at = ?, state = ?",
            (digest, at, at, '{"tries":1}'),
        )
        db.commit()
    shutil.copy(home / "cambist.db", tmp_path / "older")
    # Another engine executes it; then its store is lost, and the older copy is put in its place.
    server.start()
    events = f"{server.url}/api/orders/{order_id}/events"
    stream = {"accept": "text/event-stream"}  # it ends with the order
    httpx.get(events, headers=stream, trust_env=False, timeout=WAIT_S)
    assert server.stop() == 0
    lose(kept)
    assert kept.run("restore", str(tmp_path / "older"))[0] == 0
    server.start()
    reason = until_compared(server)
    assert "1 executed attempt is not in it" in reason
    assert kept.run("resume", "go on")[0] == 0
    place(server, 3, "others")
    httpx.delete(f"{server.url}/api/orders/{order_id}", trust_env=False)
    for _ in range(2):
        shown = httpx.get(f"{server.url}/api/orders/{order_id}", trust_env=False).json()
        assert shown["status"] == "pending", "it is held: only the chain knows what became of it"
        assert server.stop() == 0
        server.start()
    assert server.stop() == 0
    chain.stop()
    done = [execution.order_id for execution in executions(home / "paper-chain.db")]
    assert done.count(order_id) == 1
    assert len(done) == 4


def test_a_backup_is_never_written_over_and_a_restore_replaces_nothing(
    kept: Kept, tmp_path: Path
) -> None:
    server = run_engine(kept.home, **kept.settings).start()
    place(server, 1, "one")
    copy = tmp_path / "copy"
    assert kept.run("backup", str(copy))[0] == 0
    code, told = kept.run("backup", str(copy))
    assert (code, "is there already" in told) == (78, True), told
    code, told = kept.run("restore", str(copy))
    assert code in (75, 78), told
    assert server.stop() == 0
    code, told = kept.run("restore", str(copy))
    assert code == 78, told
    assert "already" in told
    (tmp_path / "junk").write_bytes(b"junk" * 100)
    assert kept.run("restore", str(tmp_path / "junk"))[0] == 78
    lose(kept)
    cut = tmp_path / "cut"
    cut.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    code, told = kept.run("restore", str(cut))
    assert code in (1, 78), told
    code, told = kept.run("restore", str(copy))
    assert code == 0, told
