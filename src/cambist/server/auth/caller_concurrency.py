"""Limits the concurrent requests of one caller, so that no caller blocks the others."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from cambist.server.auth.caller import Caller
from cambist.server.auth.caller_limits import RateLimitExceeded
from cambist.server.auth.request_priority import Priority
from cambist.server.settings import ServerSettings

STOPS_MAX: Final = 8
"""Cancels and halts of one caller beyond its limit: they must work when it is overloaded."""

RETRY_S: Final = 1


class ConcurrencyPermit(NamedTuple):
    """The permit for one request. A caller that is not counted has no `name`."""

    counter: Counter[str]
    name: str | None

    def release(self) -> None:
        """Give the permit back."""
        if self.name is not None:
            self.counter[self.name] -= 1
            if not self.counter[self.name]:
                del self.counter[self.name]


class CallerConcurrency:
    """Counts running requests, by key or by address.

    An anonymous caller without a `source` is not counted: on a loopback without keys every
    client has the same address.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._key_max = settings.key_requests_max
        self._address_max = settings.address_requests_max
        self._normal: Counter[str] = Counter()
        self._stops: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._normal) + len(self._stops)

    def acquire(self, caller: Caller, priority: Priority) -> ConcurrencyPermit:
        """Take a permit. Raises RateLimitExceeded when the caller has all of its permits in use."""
        name, most, who = self._allowance(caller)
        if name is None or most is None:
            return ConcurrencyPermit(self._normal, None)
        if self._normal[name] < most:
            return self._take(self._normal, name)
        if priority is Priority.STOP and self._stops[name] < STOPS_MAX:
            return self._take(self._stops, name)
        message = f"{who} may have {most} requests answered at once; wait until one is done."
        raise RateLimitExceeded(message, RETRY_S)

    def suspend(self, caller: Caller) -> ConcurrencyPermit:
        """Give a permit back while a stream lasts, which is counted apart.

        `resume` takes it again; the request is at its end by then.
        """
        name, most, _ = self._allowance(caller)
        permit = ConcurrencyPermit(self._normal, None if most is None else name)
        permit.release()
        return permit

    def resume(self, permit: ConcurrencyPermit) -> None:
        """Take a suspended permit again."""
        if permit.name is not None:
            permit.counter[permit.name] += 1

    def _allowance(self, caller: Caller) -> tuple[str | None, int | None, str]:
        if caller.key_id is not None:
            return caller.caller, self._key_max, "A key"
        return caller.caller, self._address_max, "An address without a key"

    def _take(self, counter: Counter[str], name: str) -> ConcurrencyPermit:
        counter[name] += 1
        return ConcurrencyPermit(counter, name)
