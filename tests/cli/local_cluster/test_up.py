"""Prove that one command runs an installation, keeps it up, and leaves nothing behind."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from cambist.cli.local_cluster import server_programs
from cambist.cli.local_cluster.host import ServerNotAvailable, free_port
from cambist.paper.chain_ledger import executions
from tests.acceptance.process import Process
from tests.server.app_harness import ORDER

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.slow]
WITHIN_S = 30
OPEN = ("waiting", "active", "delayed")


class Installation(Process):
    """What `cambist up` runs in a home."""

    def said(self) -> str:
        """Return everything it told its user so far."""
        return (self.home / "up.log").read_text("utf-8")

    def family(self) -> dict[str, int]:
        """Return its children by name, as the kernel knows them now."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()[1]
                words = (folder / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if int(parent) == self.pid:
                found[_name(words)] = int(folder.name)
        return found

    def place(self, count: int) -> list[str]:
        """Send orders, and return their ids."""
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            sent = [client.post("/api/orders/execute", json=ORDER) for _ in range(count)]
        assert {one.status_code for one in sent} == {202}
        return [one.json()["orderId"] for one in sent]

    def census(self) -> dict[str, int]:
        """Return the counts of its list; nothing while the API does not answer."""
        try:
            with httpx.Client(base_url=self.url, trust_env=False) as client:
                found: dict[str, int] = client.get("/api/orders?limit=1").json()
        except httpx.HTTPError:
            return {}
        return found

    def is_at_rest(self, total: int) -> bool:
        """Tell whether so many orders are there, and none is open."""
        census = self.census()
        return census.get("total") == total and not any(census[name] for name in OPEN)


def _name(words: list[str]) -> str:
    if "-m" not in words:
        return Path(words[0].partition(" ")[0]).name
    role = words[words.index("--role") + 1] if "--role" in words else words[3]
    return role + (words[words.index("--port") + 1] if role == "worker" else "")


def until(true: Callable[[], object]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs: one that is dead and not yet buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def installation(home: Path, **settings: object) -> Installation:
    """Return one that works in a home; the environment's own servers are not for it."""
    given = {"paper_profile": "instant", "lease_ms": 1_000, "port": 0, **settings}
    return Installation(home, "up", **given)


@pytest.fixture(autouse=True)
def _server() -> None:
    try:
        server_programs.find_postgres()
    except ServerNotAvailable as missing:
        pytest.skip(f"NOT TESTED, for want of a real server: {missing}")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "h"


def test_an_installation_survives_its_workers_its_api_and_its_own_death(home: Path) -> None:
    up = installation(home).start()
    try:
        names = up.family()
        assert len([one for one in names if one.startswith("worker")]) == 2
        assert {"postgres", "paper-chain", "api"} <= set(names)

        up.place(30)
        worker = next(pid for name, pid in names.items() if name.startswith("worker"))
        os.kill(worker, signal.SIGKILL)
        up.place(30)
        until(lambda: up.is_at_rest(60))
        until(lambda: up.said().count(" (/health and /metrics alone)") == 3)
        assert "was ended by SIGKILL; starting it again in 250 ms" in up.said()

        os.kill(names["api"], signal.SIGKILL)
        until(lambda: up.said().count("api-1 is ready") == 2)
        up.place(10)
        family = list(up.family().values())
        up.kill()
        until(lambda: not any(map(is_alive, family)))

        again = installation(home).start()
        up = again
        until(lambda: again.is_at_rest(70))
        assert again.census()["completed"] == 70
        executed = [
            execution.order_id
            for execution in executions(home / "paper-chain.db")
            if not execution.fault
        ]
        assert len(executed) == len(set(executed)) == 70

        family = list(again.family().values())
        assert again.stop() == 0
        assert not any(map(is_alive, family))
        told = again.said()
        ends = [told.rindex(f"{name} ended") for name in ("api-1", "worker-1", "paper-chain")]
        assert ends == sorted(ends)
        assert told.rindex("postgres ended") > ends[-1]
    finally:
        up.kill()


def test_other_commands_find_the_installation_and_a_second_one_is_refused(home: Path) -> None:
    up = installation(home).start()
    try:
        lines = (home / "up.env").read_text("utf-8").splitlines()
        named = dict(shlex.split(line)[0].split("=", 1) for line in lines)
        assert (home / "up.env").stat().st_mode & 0o077 == 0
        env = {**_bare(), **named}
        made = _run(["keys", "create"], env)
        assert made.returncode == 0, made.stderr
        until(lambda: _status(up.url) == 401)
        second = _run(["up", "--port", "0"], env | {"CAMBIST_HOME": str(home)})
        assert second.returncode == 75
        assert "is in use by another cambist" in second.stderr
        port = up.url.rpartition(":")[2]
        other = _run(["up", "--port", port, "--home", str(home.with_name("o"))], _bare())
        assert other.returncode == 75
        assert f"port {port} is in use" in other.stderr
    finally:
        assert up.stop() == 0


def test_a_database_that_is_not_there_is_told_in_a_sentence(home: Path) -> None:
    nobody = f"postgresql://me:hunter2-hunter2@127.0.0.1:{free_port()}/orders"
    env = _bare() | {"CAMBIST_DATABASE_URL": nobody, "CAMBIST_HOME": str(home)}
    done = _run(["up", "--port", "0"], env)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("cambist: worker-")
    assert "the database failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def _status(url: str) -> int:
    return httpx.get(f"{url}/api/orders", trust_env=False).status_code


def _bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CAMBIST_")}


def _run(words: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cambist", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
