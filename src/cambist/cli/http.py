"""Talks to a running engine over HTTP on behalf of the command line."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any, Final, NoReturn

import httpx
import msgspec
import typer

from cambist.cli.exits import FAILED, UNREACHABLE, USAGE, leave, program

TIMEOUT_S: Final = 10
TOO_MANY_REQUESTS: Final = 429
STREAM_TRIES_MAX: Final = 5

Url = Annotated[str, typer.Option("--url", envvar="CAMBIST_URL", help="Where the engine listens.")]
DEFAULT_URL: Final = "http://127.0.0.1:3000"


def connect(url: str) -> httpx.AsyncClient:
    """Return a client of one engine; proxies of the environment are not for it."""
    try:
        client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False)
    except httpx.InvalidURL:
        leave(USAGE, f"{url} is not a URL")
    if client.base_url.scheme not in ("http", "https") or not client.base_url.host:
        leave(USAGE, f"{url} is not the URL of an engine, as in {DEFAULT_URL}")
    return client


async def call(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> dict[str, Any]:
    """Return the engine's answer; a refusal or no answer ends the command."""
    reply = await ask(client, method, path, **more)
    body = read(reply.content)
    if reply.is_error:
        refuse(body, reply.status_code)
    return body


async def ask(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    """Return the engine's answer, whatever it is; no answer ends the command."""
    try:
        return await client.request(method, path, **more)
    except httpx.TransportError as error:
        unreachable(client, error)


def refuse(body: Mapping[str, Any], status: int) -> NoReturn:
    """End the command with what a problem document says."""
    asked_wrongly = status < httpx.codes.INTERNAL_SERVER_ERROR and status != TOO_MANY_REQUESTS
    leave(USAGE if asked_wrongly else FAILED, refusal(body, status))


def unreachable(client: httpx.AsyncClient, error: Exception) -> NoReturn:
    """End the command: nobody answers."""
    leave(
        UNREACHABLE,
        f"no engine answers at {client.base_url} ({type(error).__name__}); "
        f"start one with `{program()} serve`, or name another with --url or CAMBIST_URL",
    )


_read: Final = msgspec.json.Decoder(dict[str, Any], float_hook=str).decode


def read(data: bytes) -> dict[str, Any]:
    """Read a JSON object, its broken numbers as the digits they were written in.

    Anything else is an empty one.
    """
    try:
        return _read(data)
    except msgspec.DecodeError:
        return {}


def refusal(body: Mapping[str, Any], status: int) -> str:
    """Say what a problem document says, in a line for each fault."""
    faults = body.get("errors") or []
    lines = [
        f"{one['field']}: {one.get('message')}" if one.get("field") else str(one.get("message"))
        for one in faults
    ]
    return "; ".join(lines) or str(body.get("detail") or f"the engine answered {status}")


async def events(
    client: httpx.AsyncClient, order_id: str, after_seq: int = 0
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield an order's messages until its stream ends; a cut is resumed where it was cut."""
    tries = 0
    while tries < STREAM_TRIES_MAX:
        tries += 1
        try:
            async with aclosing(_stream(client, order_id, after_seq)) as messages:
                async for message in messages:
                    after_seq, tries = message["seq"], 0
                    yield message
        except httpx.TransportError as error:
            if tries == STREAM_TRIES_MAX:
                unreachable(client, error)
            continue
        return


async def _stream(
    client: httpx.AsyncClient, order_id: str, after_seq: int
) -> AsyncGenerator[dict[str, Any], None]:
    headers = {"accept": "text/event-stream", "last-event-id": str(after_seq)}
    path = f"/api/orders/{order_id}/events"
    async with client.stream("GET", path, headers=headers, timeout=None) as reply:
        if reply.is_error:
            refuse(read(await reply.aread()), reply.status_code)
        async for line in reply.aiter_lines():
            if line.startswith("data:"):
                yield read(line.removeprefix("data:").strip().encode())
