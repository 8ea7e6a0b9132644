"""Reaches a running engine for a command, and ends the command with a sentence when it cannot."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Final, NoReturn
from urllib.parse import urlsplit

import typer

from cambist.cli.exit_codes import FAILED, UNREACHABLE, USAGE, exit_with, program, unwrap_group

if TYPE_CHECKING:
    from cambist.client import Client, RequestRejected, RetryPolicy

KEY_NAME: Final = "CAMBIST_API_KEY"
"""The one place a key is read from: an argument would stand in the list of processes."""

TRIES_MAX: Final = 4
_SERVER_ERROR: Final = 500

Url = Annotated[str, typer.Option("--url", envvar="CAMBIST_URL", help="Where the engine listens.")]


@asynccontextmanager
async def connect(url: str, patience: RetryPolicy | None = None) -> AsyncIterator[Client]:
    """Yield a client of one engine; a refusal or no answer ends the command."""
    from cambist.client import Client, RetryPolicy

    patience = RetryPolicy(tries_max=TRIES_MAX) if patience is None else patience
    try:
        client = Client(with_scheme(url), os.environ.get(KEY_NAME) or None, patience=patience)
    except ValueError as error:
        exit_with(USAGE, str(error))
    async with client, exit_on_error():
        yield client


def with_scheme(url: str) -> str:
    """Return a URL; `127.0.0.1:3000`, `localhost` and `[::1]:3000` are taken as http."""
    if "://" in url:
        return url
    host = urlsplit(f"//{url}")
    try:
        is_loopback = host.hostname == "localhost" or ip_address(host.hostname or "").is_loopback
    except ValueError:
        return url
    return f"http://{url}" if is_loopback else url


@asynccontextmanager
async def exit_on_error() -> AsyncIterator[None]:
    """End the command with a sentence when a client's error comes out of the context."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        _explain(error)


def _explain(error: Exception) -> NoReturn:
    from cambist.client import ConnectionFailed, InvalidResponse, RequestRejected

    match unwrap_group(error):
        case RequestRejected() as refused:
            exit_with(_code(refused), refusal(refused))
        case ConnectionFailed() as nobody:
            exit_with(
                UNREACHABLE,
                f"{nobody}; start one with `{program()} serve`, "
                "or name another with --url or CAMBIST_URL",
            )
        case InvalidResponse() as stranger:
            exit_with(UNREACHABLE, f"{stranger}; name the engine with --url or CAMBIST_URL")
        case _:
            raise error


def _code(refused: RequestRejected) -> int:
    from cambist.client import RateLimited

    asked_wrongly = refused.status < _SERVER_ERROR and not isinstance(refused, RateLimited)
    return USAGE if asked_wrongly else FAILED


def refusal(refused: RequestRejected) -> str:
    """Say what was refused, and what to do about it where that is known."""
    from cambist.client import RateLimited, Unauthorized

    if isinstance(refused, Unauthorized):
        return f"{refused}; put your key into {KEY_NAME}"
    if isinstance(refused, RateLimited) and refused.retry_after_ms is not None:
        return f"{refused}; try again in {-(-refused.retry_after_ms // 1_000)} s"
    return str(refused)
