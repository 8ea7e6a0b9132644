"""Reads the settings for a command, and ends it with a sentence when they cannot be used."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from cambist import logs
from cambist.cli.exit_codes import BAD_SETTINGS, INTERRUPTED, errors, exit_with
from cambist.cli.exit_on_error import explain_and_exit
from cambist.config import BadSettings, Settings, load

Home = Annotated[str | None, typer.Option(help="The folder that holds the state.")]


def load_settings(given: dict[str, object]) -> Settings:
    """Return the settings in force, or end the command with what is wrong with them."""
    try:
        loaded = load(os.environ, Path.cwd(), given)
    except BadSettings as error:
        exit_with(BAD_SETTINGS, str(error))
    logs.set_up(loaded.settings.log_level, loaded.settings.log_format)
    for warning in loaded.warnings:
        errors.print(f"cambist: {warning}", markup=False, soft_wrap=True)
    return loaded.settings


def load_home_settings(home: str | None) -> Settings:
    """Return the settings in force, with the home of the command line where it names one."""
    return load_settings({} if home is None else {"home": home})


def run_loop(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on the fast loop; what stands in the way ends the command."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain_and_exit(error)
