"""States what the server needs to know of API keys: whose they are, and what they may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from cambist.values.ids import Address, Principal
from cambist.values.time_units import Timestamp


class Permission(StrEnum):
    """What a key may be used for. None includes another: `trade` alone may not even read."""

    READ = "read"
    TRADE = "trade"
    CANCEL = "cancel"
    ADMIN = "admin"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is stored: its digest, never its secret.

    Keys of one principal see the same orders, so that a key can be replaced by another.
    `wallets` limits the wallets its orders may name; empty means any. `orders_per_minute`
    is None where the server's own limit holds.
    """

    id: str
    digest: bytes
    principal: Principal
    name: str
    permissions: frozenset[Permission] = msgspec.field(name="scopes")
    created_at: Timestamp
    wallets: tuple[Address, ...] = ()
    orders_per_minute: int | None = None
    expires_at: Timestamp | None = None
    revoked_at: Timestamp | None = None
    last_used_at: Timestamp | None = None

    def is_active(self, now: Timestamp) -> bool:
        """Whether it was neither revoked nor has expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class ApiKeyStore(Protocol):
    """The keys of an installation. All may raise PortUnavailable."""

    async def has_ever_issued(self) -> bool:
        """Return whether a key was ever made: from then on nobody is let in without one."""

    async def find(self, key_id: str) -> ApiKey | None:
        """Return a key, revoked and expired ones included."""

    async def list(self) -> tuple[ApiKey, ...]:
        """Return all keys, oldest first."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""

    async def revoke(self, key_id: str, now: Timestamp) -> bool:
        """End a key's life now; False when there is none such alive."""

    async def record_use(self, key_id: str, now: Timestamp) -> None:
        """Note when a key was last used; may be late, or lost in a crash."""
