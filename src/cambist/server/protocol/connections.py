"""Counts the connections of a server, and acts on their deadlines."""

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
    """The slot of one connection; it is given back once."""

    def __init__(self, connections: ConnectionRegistry, address: str) -> None:
        self.connections = connections
        self._address: str | None = address

    def leave(self) -> None:
        """Give the slot back."""
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
        """Whether all slots are taken."""
        return self._count >= self.limits.connections_max

    def enter(self, address: str) -> ConnectionSlot | None:
        """Take a slot; None when there is none, or none for this address.

        Many clients share a trusted proxy, so its connections count only against the total.
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
        """Expire connections whose deadline has passed, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await clock.sleep(self.limits.sweep_ms)
            now = loop.time()
            # A list first: `expire` may remove the connection from the set.
            overdue = [connection for connection in self.timed if connection.deadline <= now]
            for connection in overdue:
                connection.expire()
