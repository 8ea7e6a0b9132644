"""Runs an installation of real processes over either store, each of which may be killed alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

from tests.acceptance.process import START_S_MAX, Process
from tests.servers.machine import free_port
from tests.servers.postgres import Postgres, own_postgres, with_database
from tests.servers.valkey import Valkey, own_valkey
from tests.stores.postgres_stores import database

Kind = Literal["sqlite", "postgres", "postgres-notify"]
KINDS: Final[tuple[Kind, ...]] = ("sqlite", "postgres", "postgres-notify")
LEASE_MS: Final = 1_000
FROZEN_S: Final = 3 * LEASE_MS / 1_000
LOOK_EVERY_S: Final = 0.02
SERVERS_CONNECTIONS: Final = {"max_connections": "120"}


class Servers(NamedTuple):
    """The servers an installation rests on; none for SQLite, no Valkey where NOTIFY carries."""

    postgres: Postgres | None = None
    valkey: Valkey | None = None


@contextmanager
def servers_of(kind: Kind) -> Iterator[Servers]:
    """Run the servers of a kind. Raises ServerNotAvailable."""
    with ExitStack() as opened:
        postgres = valkey = None
        if kind != "sqlite":
            postgres = opened.enter_context(own_postgres(SERVERS_CONNECTIONS))
        if kind == "postgres":
            valkey = opened.enter_context(own_valkey())
        yield Servers(postgres, valkey)


Plan = Callable[[str], dict[str, object]]
"""Gives the settings of a part's next start by the part's name: `fault`, mostly."""


def no_plan(_name: str) -> dict[str, object]:
    """Start parts as they are."""
    return {}


class Apart(NamedTuple):
    """What one part has that the others have not: its home, and settings."""

    home: Path
    settings: dict[str, object]


NOBODY: Final[Mapping[str, Apart]] = {}


class Installation:
    """The parts of one installation, by name, and whoever starts again what has ended.

    On SQLite `all` and `chain`; on PostgreSQL `api`, `worker-1`, `worker-2` and `chain`.
    """

    def __init__(
        self, home: Path, kind: Kind, apart: Mapping[str, Apart] = NOBODY, **settings: object
    ) -> None:
        self.home = home
        self._apart = apart
        self.kind = kind
        self.database_url = str(settings.get("database_url", ""))
        self._settings = {
            "paper_chain": "socket",
            "lease_ms": LEASE_MS,
            "log_format": "json",
            "log_level": "warning",
            "worker_concurrency": 50,
            **settings,
        }
        front = "all" if kind == "sqlite" else "api"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.parts = {"chain": Process(home, "paper-chain", name="chain", **self._settings)}
        self.parts[front] = self._part(front, front, port)
        if kind != "sqlite":
            self.parts |= {f"worker-{n}": self._part(f"worker-{n}", "worker", 0) for n in (1, 2)}
        self.front = self.parts[front]
        self.plan: Plan = no_plan
        self.starts = 0
        self.up: set[str] = set()
        """Parts that have come up and were not seen to end since."""
        self.held: set[str] = set()
        """Parts that are to stay down."""
        self.frozen_s: Callable[[], float] = lambda: FROZEN_S

    def _part(self, name: str, role: str, port: int) -> Process:
        apart = self._apart.get(name, Apart(self.home, {}))
        settings = {**self._settings, **apart.settings}
        return Process(apart.home, "serve", "--role", role, name=name, port=port, **settings)

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of the parts that move orders."""
        return tuple(name for name in self.parts if name.startswith("worker")) or ("all",)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Installation]:
        """Start every part and keep it up; leave none behind."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for name in self.parts:
                    tasks.create_task(self._start(name))
            async with asyncio.TaskGroup() as tasks:
                keeping = [tasks.create_task(self._keep(name)) for name in self.parts]
                yield self
                for task in keeping:
                    task.cancel()
        finally:
            for part in self.parts.values():
                part.kill()

    async def _start(self, name: str) -> None:
        self.starts += 1
        part = self.parts[name]
        await asyncio.to_thread(part.start, **self.plan(name))
        if part.is_running and not part.is_frozen:
            self.up.add(name)

    async def _keep(self, name: str) -> None:
        """Start a part again when it has ended, and wake it when it was stopped for long enough."""
        part = self.parts[name]
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if part.is_frozen:
                await asyncio.sleep(self.frozen_s())
                part.thaw()
                self.up.add(name)
            elif not part.is_running:
                self.up.discard(name)
                if name not in self.held:
                    await self._start(name)

    async def whole(self) -> None:
        """Return once every part is up."""
        async with asyncio.timeout(START_S_MAX):
            while not self._is_whole():  # noqa: ASYNC110 -- processes set no event
                await asyncio.sleep(LOOK_EVERY_S)

    def _is_whole(self) -> bool:
        return all(
            name in self.up and part.is_running and not part.is_frozen
            for name, part in self.parts.items()
        )

    async def stop(self) -> dict[str, int]:
        """Ask every part to end, as an operator would; return their exit codes."""
        self.held |= set(self.parts)
        names = [name for name, part in self.parts.items() if part.is_running]
        codes = await asyncio.gather(*(asyncio.to_thread(self.parts[name].stop) for name in names))
        return dict(zip(names, codes, strict=True))


@asynccontextmanager
async def installed(
    home: Path, kind: Kind, servers: Servers, **settings: object
) -> AsyncIterator[Installation]:
    """Run an installation, on a database of its own where it needs one."""
    async with AsyncExitStack() as opened:
        more: dict[str, object] = {}
        if servers.postgres is not None:
            url = with_database(servers.postgres.url, "postgres")
            more["database_url"] = await opened.enter_async_context(database(url))
        if servers.valkey is not None:
            more["redis_url"] = servers.valkey.url
        site = Installation(home, kind, **more, **settings)
        yield await opened.enter_async_context(site.running())
