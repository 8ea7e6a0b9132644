"""Tracks every attempt in flight: polls the chain for all at once, resends, and notifies."""

# Theory of operation
#
# The tracker holds the orders whose transaction was sent and whose outcome is not final. It moves
# no order. It polls the RPC nodes about all of them in one call, and when the answers would change
# an order, it sends a wake-up that carries them as an AttemptReport. The executor then decides and
# commits. So there is one place where an order changes, and polling never waits for a commit.
#
# What counts as an answer. A transaction has executed when a node reports it; it has lapsed when
# enough nodes have passed its last valid block height without having seen it. A node that does not
# answer, and a node that lags behind, prove nothing. As long as nothing is proven, the order stays
# in flight. Taking silence for failure is how an engine pays twice.
#
# Resending. Until a transaction is seen, the same signed bytes are sent again every two seconds. A
# leader may drop a transaction, so this raises the chance that it lands. It cannot execute twice,
# because the network accepts each signature once. The store is asked before each round: a cancelled
# order, one past its deadline, and all orders under a halt are not pushed any further.
#
# Rereading. For a transaction that is past its validity and still not proven lapsed, nodes alone
# may never settle the matter. Such an order is read again from the store every few seconds, because
# an operator may have resolved it by hand.
#
# Pace. A call asks about at most 256 attempts (the limit of `getSignatureStatuses`), no more often
# than once a slot: a status cannot change faster.

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from cambist.engine.send_permission import SendPermission
from cambist.faults import Code, fault
from cambist.orders.attempt import Attempt, NodeObservation
from cambist.orders.decide import Policy, decide
from cambist.orders.lapse_proof import is_past_validity
from cambist.orders.order import Order, Status
from cambist.orders.steps import AttemptReport, TransactionSent
from cambist.ports.chain import Chain
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.wakeups import Wakeup, WakeupQueue
from cambist.values.ids import OrderId

POLL_EVERY_MS_MAX: Final = 400
RESEND_EVERY_MS: Final = 2_000
REREAD_EVERY_MS: Final = 5_000
POLLED_AT_ONCE_MAX: Final = 256
REPORTS_IN_A_ROW_MAX: Final = 32
"""How many answers are handled before other tasks of the event loop get their turn."""
CHAIN_RETRY_MS: Final = 250

log = structlog.get_logger("cambist.tracker")


class _TrackedAttempt:
    """An attempt in flight, and the times of its next poll, resend and reread."""

    __slots__ = ("order", "poll_at", "reread_at", "resend_at")

    def __init__(self, order: Order, poll_at: int, resend_at: int, reread_at: int) -> None:
        self.order = order
        self.poll_at = poll_at
        self.resend_at = resend_at
        self.reread_at = reread_at


class InFlightTracker:
    """Holds the orders in flight, whose leases this process owns."""

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
        self._attempts: dict[OrderId, _TrackedAttempt] = {}
        self._tracked = asyncio.Event()
        self._poll_every_ms = min(policy.rules.slot_ms, POLL_EVERY_MS_MAX)

    def __contains__(self, order_id: OrderId) -> bool:
        return order_id in self._attempts

    def __len__(self) -> int:
        return len(self._attempts)

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders that wait for the chain."""
        return tuple(entry.order for entry in self._attempts.values())

    def track(self, order: Order) -> None:
        """Track an order's attempt until `untrack`."""
        now, attempt = self._clock.monotonic_ms(), order.attempt
        poll_at, resend_at = now, now
        if order.status is Status.CONFIRMED:
            poll_at += self._policy.rules.slot_ms * self._policy.rules.finality_slots
        elif attempt is not None and attempt.sent_at is not None:
            sent_ago = max(self._clock.now() - attempt.sent_at, 0)
            resend_at += max(RESEND_EVERY_MS - sent_ago, 0)
        self._attempts[order.id] = _TrackedAttempt(order, poll_at, resend_at, now + REREAD_EVERY_MS)
        self._tracked.set()

    def untrack(self, order_id: OrderId) -> Order | None:
        """Stop tracking an order and return it."""
        entry = self._attempts.pop(order_id, None)
        return None if entry is None else entry.order

    async def send(self, attempt: Attempt) -> TransactionSent:
        """Send the recorded bytes; after an error only the chain knows the outcome."""
        try:
            await self._chain.send(attempt.transaction)
        except PortUnavailable as error:
            return TransactionSent(fault(Code.SEND_UNCERTAIN, str(error)))
        return TransactionSent()

    async def run(self) -> None:
        """Poll, resend and notify until cancelled; wait while nothing is in flight."""
        while True:
            while not self._attempts:
                self._tracked.clear()
                await self._tracked.wait()
            try:
                await self._poll_due()
            except PortUnavailable as error:
                # No answer proves nothing: everything stays in flight until the chain answers.
                log.warning("chain_unavailable", error=str(error), in_flight=len(self._attempts))
                await self._clock.sleep(CHAIN_RETRY_MS)
            await self._clock.sleep(self._poll_every_ms)

    async def _poll_due(self) -> None:
        now = self._clock.monotonic_ms()
        due = [entry for entry in self._attempts.values() if entry.poll_at <= now]
        for start in range(0, len(due), POLLED_AT_ONCE_MAX):
            await self._poll(due[start : start + POLLED_AT_ONCE_MAX])

    async def _poll(self, tracked: Sequence[_TrackedAttempt]) -> None:
        attempts = [entry.order.attempt for entry in tracked]
        asked = [attempt for attempt in attempts if attempt is not None]
        answers = await self._chain.observe(asked)
        reports = tuple(zip(tracked, answers, strict=True))
        await self._resend(
            [entry for entry, observations in reports if self._is_unseen(entry, observations)]
        )
        for number, (entry, observations) in enumerate(reports, 1):
            await self._on_observations(entry, observations)
            if number % REPORTS_IN_A_ROW_MAX == 0:
                await self._clock.sleep(0)

    async def _on_observations(
        self, entry: _TrackedAttempt, observations: tuple[NodeObservation, ...]
    ) -> None:
        order, attempt = entry.order, entry.order.attempt
        if attempt is None or self._attempts.get(order.id) is not entry:
            return
        if _is_undecided(attempt, observations):
            return
        fill = None
        if order.status is Status.SUBMITTED and _may_have_landed(observations):
            fill = await self._chain.fetch_fill(attempt.signature)
        report = AttemptReport(attempt.signature, observations, fill)
        # Only to see whether there is anything to record: the executor decides again, on the order
        # as it is then. A wake-up for every poll would start thousands of executions in vain.
        if decide(order, report, self._permission.time_of(order), self._policy).events:
            entry.poll_at = self._clock.monotonic_ms() + POLL_EVERY_MS_MAX
            self._wakeups.notify(Wakeup(order.id, report))
        elif is_past_validity(attempt, observations, self._policy.rules):
            self._notify_to_reread(entry)

    def _notify_to_reread(self, entry: _TrackedAttempt) -> None:
        """Have an order reread that nodes may never settle: an operator may have resolved it."""
        now = self._clock.monotonic_ms()
        if entry.order.in_flight is not None and entry.reread_at <= now:
            entry.reread_at = now + REREAD_EVERY_MS
            log.info("unresolved", order_id=entry.order.id)
            self._wakeups.notify(Wakeup(entry.order.id))

    def _is_unseen(self, entry: _TrackedAttempt, observations: Sequence[NodeObservation]) -> bool:
        """Whether a resend is due, and no node has seen the transaction."""
        attempt = entry.order.in_flight
        is_due = entry.resend_at <= self._clock.monotonic_ms()
        return attempt is not None and is_due and _may_still_land(attempt, observations)

    async def _resend(self, tracked: Sequence[_TrackedAttempt]) -> None:
        """Send the same bytes again for those orders that are still wanted."""
        if not tracked:
            return
        try:
            allowed = await self._permission.may_resend([entry.order for entry in tracked])
        except PortUnavailable as error:
            log.warning("resend_withheld", error=str(error), in_flight=len(tracked))
            return
        for entry in tracked:
            entry.resend_at = self._clock.monotonic_ms() + RESEND_EVERY_MS
            attempt = entry.order.in_flight
            is_tracked = self._attempts.get(entry.order.id) is entry
            if attempt is not None and is_tracked and entry.order.id in allowed:
                await self.send(attempt)


def _may_still_land(attempt: Attempt, observations: Sequence[NodeObservation]) -> bool:
    """Whether no node saw the transaction, and for one of them at least it is still valid.

    One node that runs ahead, or lies, must not prevent a resend.
    """
    if any(observation.sighting is not None for observation in observations):
        return False
    return any(observation.height <= attempt.last_valid_height for observation in observations)


def _is_undecided(attempt: Attempt, observations: Sequence[NodeObservation]) -> bool:
    """Whether no node saw the transaction, and for all of them it is still valid."""
    for observation in observations:
        if observation.sighting is not None or observation.height > attempt.last_valid_height:
            return False
    return True


def _may_have_landed(observations: Sequence[NodeObservation]) -> bool:
    for observation in observations:
        seen = observation.sighting
        if seen is not None and seen.fault is None and seen.commitment != "processed":
            return True
    return False
