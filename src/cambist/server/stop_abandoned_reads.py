"""Cancels read-only work once the client has left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

from cambist.server.concurrency import StreamLifetime
from cambist.server.responses import ClientDisconnected

_T = TypeVar("_T")


async def while_connected(receive: Receive, work: Awaitable[_T]) -> _T:
    """Return the result of the work; cancel it as soon as the client has left.

    Only for work that changes nothing: a cancelled write could be half done. Raises
    ClientDisconnected, and what the work raises.
    """
    lifetime = StreamLifetime()
    outcome: list[_T] = []
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(_watch(receive, lifetime))
        try:
            async with lifetime.running():
                outcome.append(await work)
        except Exception as error:  # noqa: BLE001 -- a TaskGroup would raise it as one of several
            failure = error
        finally:
            watcher.cancel()
    if failure is not None:
        raise failure
    if not outcome:
        raise ClientDisconnected
    return outcome[0]


async def _watch(receive: Receive, lifetime: StreamLifetime) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    lifetime.disconnect()
