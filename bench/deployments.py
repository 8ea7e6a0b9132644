"""Runs installations to be measured: one process over a file, or several over a PostgreSQL."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.server import PROFILE, family_cpu_us, serving
from cambist.bootstrap import STORE_FILE
from cambist.cli.local_cluster import server_programs
from cambist.cli.local_cluster.host import free_port
from cambist.cli.local_cluster.plan import Topology, plan
from cambist.cli.managed_process import ManagedProcess
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.stores.sqlite.connection import connect
from tests.servers.postgres import Postgres, own_postgres
from tests.servers.valkey import Valkey, own_valkey
from tests.stores.postgres_stores import database, talk

LEASE_MS: Final = 2_000
BACKLOG_MAX: Final = 1_000_000
SHARED: Final = {"CAMBIST_LEASE_MS": str(LEASE_MS), "CAMBIST_BACKLOG_MAX": str(BACKLOG_MAX)}
NOBODY_LISTENS: Final = "redis://127.0.0.1:1/0"
_CLAIMS: Final = "SELECT sum(lease_epoch) FROM engine_orders"
_FIRST_MOVES: Final = """
SELECT b.at - a.at FROM journal AS a JOIN journal AS b ON b.order_id = a.order_id
WHERE a.seq = 1 AND b.seq = 2 ORDER BY a.n DESC LIMIT 100
"""
"""How long the newest orders waited until somebody began, in ms."""


class Servers(NamedTuple):
    """What all installations of a run share; each has a database of its own there."""

    postgres: Postgres
    valkey: Valkey


class Kind(NamedTuple):
    """One way to run the engine."""

    name: str
    workers: int = 0
    """How many processes execute orders, beside the one that takes them; 0 is one for all."""
    signals: str = "redis"
    """What carries signals: redis, notify, or nothing (then orders wait for the sweep)."""


class Alone:
    """The embedded mode, seen like the others."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def pids(self) -> dict[str, int]:
        """Return its processes by name."""
        return {"engine": self.server.pid}

    async def claims(self) -> float | None:
        """Return how often an order was claimed: nothing, where there is nobody to claim from."""
        return None

    async def first_moves_ms(self) -> list[float]:
        """Return how long the newest orders waited until they were begun."""
        with closing(connect(self.server.home / STORE_FILE, read_only=True)) as file:
            return [float(wait) for (wait,) in file.execute(_FIRST_MOVES)]

    async def kill(self, _: str) -> None:
        """Kill its one process."""
        await self.server.kill()

    async def revive(self, _: str) -> int:
        """Start it again, and return its port."""
        await self.server.start()
        return int(self.server.port)


class Split:
    """A chain, workers and an API over shared servers."""

    def __init__(self, children: Mapping[str, ManagedProcess], servers: Servers, url: str) -> None:
        self._children = children
        self._servers = servers
        self._url = url
        self.port = 0

    def pids(self) -> dict[str, int]:
        """Return its processes by name, those of the servers included."""
        own = {name: child.pid for name, child in self._children.items() if child.is_running}
        return own | {"postgres": self._servers.postgres.pid, "valkey": self._servers.valkey.pid}

    async def claims(self) -> float | None:
        """Return how often an order was claimed, over all of them."""
        async with talk(self._url) as line:
            return float(await line.fetchval(_CLAIMS))

    async def first_moves_ms(self) -> list[float]:
        """Return how long the newest orders waited until they were begun."""
        async with talk(self._url) as line:
            return [float(row[0]) for row in await line.fetch(_FIRST_MOVES)]

    async def kill(self, name: str) -> None:
        """Kill a process."""
        self._children[name].force_now()
        await self._children[name].ended()

    async def revive(self, name: str) -> int:
        """Start a process again, and return where orders are taken."""
        await self._children[name].start()
        return self.port


class Installation:
    """An installation that runs: where it takes orders, and what can be asked of it."""

    def __init__(self, kind: Kind, port: int, house: Alone | Split) -> None:
        self.kind = kind
        self.port = port
        self.house = house

    def cpu_us(self) -> dict[str, float]:
        """Return the processor time used so far by each of its processes."""
        found: dict[str, float] = defaultdict(float)
        for name, pid in self.house.pids().items():
            found[name.partition("-")[0]] += family_cpu_us(pid)
        return found


@contextmanager
def servers() -> Iterator[Servers]:
    """Run the servers of a run: a PostgreSQL with fsync on, a Valkey that keeps nothing."""
    with own_postgres() as one, own_valkey(server_programs.DISPOSABLE) as other:
        yield Servers(one, other)


@asynccontextmanager
async def installed(
    kind: Kind, shared: Servers, folder: Path | None
) -> AsyncIterator[Installation]:
    """Run a fresh installation; all of it is gone afterwards."""
    if not kind.workers:
        async with serving(folder, backlog_max=BACKLOG_MAX) as server:
            yield Installation(kind, server.port, Alone(server))
        return
    home = Path(tempfile.mkdtemp(prefix="cambist-bench-", dir=folder))
    async with database(shared.postgres.url) as url:
        children = _children(kind, shared, home, url)
        house = Split(children, shared, url)
        try:
            for child in children.values():
                await child.start()
            house.port = int(children["api-1"].spec.command[-1])
            yield Installation(kind, house.port, house)
        finally:
            for child in reversed(children.values()):
                await child.force()
            shutil.rmtree(home, ignore_errors=True)


def _children(kind: Kind, shared: Servers, home: Path, url: str) -> dict[str, ManagedProcess]:
    redis = shared.valkey.url if kind.signals == "redis" else NOBODY_LISTENS
    settings = Settings(home=str(home), database_url=url, redis_url=redis, paper_profile=PROFILE)
    ports = Topology((free_port(),), tuple(free_port() for _ in range(kind.workers)))
    with ExitStack() as opened:
        stages = plan(settings, home, ports, opened).stages
    more = {**SHARED, **({"CAMBIST_REDIS_URL": ""} if kind.signals == "notify" else {})}
    parts = (part for stage in stages for part in stage)
    clock = SystemClock()
    return {
        part.name: ManagedProcess(
            part._replace(environment={**part.environment, **more}), home, clock
        )
        for part in parts
    }
