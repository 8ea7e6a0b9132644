"""Writes the headers that say what is left of a rate (draft-ietf-httpapi-ratelimit-headers-10).

A rate is a token bucket, so `r` is what may be done at once and `t` the seconds until the bucket
is full again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from starlette.types import Scope

from cambist.server.responses import Header

_KEY: Final = "cambist.rate_limits"
_MINUTE_S: Final = 60
POLICY: Final = b"ratelimit-policy"
LIMIT: Final = b"ratelimit"


class RateLimitStatus(NamedTuple):
    """One rate of a caller: how often a minute, and how much of it is left now."""

    name: str
    per_minute: int
    left: int

    @property
    def full_in_seconds(self) -> int:
        """How long until nothing is missing, rounded up."""
        missing = self.per_minute - self.left
        return -(-missing * _MINUTE_S // self.per_minute)


class CallRateLimits:
    """The rates that one call was counted against."""

    def __init__(self) -> None:
        self._by_name: dict[str, RateLimitStatus] = {}

    def note(self, quota: RateLimitStatus) -> None:
        """Note what is left of a rate."""
        self._by_name[quota.name] = quota

    def headers(self) -> list[Header]:
        """Return the two headers, or none where nothing was counted."""
        quotas = self._by_name.values()
        if not quotas:
            return []
        policy = ", ".join(f'"{quota.name}";q={quota.per_minute};w={_MINUTE_S}' for quota in quotas)
        limit = ", ".join(
            f'"{status.name}";r={status.left};t={status.full_in_seconds}' for status in quotas
        )
        return [(POLICY, policy.encode()), (LIMIT, limit.encode())]


def open_rate_limits(scope: Scope) -> CallRateLimits:
    """Return the quotas of a call, for those who count it."""
    quotas: CallRateLimits = scope.setdefault(_KEY, CallRateLimits())
    return quotas


def rate_limit_headers(scope: Scope) -> list[Header]:
    """Return the headers that tell what is left, once a call was counted."""
    quotas: CallRateLimits | None = scope.get(_KEY)
    return [] if quotas is None else quotas.headers()
