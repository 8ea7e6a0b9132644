"""Talks to a running engine over HTTP on behalf of the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final, NoReturn

import httpx
import msgspec
import typer

from cambist.cli.exits import FAILED, UNREACHABLE, USAGE, leave

TIMEOUT_S: Final = 10
STREAM_TRIES_MAX: Final = 5

Url = Annotated[str, typer.Option("--url", envvar="CAMBIST_URL", help="Where the engine listens.")]
DEFAULT_URL: Final = "http://127.0.0.1:3000"


def connect(url: str) -> httpx.AsyncClient:
    """Return a client of one engine; proxies of the environment are not for it."""
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False)


async def call(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> dict[str, Any]:
    """Return the engine's answer; a refusal or no answer ends the command."""
    try:
        reply = await client.request(method, path, **more)
    except httpx.TransportError as error:
        unreachable(client, error)
    body = read(reply.content)
    if reply.is_error:
        leave(USAGE if reply.is_client_error else FAILED, refusal(body, reply.status_code))
    return body


def unreachable(client: httpx.AsyncClient, error: Exception) -> NoReturn:
    """End the command: nobody answers."""
    leave(
        UNREACHABLE,
        f"no engine answers at {client.base_url} ({type(error).__name__}); "
        "start one with `cambist serve`, or name another with --url",
    )


def read(data: bytes) -> dict[str, Any]:
    """Read a JSON object; anything else is an empty one."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def refusal(body: Mapping[str, Any], status: int) -> str:
    """Say what a problem document says, in a line for each fault."""
    faults = body.get("errors") or []
    lines = [f"{one.get('field') or 'request'}: {one.get('message')}" for one in faults]
    return "; ".join(lines) or str(body.get("detail") or f"the engine answered {status}")


async def events(
    client: httpx.AsyncClient, order_id: str, after_seq: int = 0
) -> AsyncIterator[dict[str, Any]]:
    """Yield an order's messages until its stream ends; a cut is resumed where it was cut."""
    tries = 0
    while tries < STREAM_TRIES_MAX:
        tries += 1
        try:
            async for message in _stream(client, order_id, after_seq):
                after_seq, tries = message["seq"], 0
                yield message
        except httpx.TransportError as error:
            if tries == STREAM_TRIES_MAX:
                unreachable(client, error)
            continue
        return


async def _stream(
    client: httpx.AsyncClient, order_id: str, after_seq: int
) -> AsyncIterator[dict[str, Any]]:
    headers = {"accept": "text/event-stream", "last-event-id": str(after_seq)}
    path = f"/api/orders/{order_id}/events"
    async with client.stream("GET", path, headers=headers, timeout=None) as reply:
        if reply.is_error:
            leave(USAGE, refusal(read(await reply.aread()), reply.status_code))
        async for line in reply.aiter_lines():
            if line.startswith("data:"):
                yield read(line.removeprefix("data:").strip().encode())
