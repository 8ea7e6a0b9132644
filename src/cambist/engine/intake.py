"""Accepts orders: checks capacity, stores, notifies, and records cancel requests."""

# Theory of operation
#
# An answer to a submitted order is a promise: the order is on disk, and it will be executed or end
# with a reason. Hence the sequence: check, commit, answer. A process that is killed before the
# commit has promised nothing; one that is killed after it leaves an order that the next sweep
# finds. The wake-up after the commit only makes it faster.
#
# Idempotency. The store keeps the key of an order with a fingerprint of the request and the bytes
# of the answer. The same key and request get the same bytes again, and the same key with another
# request is rejected. The unique index of the store decides between two requests that arrive
# together; the lookup before the insert is only for requests that would be rejected anyway.
#
# A request that would be rejected (a passed deadline, a full backlog, a halt) is first looked up by
# its key. Otherwise a client that repeats a request because it never got the answer would read
# "rejected" for an order that was accepted, and would submit it once more under another key.
#
# STORE_UNAVAILABLE is the one rejection that does not say that nothing was stored. The commit may
# have happened although its answer was lost. Only a repetition with the same key can tell.
#
# Backlog. Orders that wait for their insert count as open (`_pending_inserts`). Without them a
# burst of concurrent requests would pass the check together and exceed the limit.
#
# A cancel request is stored, never carried out here: the executor decides, in the order's own
# sequence of events. The intake then waits a moment for the outcome, since most cancelled orders
# end within it.

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

import msgspec

from cambist.engine.dependencies import EngineDependencies
from cambist.engine.event_following import get_of
from cambist.failpoints import failpoint
from cambist.faults import Code, Fault, RequestRejected, fault
from cambist.orders.amend import AppliesFrom, applies_from, find_conflict
from cambist.orders.events import Accepted
from cambist.orders.intent import Intent
from cambist.orders.journal import start_journal
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.ports.errors import (
    DuplicateIdempotencyKey,
    PortOverloaded,
    PortUnavailable,
    TradingHalted,
    Unreadable,
    VersionConflict,
)
from cambist.ports.store import IdempotencyRecord, NewOrder
from cambist.ports.wakeups import Wakeup
from cambist.values import ids
from cambist.values.ids import OrderId, Principal

BACKLOG_MAX: Final = 20_000
CANCEL_WAIT_MS: Final = 1_000
AMEND_TRIES_MAX: Final = 20

CancelAnswer = Literal["cancelled", "cancel_pending", "too_late"]


class SubmitOrder(msgspec.Struct, frozen=True):
    """An order as a client submits it.

    With a `key` a repeated request is harmless; `fingerprint` identifies the request; `reply`
    renders the answer, which is stored and repeated byte for byte for the same key.
    """

    intent: Intent
    reply: Callable[[Order], bytes]
    key: str | None = None
    fingerprint: bytes = b""


class SubmitResult(msgspec.Struct, frozen=True):
    """The confirmation that an order is stored."""

    order_id: OrderId
    reply: bytes
    replayed: bool


class AmendResult(msgspec.Struct, frozen=True):
    """An order after a change of its terms, and whether anything changed."""

    order: Order
    applies_from: AppliesFrom
    is_new: bool


BatchResult = SubmitResult | Fault
"""The result of one order of a batch."""


class Intake:
    """Inserts orders and cancel requests; never moves an order."""

    def __init__(self, dependencies: EngineDependencies, backlog_max: int = BACKLOG_MAX) -> None:
        self._store = dependencies.store
        self._wakeups = dependencies.wakeups
        self._bus = dependencies.bus
        self._clock = dependencies.clock
        self._entropy = dependencies.entropy
        self._pending_inserts = 0
        self._backlog_max = backlog_max
        self.draining = False

    async def submit(self, command: SubmitOrder) -> SubmitResult:
        """Store an order and return the answer, which stays true whatever is killed afterwards.

        Raises RequestRejected: then nothing was stored, except for STORE_UNAVAILABLE, where only
        the same key can tell.
        """
        try:
            known = await self._admit(command)
        except PortUnavailable as error:
            raise RequestRejected(fault(Code.STORE_UNAVAILABLE)) from error
        if known is not None:
            return _replayed_or_rejected(command, known)
        new_order = self._new_order(command)
        failpoint("intake.before_commit")
        self._pending_inserts += 1
        try:
            await self._store.add(new_order)
        except DuplicateIdempotencyKey as duplicate:
            return _replayed_or_rejected(command, duplicate.existing)
        except PortOverloaded:
            raise RequestRejected(fault(Code.BACKLOG_FULL)) from None
        except TradingHalted as halted:
            return await self._while_halted(command, halted)
        except PortUnavailable as error:
            raise RequestRejected(fault(Code.STORE_UNAVAILABLE)) from error
        finally:
            self._pending_inserts -= 1
        failpoint("intake.after_commit")
        self._wakeups.notify(Wakeup(new_order.event.order.id))
        return SubmitResult(new_order.event.order.id, new_order.reply, replayed=False)

    async def _while_halted(self, command: SubmitOrder, halted: TradingHalted) -> SubmitResult:
        """Answer for an order that is stored already; reject a new one."""
        if command.key is not None:
            with suppress(PortUnavailable):
                known = await self._store.find_by_key(command.intent.principal, command.key)
                if known is not None:
                    return _replayed_or_rejected(command, known)
        raise RequestRejected(_halted(halted)) from None

    def _new_order(self, command: SubmitOrder) -> NewOrder:
        now = self._clock.now()
        events = start_journal(ids.order_id(now, self._entropy()), Accepted(command.intent), now)
        return NewOrder(events, command.key, command.fingerprint, command.reply(events.order))

    async def submit_all(self, commands: Sequence[SubmitOrder]) -> tuple[BatchResult, ...]:
        """Store several orders in one commit, and return an answer for each.

        The backlog takes all of them or none. Raises RequestRejected: then nothing was stored,
        except for STORE_UNAVAILABLE, where only the same keys can tell.
        """
        new_orders = [self._new_order(command) for command in commands]
        self._pending_inserts += len(new_orders)
        try:
            await self._check_capacity(len(new_orders))
            failpoint("intake.before_commit")
            existing = await self._store.add_all(new_orders)
        except PortOverloaded:
            raise RequestRejected(fault(Code.BACKLOG_FULL)) from None
        except TradingHalted as halted:
            raise RequestRejected(_halted(halted)) from None
        except PortUnavailable as error:
            raise RequestRejected(fault(Code.STORE_UNAVAILABLE)) from error
        finally:
            self._pending_inserts -= len(new_orders)
        failpoint("intake.after_commit")
        answers: list[BatchResult] = []
        for command, new_order, known in zip(commands, new_orders, existing, strict=True):
            if known is not None:
                answers.append(_replay(command, known))
                continue
            self._wakeups.notify(Wakeup(new_order.event.order.id))
            answers.append(SubmitResult(new_order.event.order.id, new_order.reply, replayed=False))
        return tuple(answers)

    async def _check_capacity(self, count: int) -> None:
        """Reject when the backlog has no room; the new orders are in `_pending_inserts` already."""
        if self.draining:
            raise RequestRejected(fault(Code.SHUTTING_DOWN))
        if await self._store.backlog() + self._pending_inserts > self._backlog_max:
            message = f"There is no room for {count} more orders; try again soon."
            raise RequestRejected(fault(Code.BACKLOG_FULL, message))

    async def _admit(self, command: SubmitOrder) -> IdempotencyRecord | None:
        """Reject an order without room or time; return the record of one that is stored already."""
        code: Code | None = None
        deadline = command.intent.terms.deadline
        if self.draining:
            code = Code.SHUTTING_DOWN
        elif deadline is not None and deadline <= self._clock.now():
            code = Code.DEADLINE_PASSED
        elif await self._store.backlog() + self._pending_inserts >= self._backlog_max:
            code = Code.BACKLOG_FULL
        if code is None:
            return None
        if command.key is not None:
            known = await self._store.find_by_key(command.intent.principal, command.key)
            if known is not None:
                return known
        raise RequestRejected(fault(code))

    async def cancel(
        self, order_id: OrderId, principal: Principal
    ) -> tuple[CancelAnswer, Order] | None:
        """Record a cancel request, and wait a moment for its outcome.

        None when the principal has no such order. Raises RequestRejected when the store is
        unavailable, or its data of the order cannot be read.
        """
        try:
            order = await get_of(self._store, order_id, principal)
            if order is None or order.intent.principal != principal:
                return None
            return await self._cancel(order)
        except Unreadable as unreadable:
            raise RequestRejected(fault(Code.ORDER_UNREADABLE)) from unreadable
        except PortUnavailable as error:
            raise RequestRejected(fault(Code.STORE_UNAVAILABLE)) from error

    async def amend(
        self,
        order_id: OrderId,
        principal: Principal,
        change: Callable[[Order], Terms],
        if_seq: int | None = None,
    ) -> AmendResult:
        """Record new terms of an order; one that has them already is left as it is.

        `change` returns the terms of the order as it is stored; if any event is recorded meanwhile
        it is asked again. Raises RequestRejected: then nothing was changed, except for
        STORE_UNAVAILABLE, where only a repeated request can tell.
        """
        try:
            for _ in range(AMEND_TRIES_MAX):
                order = await self._store.reload(order_id)
                if order is None or order.intent.principal != principal:
                    raise RequestRejected(fault(Code.ORDER_NOT_FOUND))
                result = await self._amend(order, change(order), if_seq)
                if result is not None:
                    return result
        except Unreadable as unreadable:
            raise RequestRejected(fault(Code.ORDER_UNREADABLE)) from unreadable
        except (PortUnavailable, PortOverloaded) as error:
            raise RequestRejected(fault(Code.STORE_UNAVAILABLE)) from error
        raise RequestRejected(fault(Code.TOO_BUSY))

    async def _amend(self, order: Order, terms: Terms, if_seq: int | None) -> AmendResult | None:
        """Record new terms of an order; None when something else was recorded first."""
        now = self._clock.now()
        conflict = find_conflict(order, terms, now)
        if conflict is Code.TOO_LATE:
            raise RequestRejected(fault(conflict))
        if terms == order.terms:
            # A repeated request finds its own change, and must not be told that things moved on.
            return AmendResult(order, applies_from(order), is_new=False)
        if if_seq is not None and order.last_seq != if_seq:
            message = f"The last event of the order is {order.last_seq}, not {if_seq}."
            raise RequestRejected(fault(Code.MOVED_ON, message, "ifSeq"))
        if conflict is not None:
            raise RequestRejected(fault(conflict))
        try:
            amended = await self._store.amend(order.id, terms, order.last_seq, now)
        except VersionConflict:
            return None
        self._wakeups.notify(Wakeup(order.id))
        return AmendResult(amended, applies_from(amended), is_new=True)

    async def _cancel(self, order: Order) -> tuple[CancelAnswer, Order]:
        listener = self._bus.subscribe(order.id)
        try:
            # Subscribed before the request is stored: the outcome must not come in between.
            current = await self._store.request_cancel(order.id, self._clock.now()) or order
            failpoint("intake.cancel_noted")
            if not current.is_closed:
                self._wakeups.notify(Wakeup(order.id))
                until = self._clock.monotonic_ms() + CANCEL_WAIT_MS
                while (left := until - self._clock.monotonic_ms()) > 0 and not current.is_closed:
                    await listener.next(left)
                    current = await self._store.get(order.id) or current
                    if current.in_flight is not None:
                        break
        finally:
            listener.close()
        return _cancel_answer(current), current


def _replay(command: SubmitOrder, known: IdempotencyRecord) -> BatchResult:
    if known.fingerprint == command.fingerprint:
        return SubmitResult(known.order_id, known.reply, replayed=True)
    message = f"This key belongs to order {known.order_id}, which asked for something else."
    return fault(Code.KEY_REUSED, message, "clientOrderId")


def _halted(halted: TradingHalted) -> Fault:
    return fault(Code.HALTED, f"Trading is halted: {halted.halt.reason}")


def _replayed_or_rejected(command: SubmitOrder, known: IdempotencyRecord) -> SubmitResult:
    answer = _replay(command, known)
    if isinstance(answer, Fault):
        raise RequestRejected(answer)
    return answer


def _cancel_answer(order: Order) -> CancelAnswer:
    if order.status is Status.CANCELLED:
        return "cancelled"
    return "too_late" if order.is_closed else "cancel_pending"
