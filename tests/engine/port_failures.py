"""Counts every call of an engine on its ports, and lets one of them fail, before or after it acts.

A call that fails after it acted is the worse one: it did what it was asked, and says that it did
not.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from cambist.ports.errors import PortUnavailable
from cambist.ports.store import PendingCommit
from cambist.stores.commands import apply_decision
from cambist.stores.sqlite.leases import LEASED

When = Literal["before", "after"]
LOST = ("notify", "notify_at", "publish")
"""Signals raise nothing: they are lost (before), or come twice (after)."""


class Strike(NamedTuple):
    """Which call fails: the nth of its name, before it acts or after."""

    name: str
    nth: int
    when: When


class Fuse:
    """The calls of one life, by name; one of them is to fail."""

    def __init__(self) -> None:
        self._strike: Strike | None = None
        self.calls: Counter[str] = Counter()

    def arm(self, strike: Strike | None) -> None:
        """Begin to count anew."""
        self._strike = strike
        self.calls = Counter()

    @property
    def has_struck(self) -> bool:
        """Whether there was such a call, and it failed."""
        return self._strike is not None and self.calls[self._strike.name] >= self._strike.nth

    def burns(self, name: str) -> When | None:
        """Count a call; say whether it is the one to fail, and when."""
        self.calls[name] += 1
        strike = self._strike
        if strike is None or (strike.name, strike.nth) != (name, self.calls[name]):
            return None
        return strike.when


class Failing:
    """A port, one call of which fails."""

    def __init__(self, port: Any, room: str, fuse: Fuse) -> None:
        self._port = port
        self._room = room
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        if name == "begin_commit":
            return self._begin(real)
        if name in LOST:
            return self._signal(name, real)
        if inspect.iscoroutinefunction(real) and name not in ("get", "run"):
            return self._ask(name, real)
        return real

    def _ask(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        async def ask(*given: Any) -> Any:
            when = self._fuse.burns(f"{self._room}.{name}")
            if when == "before":
                raise PortUnavailable("it failed, and nothing was done")
            answer = await real(*given)
            if when == "after":
                raise PortUnavailable("it failed, and all was done")
            return answer

        return ask

    def _signal(self, name: str, real: Callable[..., None]) -> Callable[..., None]:
        def signal(*given: Any) -> None:
            when = self._fuse.burns(f"{self._room}.{name}")
            if when != "before":
                real(*given)
            if when == "after":
                real(*given)

        return signal

    def _begin(self, real: Callable[..., PendingCommit]) -> Callable[..., PendingCommit]:
        def begin(*given: Any) -> PendingCommit:
            when = self._fuse.burns(f"{self._room}.begin_commit")
            if when is None:
                return real(*given)
            told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            if when == "before":
                told.set_exception(PortUnavailable("it failed, and nothing was written"))
                # The order as it would have been, of a write that is called off at once.
                return PendingCommit(_foretold(*given), told)
            begun = real(*given)
            begun.durable.add_done_callback(lambda done: _deny(done, told))
            return PendingCommit(begun.order, told)

        return begin


def _deny(done: asyncio.Future[Any], told: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()
    if not told.done():
        told.set_exception(PortUnavailable("it failed, and all was written"))


def _foretold(order: Any, change: Any, now: Any) -> Any:
    owner = order.lease_owner or "rig"
    return apply_decision(order, change, now, owner=owner, leased=LEASED).after
