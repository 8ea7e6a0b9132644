"""Starts the engine, or the paper chain alone, and runs it until it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated, Final

import typer

from cambist import bootstrap
from cambist.cli.exit_codes import INTERRUPTED, errors, program
from cambist.cli.settings import load_settings, run_loop
from cambist.config import Settings
from cambist.values.connection_urls import DEFAULT_URL
from cambist.values.loopback import is_loopback

_EXAMPLE: Final = """\
Listening on http://{place}  (paper market, profile {profile}; state in {home})
In a browser: http://{place}/ leads to the API page, the faults, health and the docs.
Send an order:
  curl -X POST {place}/api/orders/execute -H 'content-type: application/json' \\{key}
    -d '{{"tokenIn":"SOL","tokenOut":"USDC","amount":10}}'
Watch it:  {watch}      Stop: Ctrl-C"""
_WORKER: Final = "Listening on http://{place}  (a worker: /health and /metrics alone)"
KEY_LINE: Final = '\n    -H "authorization: Bearer $KEY" \\'
NO_KEYS: Final = "No keys: everyone on this machine may trade. `cambist keys create` makes one."
NOT_ENCRYPTED: Final = "Traffic is not encrypted here: put a proxy that speaks TLS before it."
EPILOG: Final = (
    "Every setting may stand in the environment as CAMBIST_NAME or in cambist.toml: "
    + ", ".join(Settings.__struct_fields__)
    + ". An option here beats the environment, and the environment beats the file."
)


def serve(
    port: Annotated[int | None, typer.Option(help="Listen here; 0 takes a free port.")] = None,
    host: Annotated[str | None, typer.Option(help="Listen on this address.")] = None,
    home: Annotated[str | None, typer.Option(help="Keep all state in this folder.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="The paper world: realistic or instant.")
    ] = None,
    role: Annotated[
        str | None, typer.Option(help="What this process does: all, api or worker.")
    ] = None,
) -> None:
    """Run the engine: takes orders over HTTP, executes them, streams every step.

    With PostgreSQL it may be split: any number of `--role api` take orders and stream, any number
    of `--role worker` execute them. Each worker answers /health and /metrics alone.
    """
    given = {"port": port, "host": host, "home": home, "paper_profile": profile, "role": role}
    settings = load_settings({key: value for key, value in given.items() if value is not None})
    run_loop(lambda: _serve(settings))


serve.__epilog__ = EPILOG  # type: ignore[attr-defined]


def paper_chain(
    home: Annotated[str | None, typer.Option(help="Keep the chain's file in this folder.")] = None,
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT, for engines on other machines.")
    ] = None,
    to_anyone: Annotated[
        bool, typer.Option("--to-anyone", help="Listen where other machines can reach it.")
    ] = False,
) -> None:
    """Run the paper chain alone, on a Unix socket in the home, for engines beside it.

    Engines elsewhere reach it over TCP, where CAMBIST_PAPER_CHAIN names its host and port. It asks
    nobody who he is, so that port is for a network of your own.
    """
    settings = load_settings({} if home is None else {"home": home})
    if listen is not None:
        settings = load_settings({"home": settings.home, "paper_chain": listen})
    run_loop(lambda: _paper_chain(settings, to_anyone=to_anyone))


def listen_for_the_end() -> asyncio.Event:
    """Return what is set at the first SIGINT or SIGTERM; a second one ends the process at once.

    To be called before anyone is told that the process is there: whoever is, may end it.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def hear() -> None:
        if stop.is_set():
            os._exit(INTERRUPTED)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hear)
    return stop


async def _serve(settings: Settings) -> None:
    told_to_end = listen_for_the_end()
    async with (
        bootstrap.run_engine(settings) as opened,
        bootstrap.serve_http(opened, settings) as (port, has_keys),
        bootstrap.collecting_when_idle(opened.engine),
    ):
        if settings.role == "worker":
            errors.print(_WORKER.format(place=place_of(settings.host, port)), markup=False)
            await told_to_end.wait()
            return
        text = _EXAMPLE.format(
            place=place_of(settings.host, port),
            profile=settings.paper_profile,
            home=settings.home,
            key=KEY_LINE if has_keys else "",
            watch=_watch(port),
        )
        errors.print(text, markup=False, soft_wrap=True)
        if not has_keys:
            errors.print(NO_KEYS, markup=False, soft_wrap=True)
        elif not is_loopback(settings.host):
            errors.print(NOT_ENCRYPTED, markup=False, soft_wrap=True)
        await told_to_end.wait()
        errors.print("cambist: stopping; open orders are kept and go on at the next start")


def place_of(host: str, port: int) -> str:
    """Write a host and a port as they stand in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _watch(port: int) -> str:
    """Return the command that watches an order of the engine on this port."""
    url = f"http://127.0.0.1:{port}"
    return f"{program()} watch ORDER_ID" + ("" if url == DEFAULT_URL else f" --url {url}")


async def _paper_chain(settings: Settings, *, to_anyone: bool) -> None:
    told_to_end = listen_for_the_end()
    async with bootstrap.open_paper_chain(settings, to_anyone=to_anyone) as place:
        shown = place if isinstance(place, Path) else f"{place[0]}:{place[1]}"
        errors.print(f"cambist: the paper chain listens on {shown}", markup=False, soft_wrap=True)
        await told_to_end.wait()
