"""Command up: runs a whole small installation until it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from cambist import bootstrap
from cambist.cli import readiness_probes
from cambist.cli.commands.serve import KEY_LINE, NO_KEYS, place_of
from cambist.cli.exit_codes import (
    BAD_SETTINGS,
    FAILED,
    IN_USE,
    INTERRUPTED,
    errors,
    exit_with,
    program,
)
from cambist.cli.exit_on_error import explain_and_exit
from cambist.cli.local_cluster.host import ServerNotAvailable, free_port
from cambist.cli.local_cluster.plan import ANY_HOST, Topology, plan
from cambist.cli.local_cluster.servers import fits_a_socket, write_privately
from cambist.cli.local_cluster.supervisor import Supervisor
from cambist.cli.managed_process import StartFailed
from cambist.cli.settings import load_settings
from cambist.client import DEFAULT_URL
from cambist.clock import SystemClock
from cambist.config import Settings

LOCK_FILE: Final = "up.lock"
ENVIRONMENT_FILE: Final = "up.env"
PROCESSES_MAX: Final = 32
PORT_MS_MAX: Final = 2_000
LOOK_EVERY_MS: Final = 50
_READY: Final = """\
Listening on http://{place}  (paper market, profile {profile}; state in {home})
In a browser: http://{place}/ leads to the API page, the faults, health and the docs.
Send an order:
  curl -X POST {place}/api/orders/execute -H 'content-type: application/json' \\{key}
    -d '{{"tokenIn":"SOL","tokenOut":"USDC","amount":10}}'
Watch it:  {program} watch ORDER_ID{url}      Stop: Ctrl-C
Commands that need the database, in another shell:  set -a; . {env}; set +a
Logs of every process:  {home}/logs"""
_TOO_LONG: Final = "the path of the home is too long for the sockets in it: {home}"
_OTHER_STORE: Final = "{file} holds orders of `cambist serve`: they stay there, and are not shown"
_IN_USE: Final = "port {port} is in use; stop what listens there, or name another with --port"


def up(
    port: Annotated[
        int | None, typer.Option(help="The first API listens here, others on the ports after.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=PROCESSES_MAX, help="How many processes execute orders.")
    ] = 2,
    apis: Annotated[
        int, typer.Option(min=1, max=PROCESSES_MAX, help="How many processes take orders.")
    ] = 1,
    home: Annotated[str | None, typer.Option(help="Keep all state in this folder.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="The paper world: realistic or instant.")
    ] = None,
) -> None:
    """Run a whole small installation: PostgreSQL, Valkey, the paper chain, an API, two workers.

    PostgreSQL and Redis are those that are named, else those of this machine, else those of the
    extra `cluster`. What dies is started again; Ctrl-C ends all, and the next `up` goes on.
    """
    given = {"port": port, "home": home, "paper_profile": profile}
    settings = load_settings({key: value for key, value in given.items() if value is not None})
    # For the children as well: no file of the home is for others.
    os.umask(0o077)
    try:
        with bootstrap.home_lock(Path(settings.home), LOCK_FILE):
            _run(settings, _shape(settings, apis, workers))
    except ServerNotAvailable as error:
        exit_with(BAD_SETTINGS, str(error))
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        _explain(error)


def _shape(settings: Settings, apis: int, workers: int) -> Topology:
    """Choose the ports once: what is started again listens where it did."""
    first = settings.port or free_port()
    ports = tuple(range(first, first + apis))
    for port in ports:
        if not asyncio.run(_is_free(settings.host, port)):
            exit_with(IN_USE, _IN_USE.format(port=port))
    return Topology(ports, tuple(free_port() for _ in range(workers)))


async def _is_free(host: str, port: int) -> bool:
    """Tell whether a port can be had, once what was killed a moment ago has let go of it."""
    clock, family = SystemClock(), socket.AF_INET6 if ":" in host else socket.AF_INET
    until = clock.monotonic_ms() + PORT_MS_MAX
    while True:
        try:
            socket.create_server((host, port), family=family).close()
        except OSError:
            if clock.monotonic_ms() > until:
                return False
        else:
            return True
        await clock.sleep(LOOK_EVERY_MS)


def _run(settings: Settings, shape: Topology) -> None:
    home = Path(settings.home).resolve()
    if not fits_a_socket(home):
        exit_with(BAD_SETTINGS, _TOO_LONG.format(home=home))
    if (home / bootstrap.STORE_FILE).exists():
        _say(_OTHER_STORE.format(file=home / bootstrap.STORE_FILE))
    logs = home / "logs"
    logs.mkdir(exist_ok=True)
    with ExitStack() as opened:
        made = plan(settings, home, shape, opened)
        for note in made.notes:
            _say(note)
        lines = "".join(
            f"{name}={shlex.quote(value)}\n" for name, value in made.environment.items()
        )
        write_privately(home / ENVIRONMENT_FILE, lines)
        # Not on the fast loop: it cannot start a process as another user.
        asyncio.run(_keep(settings, shape, Supervisor(made.stages, logs, _say)))


async def _keep(settings: Settings, shape: Topology, supervisor: Supervisor) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def hear() -> None:
        if stop.is_set():
            supervisor.force()
            os._exit(INTERRUPTED)
        stop.set()
        _say("stopping; open orders are kept and go on at the next start. Ctrl-C again forces")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hear)
    await supervisor.run(stop, lambda: _welcome(settings, shape))


async def _welcome(settings: Settings, shape: Topology) -> None:
    host, port = settings.host, shape.apis[0]
    url = f"http://{ANY_HOST.get(host, host)}:{port}"
    answered = await readiness_probes.http_status(
        (ANY_HOST.get(host, host), port), "/api/orders?limit=1"
    )
    has_keys = answered == readiness_probes.UNKNOWN_CALLER
    text = _READY.format(
        place=place_of(host, port),
        profile=settings.paper_profile,
        home=settings.home,
        env=Path(settings.home) / ENVIRONMENT_FILE,
        key=KEY_LINE if has_keys else "",
        program=program(),
        url="" if url == DEFAULT_URL else f" --url {url}",
    )
    errors.print(text, markup=False, soft_wrap=True)
    if not has_keys:
        errors.print(NO_KEYS, markup=False, soft_wrap=True)


def _explain(error: Exception) -> None:
    """End the command; with the code of a part that did not start, where it says why."""
    alone: BaseException | None = error
    if isinstance(error, BaseExceptionGroup):
        alone = error.subgroup(StartFailed)  # two workers do not start for one reason
    while isinstance(alone, BaseExceptionGroup):
        alone = alone.exceptions[0]
    if isinstance(alone, StartFailed):
        exit_with(alone.code if alone.code in (IN_USE, BAD_SETTINGS) else FAILED, str(alone))
    explain_and_exit(error)


def _say(sentence: str) -> None:
    errors.print(f"cambist: {sentence}", markup=False, soft_wrap=True)
