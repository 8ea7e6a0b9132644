"""Issues tickets, each of which opens one WebSocket within a short time."""

# A browser cannot set the Authorization header of a WebSocket, and a key in a URL ends up in logs
# and in histories. So a page trades its key for a ticket and offers that as a subprotocol. A
# ticket works once and for 30 seconds; whoever reads it later in a log has nothing.

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
from starlette.requests import Request

from cambist.faults import Code, RequestRejected, fault
from cambist.ports.clock import Clock
from cambist.server.auth.caller import Caller, caller_of
from cambist.server.auth.caller_limits import RateLimitExceeded
from cambist.server.responses import Response
from cambist.values.base58 import encode
from cambist.values.time_units import SECOND, Millis, add_ms
from cambist.wire.rfc3339 import write_moment

TICKET_MS: Final = Millis(30_000)
TICKETS_MAX: Final = 10_000
KEY_TICKETS_MAX: Final = 100
"""Unused tickets of one key, so that no key takes them all."""

PREFIX: Final = "ticket."
_TICKET_BYTES: Final = 32


class Ticket(msgspec.Struct, frozen=True, rename="camel"):
    """A ticket, and the time until which it is valid."""

    ticket: str
    expires_at: str


class _Kept(NamedTuple):
    caller: Caller
    until: int


def has_ticket(subprotocols: list[str]) -> bool:
    """Whether there is a ticket among the subprotocols."""
    return any(subprotocol.startswith(PREFIX) for subprotocol in subprotocols)


class Tickets:
    """The unused tickets, oldest first. They are in memory: a restart voids them."""

    def __init__(self, clock: Clock, draw: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._draw = draw
        self._unused: dict[str, _Kept] = {}
        self._by_key: Counter[str | None] = Counter()

    def __len__(self) -> int:
        return len(self._unused)

    async def issue(self, request: Request) -> Response:
        """Answer with a ticket for what the caller may do.

        Raises RateLimitExceeded when its key has too many tickets, and RequestRejected when
        there are too many in all.
        """
        clock, caller = self._clock, caller_of(request.scope)
        self._sweep()
        if self._by_key[caller.key_id] >= KEY_TICKETS_MAX:
            message = f"A key may have {KEY_TICKETS_MAX} stream tickets out; use some, or wait."
            raise RateLimitExceeded(message, TICKET_MS // SECOND)
        if len(self._unused) >= TICKETS_MAX:
            raise RequestRejected(
                fault(Code.TOO_BUSY, "Too many stream tickets are unused; try again soon.")
            )
        ticket = encode(self._draw(_TICKET_BYTES))
        self._unused[ticket] = _Kept(caller, clock.monotonic_ms() + TICKET_MS)
        self._by_key[caller.key_id] += 1
        issued = Ticket(ticket, write_moment(add_ms(clock.now(), TICKET_MS)))
        return Response(201, msgspec.json.encode(issued))

    def redeem(self, subprotocols: list[str]) -> Caller | None:
        """Return the caller of the first ticket, if it is unused and still valid."""
        ticket = next(subprotocol for subprotocol in subprotocols if subprotocol.startswith(PREFIX))
        kept = self._take(ticket.removeprefix(PREFIX))
        return kept.caller if kept is not None and self._clock.monotonic_ms() < kept.until else None

    def _sweep(self) -> None:
        now = self._clock.monotonic_ms()
        while self._unused:
            oldest = next(iter(self._unused))
            if now < self._unused[oldest].until:
                return
            self._take(oldest)

    def _take(self, ticket: str) -> _Kept | None:
        kept = self._unused.pop(ticket, None)
        if kept is not None:
            key_id = kept.caller.key_id
            self._by_key[key_id] -= 1
            if not self._by_key[key_id]:
                del self._by_key[key_id]
        return kept
