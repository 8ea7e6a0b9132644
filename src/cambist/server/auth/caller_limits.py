"""Holds callers to rates: by key where they have one, by address where they do not."""

from __future__ import annotations

from typing import Final

from cambist.faults import Code, RequestRejected, fault
from cambist.ports.rate_limits import RateLimit, RateLimiter
from cambist.server.auth.caller import Caller
from cambist.server.rate_limit_headers import CallRateLimits, RateLimitStatus
from cambist.server.settings import CallerRates
from cambist.values.time_units import SECOND

_CEILED: Final = SECOND - 1


class RateLimited(RequestRejected):
    """Too much for now; `retry_after_seconds` later there is room again."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(fault(Code.RATE_LIMITED, message))
        self.retry_after_seconds = retry_after_seconds


class CallerRateLimits:
    """What each kind of call costs. A rate of 0 is none."""

    def __init__(self, limits: RateLimiter, rates: CallerRates) -> None:
        self._limits = limits
        self._rates = rates

    async def request(self, caller: Caller, *, opens_stream: bool) -> None:
        """Count a call with a key. Raises RateLimited."""
        rates, key_id = self._rates, caller.key_id
        quotas = caller.quotas
        await self._take(f"requests:{key_id}", rates.key_requests_per_minute, "requests", quotas)
        if opens_stream:
            await self._take(
                f"streams:{key_id}", rates.key_streams_per_minute, "new streams", quotas
            )

    async def anonymous(
        self, source: str, per_minute: int, quotas: CallRateLimits | None = None
    ) -> None:
        """Count a call without a key. Raises RateLimited."""
        await self._take(f"strangers:{source}", per_minute, "requests", quotas)

    async def auth_failure(self, source: str) -> None:
        """Count a key that is not in force. Raises RateLimited."""
        per_minute = self._rates.auth_failures_per_minute
        await self._take(f"failures:{source}", per_minute, "keys that are not in force")

    async def quotes(self, caller: Caller) -> None:
        """Count a quote or a survey of pools asked for with a key. Raises RateLimited."""
        per_minute = self._rates.key_quotes_per_minute
        await self._take(f"quotes:{caller.key_id}", per_minute, "quotes", caller.quotas)

    async def orders(self, caller: Caller, orders: int) -> None:
        """Count orders made with a key, all or none.

        Raises RateLimited, and Refused when so many are never allowed at once.
        """
        own = caller.orders_per_minute
        per_minute = self._rates.key_orders_per_minute if own is None else own
        if 0 < per_minute < orders:
            message = f"This key may place {per_minute} orders a minute, and not {orders} at once."
            raise RequestRejected(fault(Code.FORBIDDEN, message))
        await self._take(f"orders:{caller.key_id}", per_minute, "orders", caller.quotas, orders)

    async def _take(
        self,
        bucket: str,
        per_minute: int,
        what: str,
        quotas: CallRateLimits | None = None,
        cost: int = 1,
    ) -> None:
        if not per_minute:
            return
        wait = await self._limits.try_acquire(bucket, cost, RateLimit(per_minute, per_minute))
        if quotas is not None:
            quotas.note(RateLimitStatus(bucket.partition(":")[0], per_minute, wait.left))
        if wait:
            seconds = (wait + _CEILED) // SECOND
            message = f"{per_minute} {what} a minute are allowed; try again in {seconds} s."
            raise RateLimited(message, seconds)
