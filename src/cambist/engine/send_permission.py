"""Decides whether an order's signed transaction may be sent now."""

# After a cancel request or the deadline the engine only asks the chain: a transaction that was sent
# may still land, and nothing is sent again. The store is read before each send, since the wake-up
# for a cancel request may be lost, and another process may have stored it. If the store cannot be
# read, nothing is sent.
#
# Reads are shared. Hundreds of orders may ask at the same moment, and one query answers for all
# that ask while the one before is under way. An order never joins a query that has begun, because
# a cancel request stored after its start would be missed.

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Literal

from msgspec.structs import replace

from cambist.orders.order import Order
from cambist.orders.steps import is_cancelled_or_past_deadline
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import CurrentTerms, Store
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp

PASSED_DEADLINES_MAX: Final = 10_000
"""How many passed deadlines a process remembers; the oldest is forgotten first."""

Answer = Literal["allowed", "changed", "halted"]
_Reading = asyncio.Future[CurrentTerms | None]


class SendPermission:
    """Reads cancel requests and deadlines from the store before each send."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._passed: dict[OrderId, Timestamp] = {}
        self._reading = asyncio.Lock()
        self._waiting: dict[OrderId, _Reading] = {}

    def time_of(self, order: Order) -> Timestamp:
        """Return the current time, never before a deadline of this order that has passed.

        The clock may step back; a deadline that has passed stays passed.
        """
        now, deadline = self._clock.now(), order.terms.deadline
        if deadline is None:
            return now
        if now >= deadline:
            self._passed[order.id] = deadline
            if len(self._passed) > PASSED_DEADLINES_MAX:
                del self._passed[next(iter(self._passed))]
            return now
        return max(now, self._passed.get(order.id, now))

    def forget(self, order_id: OrderId) -> None:
        """Forget a closed order."""
        self._passed.pop(order_id, None)

    async def check(self, order: Order, *, was_just_signed: bool) -> Answer:
        """Return whether an order's transaction may be sent for the first time.

        "changed": a cancel or other terms were stored since, or the deadline has passed.
        "halted": trading is halted, and the attempt was recorded some time ago; what
        `was_just_signed` was recorded by a commit that would have failed under a halt. Raises
        PortUnavailable: then nothing may be sent.
        """
        if not await self._is_current(order) or is_cancelled_or_past_deadline(
            order, self.time_of(order)
        ):
            return "changed"
        if not was_just_signed and await self._store.halted() is not None:
            return "halted"
        return "allowed"

    async def _is_current(self, order: Order) -> bool:
        """Whether the stored cancel request and terms are those of the order.

        Orders that ask while a read is under way share the next one.
        """
        waiter = self._waiting.get(order.id)
        if waiter is None:
            waiter = self._waiting[order.id] = asyncio.get_running_loop().create_future()
        async with self._reading:
            if not waiter.done():
                await self._read_waiting()
        stored = await waiter
        if stored is None:
            return False
        current = _updated(order, stored)
        return (
            current.cancel_requested_at == order.cancel_requested_at
            and current.terms == order.terms
        )

    async def _read_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        found: dict[OrderId, CurrentTerms] | None = None
        try:
            found = await self._store.current_terms(tuple(waiting))
        finally:
            for order_id, waiter in waiting.items():
                if found is not None:
                    waiter.set_result(found.get(order_id))
                else:
                    waiter.set_exception(
                        PortUnavailable("the store could not be read before a send")
                    )
                    waiter.exception()  # retrieved here: the waiter may have been cancelled

    async def may_resend(self, orders: Sequence[Order]) -> frozenset[OrderId]:
        """Return those orders whose transaction may be sent again.

        None under a halt: a transaction that was sent before may land, and is not sent again.
        Raises PortUnavailable: then nothing may be sent.
        """
        if await self._store.halted() is not None:
            return frozenset()
        stored = await self._store.current_terms([order.id for order in orders])
        allowed = set()
        for order in orders:
            terms = stored.get(order.id)
            if terms is None:
                continue
            current = _updated(order, terms)
            if not is_cancelled_or_past_deadline(current, self.time_of(current)):
                allowed.add(order.id)
        return frozenset(allowed)


def _updated(order: Order, stored: CurrentTerms) -> Order:
    return replace(
        order,
        cancel_requested_at=stored.cancel_requested_at,
        terms=stored.terms or order.intent.terms,
    )
