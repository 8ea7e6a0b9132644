"""Identifies the caller of a request, and what the caller may do."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec
from starlette.types import Scope

from cambist.ports.api_keys import Permission
from cambist.server.rate_limit_headers import CallRateLimits
from cambist.values.ids import LOCAL, Address, Principal

_SCOPE_KEY: Final = "cambist.caller"


class OrderQuota(Protocol):
    """Counts orders and quotes against the rates of their caller."""

    async def charge(self, caller: Caller, orders: int) -> None:
        """Count orders, all or none. Raises RequestRejected when they are too many."""

    async def charge_quote(self, caller: Caller) -> None:
        """Count a quote. Raises RequestRejected when they are too many."""


class Caller(msgspec.Struct, frozen=True):
    """Whose orders a call may read and place. Without keys every caller on loopback is `LOCAL`.

    `source` is the address of a caller without a key; `orders_per_minute` is the key's own limit,
    if it has one.
    """

    principal: Principal = LOCAL
    key_id: str | None = None
    permissions: frozenset[Permission] = frozenset(Permission)
    wallets: tuple[Address, ...] = ()
    orders_per_minute: int | None = None
    source: str = ""
    meter: OrderQuota | None = None
    quotas: CallRateLimits | None = None

    @property
    def caller(self) -> str | None:
        """The name by which a caller is counted; None on a loopback without keys."""
        if self.key_id is not None:
            return f"key:{self.key_id}"
        return f"address:{self.source}" if self.source else None


def attach_caller(scope: Scope, caller: Caller) -> None:
    """Store the caller of a call in its scope."""
    scope[_SCOPE_KEY] = caller


def caller_of(scope: Scope) -> Caller:
    """Return the caller of a call. Raises KeyError for one that was not authenticated."""
    caller: Caller = scope[_SCOPE_KEY]
    return caller


async def charge(caller: Caller, orders: int) -> None:
    """Count orders against the caller's rate, all or none, before anything is done with them.

    Raises RequestRejected when they are too many, or the key was revoked in the meantime.
    """
    if caller.meter is not None:
        await caller.meter.charge(caller, orders)


async def charge_quote(caller: Caller) -> None:
    """Count a quote or a list of pools before it is computed. Raises RequestRejected."""
    if caller.meter is not None:
        await caller.meter.charge_quote(caller)
