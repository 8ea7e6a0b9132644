"""States what the server needs to hold callers to a rate."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from cambist.values.moment import Millis


class Allowance(NamedTuple):
    """How often something may be done: so many at once, refilled evenly over a minute."""

    per_minute: int
    burst: int


class RateLimits(Protocol):
    """Token buckets by name. One that cannot be asked yields to a local one, never to none."""

    async def take(self, bucket: str, cost: int, allowance: Allowance) -> Millis:
        """Take `cost` tokens and return 0, or take none and return how long to wait for them."""
