"""Says who calls and what they may do, for those who answer the call."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec
from starlette.types import Scope as Call

from cambist.ports.api_keys import Permission
from cambist.server.rate_limit_headers import CallRateLimits
from cambist.values.ids import LOCAL, Address, Principal

_PLACE: Final = "cambist.caller"


class OrderQuota(Protocol):
    """Counts what callers do against what they may."""

    async def charge(self, caller: Caller, orders: int) -> None:
        """Count orders, all or none. Raises Refused when they are too many for now."""

    async def charge_quote(self, caller: Caller) -> None:
        """Count a quote. Raises Refused when they are too many for now."""


class Caller(msgspec.Struct, frozen=True):
    """Whose orders a call may see and make. Without keys everyone on loopback is `LOCAL`.

    `source` is the address that counts where there is no key; `orders_per_minute` is the key's
    own limit, where it has one.
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


def attach_caller(call: Call, caller: Caller) -> None:
    """Let a call carry its passport."""
    call[_PLACE] = caller


def caller_of(call: Call) -> Caller:
    """Return a call's passport; a call that was never let in has none, and fails."""
    caller: Caller = call[_PLACE]
    return caller


async def charge(caller: Caller, orders: int) -> None:
    """Count orders against the caller's rate, all or none, before anything is done with them.

    Raises Refused when they are too many for now, or the key was revoked since it was shown.
    """
    if caller.meter is not None:
        await caller.meter.charge(caller, orders)


async def charge_quote(caller: Caller) -> None:
    """Count a quote or a survey of pools before anything is computed for it. Raises Refused."""
    if caller.meter is not None:
        await caller.meter.charge_quote(caller)
