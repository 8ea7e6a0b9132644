"""Limits the rates of callers: by API key, or by address for callers without one."""

# Each caller has one token bucket for each kind of call. A bucket holds a minute's worth, so a
# burst of a whole minute is allowed once, and the average rate holds after it. In a deployment of
# several processes the buckets are shared through Redis, or each process gets its part of the
# rate.
#
# - A call with a valid key counts against the key. Addresses do not matter then: many keys may
#   share an address behind a NAT, and one key may be used from many.
# - A call without a key counts against its address, by subnet for IPv6.
# - A call with an invalid key counts as a failure of its address. The failures have a bucket of
#   their own, far smaller than the one for requests: it limits guessing, and a caller with a wrong
#   key cannot use up the requests of others behind the same address.
# - New streams, orders and quotes count in addition to the request. A stream costs little once it
#   runs, but a loop of reconnects costs a replay each; a quote costs a route computation.
#
# A batch of orders takes all its tokens or none. A batch that is larger than the bucket can never
# succeed: it is rejected as forbidden, not as rate limited, so that no client repeats it for ever.

from __future__ import annotations

from typing import Final

from cambist.faults import Code, RequestRejected, fault
from cambist.ports.rate_limits import RateLimit, RateLimiter
from cambist.server.auth.caller import Caller
from cambist.server.rate_limit_headers import CallRateLimits, RateLimitStatus
from cambist.server.settings import CallerRates
from cambist.values.time_units import SECOND

_CEILED: Final = SECOND - 1


class RateLimitExceeded(RequestRejected):
    """The rate is used up; after `retry_after_seconds` the call may be repeated."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(fault(Code.RATE_LIMITED, message))
        self.retry_after_seconds = retry_after_seconds


class CallerRateLimits:
    """The rate limits of all kinds of calls. A rate of 0 means no limit."""

    def __init__(self, limits: RateLimiter, rates: CallerRates) -> None:
        self._limits = limits
        self._rates = rates

    async def request(self, caller: Caller, *, opens_stream: bool) -> None:
        """Count a call with a key. Raises RateLimitExceeded."""
        rates, key_id = self._rates, caller.key_id
        quotas = caller.quotas
        await self._acquire(f"requests:{key_id}", rates.key_requests_per_minute, "requests", quotas)
        if opens_stream:
            await self._acquire(
                f"streams:{key_id}", rates.key_streams_per_minute, "new streams", quotas
            )

    async def anonymous(
        self, source: str, per_minute: int, quotas: CallRateLimits | None = None
    ) -> None:
        """Count a call without a key. Raises RateLimitExceeded."""
        await self._acquire(f"strangers:{source}", per_minute, "requests", quotas)

    async def auth_failure(self, source: str) -> None:
        """Count a call with an invalid key. Raises RateLimitExceeded."""
        per_minute = self._rates.auth_failures_per_minute
        await self._acquire(f"failures:{source}", per_minute, "invalid keys")

    async def quotes(self, caller: Caller) -> None:
        """Count a quote or a list of pools requested with a key. Raises RateLimitExceeded."""
        per_minute = self._rates.key_quotes_per_minute
        await self._acquire(f"quotes:{caller.key_id}", per_minute, "quotes", caller.quotas)

    async def orders(self, caller: Caller, orders: int) -> None:
        """Count orders made with a key, all or none.

        Raises RateLimitExceeded, and RequestRejected when so many are never allowed at once.
        """
        own = caller.orders_per_minute
        per_minute = self._rates.key_orders_per_minute if own is None else own
        if 0 < per_minute < orders:
            message = (
                f"This key may place {per_minute} orders a minute; {orders} at once are too many."
            )
            raise RequestRejected(fault(Code.FORBIDDEN, message))
        await self._acquire(f"orders:{caller.key_id}", per_minute, "orders", caller.quotas, orders)

    async def _acquire(
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
            raise RateLimitExceeded(message, seconds)
