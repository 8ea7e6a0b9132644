"""Gives out tickets, each good for opening one WebSocket soon: browsers cannot send a key there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
from starlette.requests import Request

from cambist.faults import Code, RequestRejected, fault
from cambist.ports.clock import Clock
from cambist.server.auth.caller import Caller, caller_of
from cambist.server.auth.caller_limits import RateLimited
from cambist.server.responses import Response
from cambist.values.base58 import encode
from cambist.values.time_units import SECOND, Millis, add_ms
from cambist.wire.rfc3339 import write_moment

TICKET_MS: Final = Millis(30_000)
TICKETS_MAX: Final = 10_000
KEY_TICKETS_MAX: Final = 100
"""Tickets of one key that are out at once, so that no key takes them all."""

PREFIX: Final = "ticket."
_TICKET_BYTES: Final = 32


class Ticket(msgspec.Struct, frozen=True, rename="camel"):
    """A ticket, and until when it opens a socket."""

    ticket: str
    expires_at: str


class _Kept(NamedTuple):
    caller: Caller
    until: int


def has_ticket(subprotocols: list[str]) -> bool:
    """Whether a ticket is shown among the subprotocols."""
    return any(subprotocol.startswith(PREFIX) for subprotocol in subprotocols)


class Tickets:
    """The tickets that are out, oldest first. They are in memory: a restart voids them."""

    def __init__(self, clock: Clock, draw: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._draw = draw
        self._out: dict[str, _Kept] = {}
        self._by_key: Counter[str | None] = Counter()

    def __len__(self) -> int:
        return len(self._out)

    async def issue(self, request: Request) -> Response:
        """Answer with a ticket for what the caller may do.

        Raises RateLimited when too many of its key are out, and Refused when all are.
        """
        clock, caller = self._clock, caller_of(request.scope)
        self._sweep()
        if self._by_key[caller.key_id] >= KEY_TICKETS_MAX:
            message = f"A key may have {KEY_TICKETS_MAX} stream tickets out; use some, or wait."
            raise RateLimited(message, TICKET_MS // SECOND)
        if len(self._out) >= TICKETS_MAX:
            raise RequestRejected(
                fault(Code.TOO_BUSY, "Too many stream tickets are out; try again soon.")
            )
        ticket = encode(self._draw(_TICKET_BYTES))
        self._out[ticket] = _Kept(caller, clock.monotonic_ms() + TICKET_MS)
        self._by_key[caller.key_id] += 1
        issued = Ticket(ticket, write_moment(add_ms(clock.now(), TICKET_MS)))
        return Response(201, msgspec.json.encode(issued))

    def redeem(self, subprotocols: list[str]) -> Caller | None:
        """Return what the first ticket shown stands for, once and only in time."""
        ticket = next(subprotocol for subprotocol in subprotocols if subprotocol.startswith(PREFIX))
        kept = self._take(ticket.removeprefix(PREFIX))
        return kept.caller if kept is not None and self._clock.monotonic_ms() < kept.until else None

    def _sweep(self) -> None:
        now = self._clock.monotonic_ms()
        while self._out:
            oldest = next(iter(self._out))
            if now < self._out[oldest].until:
                return
            self._take(oldest)

    def _take(self, ticket: str) -> _Kept | None:
        kept = self._out.pop(ticket, None)
        if kept is not None:
            key_id = kept.caller.key_id
            self._by_key[key_id] -= 1
            if not self._by_key[key_id]:
                del self._by_key[key_id]
        return kept
