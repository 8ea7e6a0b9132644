"""Follows every attempt in flight: asks the chain about all in one call, resends, and rings.

Moves no order. When the witnesses say something that would change one, it rings for it, with
what they said as the note. Sending the same bytes again cannot execute twice, so that happens here
too: for as long as the store says that the order is still wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from cambist.engine.send_permission import SendPermission
from cambist.faults import Code, fault
from cambist.orders.attempt import Attempt, NodeObservation
from cambist.orders.decide import Policy, decide
from cambist.orders.lapse import is_past_validity
from cambist.orders.order import Order, Status
from cambist.orders.steps import AttemptReport, TransactionSent
from cambist.ports.chain import Chain
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.wakeups import Wakeup, WakeupQueue
from cambist.values.ids import OrderId

ASK_EVERY_MS_MAX: Final = 400
RESEND_EVERY_MS: Final = 2_000
REREAD_EVERY_MS: Final = 5_000
ASKED_AT_ONCE_MAX: Final = 256
AWAY_RETRY_MS: Final = 250

log = structlog.get_logger("cambist.tracker")


class _TrackedAttempt:
    """One attempt that is followed, and when it next wants asking, sending and rereading."""

    __slots__ = ("ask_at", "order", "reread_at", "resend_at")

    def __init__(self, order: Order, ask_at: int, resend_at: int, reread_at: int) -> None:
        self.order = order
        self.ask_at = ask_at
        self.resend_at = resend_at
        self.reread_at = reread_at


class InFlightTracker:
    """Holds the claimed orders that rest with the chain."""

    def __init__(
        self,
        chain: Chain,
        wakeups: WakeupQueue,
        permission: SendPermission,
        clock: Clock,
        policy: Policy,
    ) -> None:
        self._chain = chain
        self._wakeups = wakeups
        self._permission = permission
        self._clock = clock
        self._policy = policy
        self._flights: dict[OrderId, _TrackedAttempt] = {}
        self._came = asyncio.Event()
        self._ask_every_ms = min(policy.rules.slot_ms, ASK_EVERY_MS_MAX)

    def __contains__(self, order_id: OrderId) -> bool:
        return order_id in self._flights

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders that rest with the chain."""
        return tuple(flight.order for flight in self._flights.values())

    def track(self, order: Order) -> None:
        """Follow an order's attempt until `take`."""
        now, attempt = self._clock.monotonic_ms(), order.attempt
        ask_at, resend_at = now, now
        if order.status is Status.CONFIRMED:
            ask_at += self._policy.rules.slot_ms * self._policy.rules.finality_slots
        elif attempt is not None and attempt.sent_at is not None:
            sent_ago = max(self._clock.now() - attempt.sent_at, 0)
            resend_at += max(RESEND_EVERY_MS - sent_ago, 0)
        self._flights[order.id] = _TrackedAttempt(order, ask_at, resend_at, now + REREAD_EVERY_MS)
        self._came.set()

    def untrack(self, order_id: OrderId) -> Order | None:
        """Return a followed order to its worker, and follow it no more."""
        flight = self._flights.pop(order_id, None)
        return None if flight is None else flight.order

    async def send(self, attempt: Attempt) -> TransactionSent:
        """Hand the recorded bytes to the network; any trouble means only the chain can say."""
        try:
            await self._chain.send(attempt.transaction)
        except PortUnavailable as down:
            return TransactionSent(fault(Code.SEND_UNCERTAIN, str(down)))
        return TransactionSent()

    async def run(self) -> None:
        """Ask, resend and ring, for ever; while nothing is in flight, wait."""
        while True:
            while not self._flights:
                self._came.clear()
                await self._came.wait()
            try:
                await self._poll_due()
            except PortUnavailable as down:
                # Silence proves nothing: everything stays in flight until the chain answers.
                log.warning("chain_away", error=str(down), in_flight=len(self._flights))
                await self._clock.sleep(AWAY_RETRY_MS)
            await self._clock.sleep(self._ask_every_ms)

    async def _poll_due(self) -> None:
        now = self._clock.monotonic_ms()
        due = [flight for flight in self._flights.values() if flight.ask_at <= now]
        for start in range(0, len(due), ASKED_AT_ONCE_MAX):
            await self._ask(due[start : start + ASKED_AT_ONCE_MAX])

    async def _ask(self, flights: Sequence[_TrackedAttempt]) -> None:
        attempts = [flight.order.attempt for flight in flights]
        asked = [attempt for attempt in attempts if attempt is not None]
        answers = await self._chain.observe(asked)
        reports = tuple(zip(flights, answers, strict=True))
        await self._resend(
            [flight for flight, witnesses in reports if self._is_unseen(flight, witnesses)]
        )
        for flight, witnesses in reports:
            await self._on_observations(flight, witnesses)

    async def _on_observations(
        self, flight: _TrackedAttempt, witnesses: tuple[NodeObservation, ...]
    ) -> None:
        order, attempt = flight.order, flight.order.attempt
        if attempt is None or self._flights.get(order.id) is not flight:
            return
        if _is_silent(attempt, witnesses):
            return
        fill = None
        if order.status is Status.SUBMITTED and _may_have_landed(witnesses):
            fill = await self._chain.fetch_fill(attempt.signature)
        heard = AttemptReport(attempt.signature, witnesses, fill)
        if decide(order, heard, self._permission.time_of(order), self._policy).events:
            flight.ask_at = self._clock.monotonic_ms() + ASK_EVERY_MS_MAX
            self._wakeups.notify(Wakeup(order.id, heard))
        elif is_past_validity(attempt, witnesses, self._policy.rules):
            self._ring_to_reread(flight)

    def _ring_to_reread(self, flight: _TrackedAttempt) -> None:
        """Have an order read again whose end nobody can prove: an operator may have spoken."""
        now = self._clock.monotonic_ms()
        if flight.order.in_flight is not None and flight.reread_at <= now:
            flight.reread_at = now + REREAD_EVERY_MS
            log.info("unresolved", order_id=flight.order.id)
            self._wakeups.notify(Wakeup(flight.order.id))

    def _is_unseen(self, flight: _TrackedAttempt, witnesses: Sequence[NodeObservation]) -> bool:
        """Whether it is time to send again what nobody saw yet."""
        attempt = flight.order.in_flight
        is_due = flight.resend_at <= self._clock.monotonic_ms()
        return attempt is not None and is_due and _may_still_land(attempt, witnesses)

    async def _resend(self, flights: Sequence[_TrackedAttempt]) -> None:
        """Hand the same bytes over again, of those orders that are still wanted."""
        if not flights:
            return
        try:
            allowed = await self._permission.may_resend([flight.order for flight in flights])
        except PortUnavailable as down:
            log.warning("resend_withheld", error=str(down), in_flight=len(flights))
            return
        for flight in flights:
            flight.resend_at = self._clock.monotonic_ms() + RESEND_EVERY_MS
            attempt = flight.order.in_flight
            is_followed = self._flights.get(flight.order.id) is flight
            if attempt is not None and is_followed and flight.order.id in allowed:
                await self.send(attempt)


def _may_still_land(attempt: Attempt, witnesses: Sequence[NodeObservation]) -> bool:
    """Whether nobody saw the transaction, and somebody does not call it too old.

    One endpoint that runs ahead, or lies, must not keep the bytes from being sent again.
    """
    if any(observation.sighting is not None for observation in witnesses):
        return False
    return any(one.height <= attempt.last_valid_height for one in witnesses)


def _is_silent(attempt: Attempt, witnesses: Sequence[NodeObservation]) -> bool:
    """Whether nobody saw the transaction yet and nobody calls it too old."""
    for observation in witnesses:
        if observation.sighting is not None or observation.height > attempt.last_valid_height:
            return False
    return True


def _may_have_landed(witnesses: Sequence[NodeObservation]) -> bool:
    for observation in witnesses:
        seen = observation.sighting
        if seen is not None and seen.fault is None and seen.commitment != "processed":
            return True
    return False
