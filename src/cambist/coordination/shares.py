"""Holds one of several processes to its share of a rate that all of them have together."""

from __future__ import annotations

from cambist.ports.rate_limits import Allowance, RateLimits, Wait


class Share:
    """Limits of one process of so many. Rounded down, so that all shares together are no more.

    Nobody's share is nothing: a rate below the number of processes is one a minute for each.
    """

    def __init__(self, limits: RateLimits, processes: int) -> None:
        self._limits = limits
        self._processes = processes

    async def take(self, bucket: str, cost: int, allowance: Allowance) -> Wait:
        """Take `cost` tokens of the share and return 0, or take none and return the wait.

        What may be taken at once of the whole may be taken at once of a share, too: only later.
        """
        per_minute = max(allowance.per_minute // self._processes, 1)
        burst = max(allowance.burst // self._processes, min(cost, allowance.burst))
        return await self._limits.take(bucket, cost, Allowance(per_minute, burst))
