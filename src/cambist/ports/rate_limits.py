"""States what the server needs to hold callers to a rate."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class RateLimit(NamedTuple):
    """How often something may be done: so many at once, refilled evenly over a minute."""

    per_minute: int
    burst: int


class TokenWait(int):
    """How long to wait for tokens in milliseconds; 0 says that they were taken.

    `left` is how many tokens the bucket holds then.
    """

    left: int

    def __new__(cls, milliseconds: int, left: int = 0) -> TokenWait:
        """Take both."""
        made = super().__new__(cls, milliseconds)
        made.left = left
        return made


class RateLimiter(Protocol):
    """Token buckets by name. One that cannot be asked yields to a local one, never to none."""

    async def try_acquire(self, bucket: str, cost: int, limit: RateLimit) -> TokenWait:
        """Take `cost` tokens and return 0, or take none and return how long to wait for them."""
