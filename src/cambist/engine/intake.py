"""Takes orders in: admits, stores, rings, and notes wishes to cancel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

import msgspec

from cambist.engine.dependencies import EngineDependencies
from cambist.engine.subscriptions import get_of
from cambist.failpoints import failpoint
from cambist.faults import Code, Fault, RequestRejected, fault
from cambist.orders.events import Accepted
from cambist.orders.intent import Intent
from cambist.orders.journal import start_journal
from cambist.orders.order import Order, Status
from cambist.ports.errors import (
    DuplicateIdempotencyKey,
    PortOverloaded,
    PortUnavailable,
    TradingHalted,
    Unreadable,
)
from cambist.ports.store import IdempotencyRecord, NewOrder
from cambist.ports.wakeups import Wakeup
from cambist.values import ids
from cambist.values.ids import OrderId, Principal

BACKLOG_MAX: Final = 20_000
CANCEL_WAIT_MS: Final = 1_000

CancelAnswer = Literal["cancelled", "cancel_pending", "too_late"]


class SubmitOrder(msgspec.Struct, frozen=True):
    """An order as a client asks for it.

    `key` makes asking again harmless; `fingerprint` tells whether it is the same request;
    `reply` renders the answer, which is stored and repeated to the byte for the same key.
    """

    intent: Intent
    reply: Callable[[Order], bytes]
    key: str | None = None
    fingerprint: bytes = b""


class SubmitResult(msgspec.Struct, frozen=True):
    """The engine's word that an order is stored."""

    order_id: OrderId
    reply: bytes
    replayed: bool


BatchResult = SubmitResult | Fault
"""What became of one wish of several: it was taken, or why it was not."""


class Intake:
    """The one way in. Inserts orders and leaves notes; never moves an order."""

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
        """Store an order and answer; the answer is true whatever is killed afterwards.

        Raises RequestRejected: then nothing was stored, save for STORE_UNAVAILABLE, where only the
        same
        key can tell.
        """
        try:
            known = await self._admit(command)
        except PortUnavailable as down:
            raise RequestRejected(fault(Code.STORE_UNAVAILABLE)) from down
        if known is not None:
            return _replayed_or_rejected(command, known)
        birth = self._new_order(command)
        failpoint("intake.before_commit")
        self._pending_inserts += 1
        try:
            await self._store.add(birth)
        except DuplicateIdempotencyKey as taken:
            return _replayed_or_rejected(command, taken.existing)
        except PortOverloaded:
            raise RequestRejected(fault(Code.BACKLOG_FULL)) from None
        except TradingHalted as halted:
            return await self._while_halted(command, halted)
        except PortUnavailable as down:
            raise RequestRejected(fault(Code.STORE_UNAVAILABLE)) from down
        finally:
            self._pending_inserts -= 1
        failpoint("intake.after_commit")
        self._wakeups.notify(Wakeup(birth.event.order.id))
        return SubmitResult(birth.event.order.id, birth.reply, replayed=False)

    async def _while_halted(self, command: SubmitOrder, halted: TradingHalted) -> SubmitResult:
        """Answer for an order that is here already; refuse a new one."""
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

    async def submit_all(self, wishes: Sequence[SubmitOrder]) -> tuple[BatchResult, ...]:
        """Store several orders in one commit, and answer each.

        There is room for all of them or for none. Raises RequestRejected: then nothing was stored,
        save
        for STORE_UNAVAILABLE, where only the same keys can tell.
        """
        births = [self._new_order(wish) for wish in wishes]
        self._pending_inserts += len(births)
        try:
            await self._check_capacity(len(births))
            failpoint("intake.before_commit")
            taken = await self._store.add_all(births)
        except PortOverloaded:
            raise RequestRejected(fault(Code.BACKLOG_FULL)) from None
        except TradingHalted as halted:
            raise RequestRejected(_halted(halted)) from None
        except PortUnavailable as down:
            raise RequestRejected(fault(Code.STORE_UNAVAILABLE)) from down
        finally:
            self._pending_inserts -= len(births)
        failpoint("intake.after_commit")
        answers: list[BatchResult] = []
        for wish, birth, known in zip(wishes, births, taken, strict=True):
            if known is not None:
                answers.append(_replay(wish, known))
                continue
            self._wakeups.notify(Wakeup(birth.event.order.id))
            answers.append(SubmitResult(birth.event.order.id, birth.reply, replayed=False))
        return tuple(answers)

    async def _check_capacity(self, many: int) -> None:
        """Refuse when there is no room for so many; they count as entering already."""
        if self.draining:
            raise RequestRejected(fault(Code.SHUTTING_DOWN))
        if await self._store.backlog() + self._pending_inserts > self._backlog_max:
            message = f"There is no room for {many} more orders; try again soon."
            raise RequestRejected(fault(Code.BACKLOG_FULL, message))

    async def _admit(self, command: SubmitOrder) -> IdempotencyRecord | None:
        """Refuse what there is no room or time for; return the order that is here already."""
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
        """Note that an order is unwanted, and wait a moment to see who won.

        None when the principal has no such order. Raises RequestRejected when the store is down, or
        when
        what it has of the order cannot be read.
        """
        try:
            order = await get_of(self._store, order_id, principal)
            if order is None or order.intent.principal != principal:
                return None
            return await self._cancel(order)
        except Unreadable as unreadable:
            raise RequestRejected(fault(Code.ORDER_UNREADABLE)) from unreadable
        except PortUnavailable as down:
            raise RequestRejected(fault(Code.STORE_UNAVAILABLE)) from down

    async def _cancel(self, order: Order) -> tuple[CancelAnswer, Order]:
        listener = self._bus.subscribe(order.id)
        try:
            noted = await self._store.request_cancel(order.id, self._clock.now()) or order
            failpoint("intake.cancel_noted")
            if not noted.is_closed:
                self._wakeups.notify(Wakeup(order.id))
                until = self._clock.monotonic_ms() + CANCEL_WAIT_MS
                while (left := until - self._clock.monotonic_ms()) > 0 and not noted.is_closed:
                    await listener.next(left)
                    noted = await self._store.get(order.id) or noted
                    if noted.in_flight is not None:
                        break
        finally:
            listener.close()
        return _cancel_answer(noted), noted


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
