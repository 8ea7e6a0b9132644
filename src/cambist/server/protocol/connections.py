"""Counts the connections of a server, and finds those whose time is up."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final, Protocol

from cambist.ports.clock import Clock
from cambist.server.client_address import TrustedProxies, subnet_of
from cambist.server.settings import ConnectionLimits

NEVER: Final = float("inf")
NO_PROXIES: Final = TrustedProxies(())


class HasDeadline(Protocol):
    """A connection with a deadline, in seconds of the event loop's clock."""

    @property
    def deadline(self) -> float:
        """When `expire` is due."""

    def expire(self) -> None:
        """Act on the deadline."""


class ConnectionSlot:
    """One connection's place, given back once."""

    def __init__(self, connections: ConnectionRegistry, address: str) -> None:
        self.connections = connections
        self._address: str | None = address

    def leave(self) -> None:
        """Give the place back."""
        if self._address is not None:
            self.connections.forget(self._address)
            self._address = None


class ConnectionRegistry:
    """All connections of one server."""

    def __init__(self, limits: ConnectionLimits, proxies: TrustedProxies = NO_PROXIES) -> None:
        self.limits = limits
        self._proxies = proxies
        self.timed: set[HasDeadline] = set()
        self._by_address: Counter[str] = Counter()
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether there is no place for anyone."""
        return self._count >= self.limits.connections_max

    def enter(self, address: str) -> ConnectionSlot | None:
        """Take a place; None when there is none, or none for this address.

        Many clients may stand behind a trusted proxy, so its connections have no limit but all's.
        """
        most = self.limits.address_connections_max
        if self.is_full:
            return None
        if most is not None and address not in self._proxies:
            address = subnet_of(address)
            if self._by_address[address] >= most:
                return None
        self._count += 1
        self._by_address[address] += 1
        return ConnectionSlot(self, address)

    def forget(self, address: str) -> None:
        """Count one connection less."""
        self._count -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    async def sweep(self, clock: Clock) -> None:
        """Let connections whose deadline passed expire, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await clock.sleep(self.limits.sweep_ms)
            now = loop.time()
            for one in [one for one in self.timed if one.deadline <= now]:
                one.expire()
