"""Starts the engine, or the paper chain alone, and runs it until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import uvloop

from cambist import app as house
from cambist import logs
from cambist.cli.exits import BAD_SETTINGS, IN_USE, errors, leave
from cambist.config import BadSettings, Settings, load
from cambist.server.serve import PortInUse

_EXAMPLE: Final = """\
Listening on http://{host}:{port}  (paper market, profile {profile}; state in {home})
Send an order:
  curl -X POST {host}:{port}/api/orders/execute -H 'content-type: application/json' \\
    -d '{{"tokenIn":"SOL","tokenOut":"USDC","amount":10}}'
Watch it:  cambist watch ORDER_ID       Stop: Ctrl-C"""


def serve(
    port: Annotated[int | None, typer.Option(help="Listen here; 0 takes a free port.")] = None,
    host: Annotated[str | None, typer.Option(help="Listen on this address.")] = None,
    home: Annotated[str | None, typer.Option(help="Keep all state in this folder.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="The paper world: realistic or instant.")
    ] = None,
) -> None:
    """Run the engine: takes orders over HTTP, executes them, streams every step."""
    given = {"port": port, "host": host, "home": home, "paper_profile": profile}
    settings = settle({key: value for key, value in given.items() if value is not None})
    run(lambda: _serve(settings))


def paper_chain(
    home: Annotated[str | None, typer.Option(help="Keep the chain's file in this folder.")] = None,
) -> None:
    """Run the paper chain alone, on a Unix socket in the home, for engines beside it."""
    settings = settle({} if home is None else {"home": home})
    run(lambda: _paper_chain(settings))


def settle(given: dict[str, object]) -> Settings:
    """Return the settings in force, or end the command with what is wrong with them."""
    try:
        loaded = load(os.environ, Path.cwd(), given)
    except BadSettings as error:
        leave(BAD_SETTINGS, str(error))
    logs.set_up(loaded.settings.log_level, loaded.settings.log_format)
    for warning in loaded.warnings:
        errors.print(f"cambist: {warning}", markup=False)
    return loaded.settings


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on the fast loop; what stands in the way ends the command."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except (house.HomeInUse, PortInUse) as error:
        leave(IN_USE, str(error))
    except (ValueError, OSError) as error:
        leave(BAD_SETTINGS, str(error))


async def until_told() -> None:
    """Return at the first SIGINT or SIGTERM; a second one ends the process at once."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def hear() -> None:
        if told.is_set():
            os._exit(130)
        told.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hear)
    await told.wait()


async def _serve(settings: Settings) -> None:
    async with (
        house.open_engine(settings) as engine,
        house.serving(engine, settings).listening() as port,
    ):
        place = {"host": settings.host, "port": port, "home": settings.home}
        told = _EXAMPLE.format(profile=settings.paper_profile, **place)
        errors.print(told, markup=False, soft_wrap=True)
        await until_told()
        errors.print("cambist: stopping; open orders are kept and go on at the next start")


async def _paper_chain(settings: Settings) -> None:
    async with house.open_paper_chain(settings) as path:
        errors.print(f"cambist: the paper chain listens on {path}", markup=False, soft_wrap=True)
        await until_told()
