"""Plans an installation: its processes, the order in which they start, and their settings."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from cambist import bootstrap
from cambist.cli import readiness_probes
from cambist.cli.local_cluster.host import ServerNotAvailable
from cambist.cli.local_cluster.servers import own_postgres, own_valkey
from cambist.cli.managed_process import ProcessSpec
from cambist.config import Settings
from cambist.values.loopback import LOOPBACK

DRAIN_MS_MAX: Final = 20_000
"""An engine drains for 10 s at most."""
ANY_HOST: Final = {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}  # noqa: S104 -- to know it
_NOTIFY: Final = "signals go through PostgreSQL's NOTIFY, for {why}"


class Topology(NamedTuple):
    """The ports that engines of each role listen on."""

    apis: tuple[int, ...]
    workers: tuple[int, ...]


class ProcessPlan(NamedTuple):
    """What is to run: each stage needs those before it. `notes` are for a person."""

    stages: list[list[ProcessSpec]]
    environment: dict[str, str]
    notes: list[str]


def plan(settings: Settings, home: Path, shape: Topology, opened: ExitStack) -> ProcessPlan:
    """Return what is to run; what must be tidied up afterwards is left with `opened`.

    Raises ServerNotAvailable.
    """
    made = ProcessPlan([], {"CAMBIST_HOME": str(home), "CAMBIST_PAPER_CHAIN": "socket"}, [])
    made.environment["CAMBIST_PAPER_PROFILE"] = settings.paper_profile
    _add_postgres(made, settings, home, opened)
    _add_redis(made, settings, home)
    engines = {**made.environment, "CAMBIST_API_PROCESSES": str(len(shape.apis))}
    made.stages.append([_chain(home, made.environment)])
    made.stages.append(
        [
            _engine(f"worker-{number}", "worker", (LOOPBACK, port), engines)
            for number, port in enumerate(shape.workers, 1)
        ]
    )
    made.stages.append(
        [
            _engine(f"api-{number}", "api", (settings.host, port), engines)
            for number, port in enumerate(shape.apis, 1)
        ]
    )
    return made


def _add_postgres(made: ProcessPlan, settings: Settings, home: Path, opened: ExitStack) -> None:
    url = settings.database_url
    if url is None:
        server = opened.enter_context(own_postgres(home))
        made.stages.append([server.spec])
        url = server.url
    else:
        made.notes.append("orders are kept in the PostgreSQL of CAMBIST_DATABASE_URL")
    made.environment["CAMBIST_DATABASE_URL"] = url


def _add_redis(made: ProcessPlan, settings: Settings, home: Path) -> None:
    if settings.redis_url is not None:
        made.environment["CAMBIST_REDIS_URL"] = settings.redis_url
        made.notes.append("signals go through the Redis of CAMBIST_REDIS_URL")
        return
    try:
        server = own_valkey(home)
    except ServerNotAvailable as why:
        made.notes.append(_NOTIFY.format(why=why))
    else:
        made.stages.append([server.spec])
        made.environment["CAMBIST_REDIS_URL"] = server.url


def _chain(home: Path, environment: dict[str, str]) -> ProcessSpec:
    path = home / bootstrap.CHAIN_SOCKET

    async def is_ready(_: int) -> bool:
        return await readiness_probes.socket_ready(path)

    command = (sys.executable, "-m", "cambist", "paper-chain")
    return ProcessSpec("paper-chain", str(path), command, is_ready, environment)


def _engine(
    name: str, role: str, listen: tuple[str, int], environment: dict[str, str]
) -> ProcessSpec:
    host, port = listen
    target = (ANY_HOST.get(host, host), port)

    async def is_ready(_: int) -> bool:
        # Live, not ready: while trading is halted an API says it is not ready, and serves.
        return await readiness_probes.http_status(target, "/health/live") == readiness_probes.OK

    words = ("serve", "--role", role, "--host", host, "--port", str(port))
    command = (sys.executable, "-m", "cambist", *words)
    address = f"http://{host}:{port}" + (
        " (/health and /metrics alone)" if role == "worker" else ""
    )
    return ProcessSpec(name, address, command, is_ready, environment, end_ms_max=DRAIN_MS_MAX)
