"""Reaches a running engine for a command, and ends the command with a sentence when it cannot."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final, NoReturn

import typer

from cambist.cli.exits import FAILED, UNREACHABLE, USAGE, leave, program, sole
from cambist.client import (
    Client,
    Patience,
    RateLimited,
    Refused,
    Unauthorized,
    Unreachable,
    Unreadable,
)

KEY_NAME: Final = "CAMBIST_API_KEY"
"""The one place a key is read from: an argument would stand in the list of processes."""

PATIENCE: Final = Patience(tries_max=4)
_SERVER_ERROR: Final = 500

Url = Annotated[str, typer.Option("--url", envvar="CAMBIST_URL", help="Where the engine listens.")]


@asynccontextmanager
async def reach(url: str, patience: Patience = PATIENCE) -> AsyncIterator[Client]:
    """Yield a client of one engine; a refusal or no answer ends the command."""
    try:
        client = Client(url, os.environ.get(KEY_NAME) or None, patience=patience)
    except ValueError as error:
        leave(USAGE, str(error))
    async with client, explained():
        yield client


@asynccontextmanager
async def explained() -> AsyncIterator[None]:
    """End the command with a sentence when a client's error comes out of the context."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        _explain(error)


def _explain(error: Exception) -> NoReturn:
    match sole(error):
        case Refused() as refused:
            leave(_code(refused), refusal(refused))
        case Unreachable() as nobody:
            leave(
                UNREACHABLE,
                f"{nobody}; start one with `{program()} serve`, "
                "or name another with --url or CAMBIST_URL",
            )
        case Unreadable() as stranger:
            leave(UNREACHABLE, f"{stranger}; name the engine with --url or CAMBIST_URL")
        case _:
            raise error


def _code(refused: Refused) -> int:
    asked_wrongly = refused.status < _SERVER_ERROR and not isinstance(refused, RateLimited)
    return USAGE if asked_wrongly else FAILED


def refusal(refused: Refused) -> str:
    """Say what was refused, and what to do about it where that is known."""
    if isinstance(refused, Unauthorized):
        return f"{refused}; put your key into {KEY_NAME}"
    if isinstance(refused, RateLimited) and refused.retry_after_ms is not None:
        return f"{refused}; try again in {-(-refused.retry_after_ms // 1_000)} s"
    return str(refused)
