"""Takes orders in: admits, stores, rings, and notes wishes to cancel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

import msgspec

from cambist.engine.dependencies import Means
from cambist.engine.subscriptions import get_of
from cambist.failpoints import faultpoint
from cambist.faults import Code, Fault, Refused, fault
from cambist.orders.events import Accepted
from cambist.orders.intent import Intent
from cambist.orders.journal import open_journal
from cambist.orders.order import Order, Status
from cambist.ports.errors import Halted, KeyTaken, PortDown, PortFull, Unreadable
from cambist.ports.store import Birth, Keyed
from cambist.ports.wakeups import Bell
from cambist.values import ids
from cambist.values.ids import OrderId, Principal

BACKLOG_MAX: Final = 20_000
CANCEL_WAIT_MS: Final = 1_000

CancelAnswer = Literal["cancelled", "cancel_pending", "too_late"]


class Wish(msgspec.Struct, frozen=True):
    """An order as a client asks for it.

    `key` makes asking again harmless; `fingerprint` tells whether it is the same request;
    `reply` renders the answer, which is stored and repeated to the byte for the same key.
    """

    intent: Intent
    reply: Callable[[Order], bytes]
    key: str | None = None
    fingerprint: bytes = b""


class Taken(msgspec.Struct, frozen=True):
    """The engine's word that an order is stored."""

    order_id: OrderId
    reply: bytes
    replayed: bool


Answered = Taken | Fault
"""What became of one wish of several: it was taken, or why it was not."""


class Intake:
    """The one way in. Inserts orders and leaves notes; never moves an order."""

    def __init__(self, means: Means, backlog_max: int = BACKLOG_MAX) -> None:
        self._store = means.store
        self._wakeups = means.wakeups
        self._bus = means.bus
        self._clock = means.clock
        self._entropy = means.entropy
        self._entering = 0
        self._backlog_max = backlog_max
        self.draining = False

    async def submit(self, wish: Wish) -> Taken:
        """Store an order and answer; the answer is true whatever is killed afterwards.

        Raises Refused: then nothing was stored, save for STORE_UNAVAILABLE, where only the same
        key can tell.
        """
        try:
            known = await self._admit(wish)
        except PortDown as down:
            raise Refused(fault(Code.STORE_UNAVAILABLE)) from down
        if known is not None:
            return _judged(wish, known)
        birth = self._birth(wish)
        faultpoint("intake.before_commit")
        self._entering += 1
        try:
            await self._store.add(birth)
        except KeyTaken as taken:
            return _judged(wish, taken.existing)
        except PortFull:
            raise Refused(fault(Code.BACKLOG_FULL)) from None
        except Halted as halted:
            return await self._while_halted(wish, halted)
        except PortDown as down:
            raise Refused(fault(Code.STORE_UNAVAILABLE)) from down
        finally:
            self._entering -= 1
        faultpoint("intake.after_commit")
        self._wakeups.ring(Bell(birth.told.order.id))
        return Taken(birth.told.order.id, birth.reply, replayed=False)

    async def _while_halted(self, wish: Wish, halted: Halted) -> Taken:
        """Answer for an order that is here already; refuse a new one."""
        if wish.key is not None:
            with suppress(PortDown):
                known = await self._store.keyed(wish.intent.principal, wish.key)
                if known is not None:
                    return _judged(wish, known)
        raise Refused(_halted(halted)) from None

    def _birth(self, wish: Wish) -> Birth:
        now = self._clock.now()
        told = open_journal(ids.order_id(now, self._entropy()), Accepted(wish.intent), now)
        return Birth(told, wish.key, wish.fingerprint, wish.reply(told.order))

    async def submit_all(self, wishes: Sequence[Wish]) -> tuple[Answered, ...]:
        """Store several orders in one commit, and answer each.

        There is room for all of them or for none. Raises Refused: then nothing was stored, save
        for STORE_UNAVAILABLE, where only the same keys can tell.
        """
        births = [self._birth(wish) for wish in wishes]
        self._entering += len(births)
        try:
            await self._make_room(len(births))
            faultpoint("intake.before_commit")
            taken = await self._store.add_all(births)
        except PortFull:
            raise Refused(fault(Code.BACKLOG_FULL)) from None
        except Halted as halted:
            raise Refused(_halted(halted)) from None
        except PortDown as down:
            raise Refused(fault(Code.STORE_UNAVAILABLE)) from down
        finally:
            self._entering -= len(births)
        faultpoint("intake.after_commit")
        answers: list[Answered] = []
        for wish, birth, known in zip(wishes, births, taken, strict=True):
            if known is not None:
                answers.append(_replay(wish, known))
                continue
            self._wakeups.ring(Bell(birth.told.order.id))
            answers.append(Taken(birth.told.order.id, birth.reply, replayed=False))
        return tuple(answers)

    async def _make_room(self, many: int) -> None:
        """Refuse when there is no room for so many; they count as entering already."""
        if self.draining:
            raise Refused(fault(Code.SHUTTING_DOWN))
        if await self._store.backlog() + self._entering > self._backlog_max:
            message = f"There is no room for {many} more orders; try again soon."
            raise Refused(fault(Code.BACKLOG_FULL, message))

    async def _admit(self, wish: Wish) -> Keyed | None:
        """Refuse what there is no room or time for; return the order that is here already."""
        code: Code | None = None
        deadline = wish.intent.terms.deadline
        if self.draining:
            code = Code.SHUTTING_DOWN
        elif deadline is not None and deadline <= self._clock.now():
            code = Code.DEADLINE_PASSED
        elif await self._store.backlog() + self._entering >= self._backlog_max:
            code = Code.BACKLOG_FULL
        if code is None:
            return None
        if wish.key is not None:
            known = await self._store.keyed(wish.intent.principal, wish.key)
            if known is not None:
                return known
        raise Refused(fault(code))

    async def cancel(
        self, order_id: OrderId, principal: Principal
    ) -> tuple[CancelAnswer, Order] | None:
        """Note that an order is unwanted, and wait a moment to see who won.

        None when the principal has no such order. Raises Refused when the store is down, or when
        what it has of the order cannot be read.
        """
        try:
            order = await get_of(self._store, order_id, principal)
            if order is None or order.intent.principal != principal:
                return None
            return await self._cancel(order)
        except Unreadable as unreadable:
            raise Refused(fault(Code.ORDER_UNREADABLE)) from unreadable
        except PortDown as down:
            raise Refused(fault(Code.STORE_UNAVAILABLE)) from down

    async def _cancel(self, order: Order) -> tuple[CancelAnswer, Order]:
        listener = self._bus.listen(order.id)
        try:
            noted = await self._store.note_cancel(order.id, self._clock.now()) or order
            faultpoint("intake.cancel_noted")
            if not noted.is_closed:
                self._wakeups.ring(Bell(order.id))
                until = self._clock.elapsed() + CANCEL_WAIT_MS
                while (left := until - self._clock.elapsed()) > 0 and not noted.is_closed:
                    await listener.next(left)
                    noted = await self._store.get(order.id) or noted
                    if noted.in_flight is not None:
                        break
        finally:
            listener.close()
        return _cancel_answer(noted), noted


def _replay(wish: Wish, known: Keyed) -> Answered:
    if known.fingerprint == wish.fingerprint:
        return Taken(known.order_id, known.reply, replayed=True)
    message = f"This key belongs to order {known.order_id}, which asked for something else."
    return fault(Code.KEY_REUSED, message, "clientOrderId")


def _halted(halted: Halted) -> Fault:
    return fault(Code.HALTED, f"Trading is halted: {halted.halt.reason}")


def _judged(wish: Wish, known: Keyed) -> Taken:
    answer = _replay(wish, known)
    if isinstance(answer, Fault):
        raise Refused(answer)
    return answer


def _cancel_answer(order: Order) -> CancelAnswer:
    if order.status is Status.CANCELLED:
        return "cancelled"
    return "too_late" if order.is_closed else "cancel_pending"
