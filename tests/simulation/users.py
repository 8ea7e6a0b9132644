"""Plays the users: they submit, repeat themselves, change their minds, and remember every answer.

What an answer promised is judged at once where it can be (I9), and at the end.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from msgspec.structs import replace

from cambist.engine.engine import Engine
from cambist.engine.intake import SubmitOrder, SubmitResult
from cambist.faults import Code, Fault, RequestRejected
from cambist.orders.intent import Intent, OrderKind
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.ports.errors import PortUnavailable
from cambist.values.amount import RawAmount
from cambist.values.ids import LOCAL, OrderId, Principal
from cambist.values.price import price_level
from cambist.values.time_units import Timestamp
from cambist.values.token import SOL, USDC, Pair
from tests.simulation.environment import Place
from tests.simulation.market import USDC_PER_SOL
from tests.simulation.process import Gone, Process

ANN: Final = Principal("ann")
PATIENCE_S: Final = 20.0
RESUMED_TIMES: Final = 3
LOOK_AGAIN_S: Final = 15
AGAIN_S: Final = (0.1, 2.0)
TRIES_MAX: Final = 200
END_AFTER_S: Final = 40
LATER: Final = frozenset(
    (Code.STORE_UNAVAILABLE, Code.BACKLOG_FULL, Code.SHUTTING_DOWN, Code.TOO_BUSY, Code.HALTED)
)


def answer(order: Order) -> bytes:
    """Render a reply: not all of it is in the request, so only a stored one can be repeated."""
    return f"{order.id} {order.status} {order.created_at} {order.last_at}".encode()


class Asked:
    """One wish of a user, and all that was said of it."""

    def __init__(self, name: str, command: SubmitOrder) -> None:
        self.name, self.wish = name, command
        self.ids: set[OrderId] = set()
        self.replies: set[bytes] = set()
        self.was_cancelled = False
        self.settled = asyncio.Event()

    @property
    def order_id(self) -> OrderId | None:
        """The order, once the user knows of it."""
        return next(iter(sorted(self.ids)), None)


class User:
    """One of those who send orders. `reach` names a process that seems to be there."""

    def __init__(self, place: Place, reach: Callable[[], Process | None], seed: object) -> None:
        self._place, self._reach = place, reach
        self._chance = random.Random(f"{seed}:user")
        self.asked: list[Asked] = []

    # ------------------------------------------------------------------------------ wishes

    def imagine(self, name: str) -> Asked:
        """Make up an order."""
        chance = self._chance
        deadline = None
        if chance.random() < 0.2:
            now = 1_700_000_000_000 + self._place.loop.ms
            deadline = Timestamp(now + chance.choice((500, 2_000, 8_000, 20_000)))
        kind, prices = self._prices()
        if kind != "market" and deadline is None:
            # Every order of a run has to end, so those that wait for a price have a deadline.
            deadline = Timestamp(
                1_700_000_000_000 + self._place.loop.ms + chance.randint(4, 20) * 1_000
            )
        intent = Intent(
            kind,
            ANN if chance.random() < 0.2 else LOCAL,
            Pair(SOL, USDC),
            "exact_out" if chance.random() < 0.2 else "exact_in",
            RawAmount(chance.randint(1, 9) * 10**9),
            Terms(tries_max=chance.choice((1, 2, 3, 3, 4)), deadline=deadline, **prices),
            user_id=name,
        )
        key = f"key of {name}" if chance.random() < 0.8 else None
        asked = Asked(name, SubmitOrder(intent, answer, key, name.encode()))
        self.asked.append(asked)
        return asked

    def _prices(self) -> tuple[OrderKind, dict[str, Any]]:
        """Make up the kind of an order, and prices around the market's."""
        chance = self._chance
        if chance.random() < 0.6:
            return "market", {}
        level = price_level(chance.randint(USDC_PER_SOL - 6, USDC_PER_SOL + 6), 1_000)
        kind = chance.choice(("limit", "limit", "take_profit", "stop", "stop"))
        if kind == "limit":
            force = "fok" if chance.random() < 0.2 else "gtc"
            return "limit", {"limit_price": level, "time_in_force": force}
        prices: dict[str, Any] = {"trigger_price": level}
        if kind == "stop":
            prices["confirm_slots"] = chance.choice((1, 2))
            if chance.random() < 0.3:
                prices["slippage_ladder_bps"] = (50, 100, 300)
        if chance.random() < 0.3:
            prices["limit_price"] = price_level(level.taken * 99, level.given * 100)
        return kind, prices

    # ---------------------------------------------------------------------------- asking

    async def submit(self, asked: Asked) -> None:
        """Ask until there is an answer; without a key, ask once."""
        for _ in range(TRIES_MAX):
            said = await self._once(asked.wish)
            if isinstance(said, SubmitResult):
                self._take(asked, said)
                break
            if isinstance(said, Fault) and said.code not in LATER:
                self._place.diary.note(f"refused: {said.code}", asked.name)
                break
            if asked.wish.key is None and not _is_certain(said):
                self._place.diary.note("got no answer, and dares not ask again", asked.name)
                break
            await self._pause(*AGAIN_S)
        asked.settled.set()

    async def _once(self, command: SubmitOrder) -> SubmitResult | Fault | None:
        """Ask one process once; None when there is no answer, and nobody knows."""
        process = self._reach()
        if process is None or process.engine is None:
            return Fault(Code.TOO_BUSY, "nobody is there")
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await process.call(process.engine.submit(command))
        except RequestRejected as refused:
            return refused.faults[0]
        except (Gone, TimeoutError):
            return None

    def _take(self, asked: Asked, taken: SubmitResult) -> None:
        """Remember an answer, and hold it against all that was said and stored (I9)."""
        diary = self._place.diary
        diary.note(f"is told {'again ' if taken.replayed else ''}{taken.order_id[-6:]}", asked.name)
        asked.ids.add(taken.order_id)
        asked.replies.add(taken.reply)
        life = self._place.judge.lives.get(taken.order_id)
        if life is None:
            diary.blame("I9", "an order was confirmed to its user and is not stored", asked.name)
        elif life.order.intent != asked.wish.intent:
            diary.blame("I9", "the order is not what its user asked for", asked.name)
        if len(asked.ids) > 1 or len(asked.replies) > 1:
            diary.blame("I9", "two answers to one key", asked.name)

    async def submit_together(self, several: Sequence[Asked]) -> None:
        """Ask for several orders in one request, again and again where all have keys."""
        again = all(request.wish.key is not None for request in several)
        for _ in range(TRIES_MAX):
            process, said = self._reach(), None
            if process is not None and process.engine is not None:
                try:
                    wishes = [request.wish for request in several]
                    async with asyncio.timeout(PATIENCE_S):
                        said = await process.call(process.engine.submit_all(wishes))
                except (Gone, TimeoutError, RequestRejected):
                    said = None
                if said is None and not again:
                    break
            if said is not None:
                for request, got in zip(several, said, strict=True):
                    if isinstance(got, SubmitResult):
                        self._take(request, got)
                break
            await self._pause(*AGAIN_S)
        for request in several:
            request.settled.set()

    async def repeat(self, asked: Asked) -> None:
        """Ask for the same again, or for something else under the same key."""
        await self._pause(0, 6)
        wish, other = asked.wish, self._chance.random() < 0.4
        if wish.key is None:
            return
        if other:
            intent = replace(wish.intent, amount=RawAmount(wish.intent.amount + 1))
            wish = SubmitOrder(intent, answer, wish.key, b"another request")
        known = bool(asked.ids)
        said = await self._once(wish)
        if isinstance(said, SubmitResult) and other:
            # Whoever comes first has the key: this may be the first to arrive.
            if known or said.replayed:
                self._place.diary.blame("I9", "a key answered another request", asked.name)
            asked.wish = wish
            self._take(asked, said)
        elif isinstance(said, SubmitResult):
            self._take(asked, said)
        elif said is not None and said.code is Code.KEY_REUSED and not other:
            life = self._place.judge.lives.get(asked.order_id or OrderId(""))
            if life is None or life.order.intent == wish.intent:
                self._place.diary.blame("I9", "the same request was called another", asked.name)

    async def end(self, asked: Asked) -> None:
        """Cancel an order that waits for its price still, after all faults, until it ends."""
        await asked.settled.wait()
        await asyncio.sleep(END_AFTER_S)
        for _ in range(TRIES_MAX):
            life = self._place.judge.lives.get(asked.order_id or OrderId(""))
            if life is None or life.order.is_closed:
                return
            await self.cancel(asked)
            await self._pause(1, 3)

    async def cancel(self, asked: Asked) -> None:
        """Change one's mind."""
        await asked.settled.wait()
        await self._pause(0, self._chance.choice((0.05, 1, 6)))
        order_id, process = asked.order_id, self._reach()
        if order_id is None or process is None or process.engine is None:
            return
        self._place.diary.note("asks for a cancel", asked.name)
        try:
            async with asyncio.timeout(PATIENCE_S):
                principal = asked.wish.intent.principal
                said = await process.call(process.engine.cancel(order_id, principal))
        except (Gone, TimeoutError, RequestRejected):
            return
        self._judge_cancel(asked, order_id, "lost" if said is None else said[0])

    def _judge_cancel(self, asked: Asked, order_id: OrderId, said: str) -> None:
        """Hold an answer to a cancel against the order (P11)."""
        diary = self._place.diary
        diary.note(f"cancel: {said}", asked.name)
        life = self._place.judge.lives.get(order_id)
        status = None if life is None else life.order.status
        asked.was_cancelled = asked.was_cancelled or said == "cancelled"
        if said == "lost":
            diary.blame("I9", "an order one was told of cannot be cancelled: not there", asked.name)
        elif said == "cancelled" and status is not Status.CANCELLED:
            diary.blame("I9", f"called cancelled, and it is {status}", asked.name)
        elif said == "too_late" and life is not None and not life.order.is_closed:
            diary.blame("I9", f"called closed, and it is {status}", asked.name)

    async def halt(self, wait_s: float) -> None:
        """Stop all trading for a while: from the answer on, nothing begins (I12)."""
        await self._until_told(lambda engine: engine.halt("ann", "fire"))
        self._place.diary.note("--- trading is halted")
        self._place.is_halted = True
        await asyncio.sleep(wait_s)
        self._place.is_halted = False
        for _ in range(RESUMED_TIMES):
            # A call that was given up may halt once more, late; people look again.
            await self._until_told(lambda engine: engine.resume("bob", "it is out"))
            self._place.diary.note("--- trading goes on")
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _until_told(self, order: Callable[[Engine], Coroutine[Any, Any, None]]) -> None:
        """Give an order to the engine until it says that it is carried out."""
        while True:
            process = self._reach()
            if process is not None and process.engine is not None:
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        return await process.call(order(process.engine))
                except (Gone, TimeoutError, PortUnavailable):
                    pass
            await self._pause(*AGAIN_S)

    async def _pause(self, low: float, high: float) -> None:
        await asyncio.sleep(self._chance.uniform(low, high))

    # --------------------------------------------------------------------------------- end

    def close(self) -> None:
        """Judge the end: every answer has its order, and no wish has two (I9)."""
        diary, lives = self._place.diary, self._place.judge.lives
        for asked in self.asked:
            mine = [live for live in lives.values() if live.order.intent.user_id == asked.name]
            if len(mine) > 1:
                diary.blame("I9", "one wish became two orders", asked.name)
            if any(name not in lives for name in asked.ids):
                diary.blame("I9", "an order that was confirmed is lost", asked.name)


def _is_certain(said: Fault | SubmitResult | None) -> bool:
    """Whether it is known that nothing was stored."""
    return isinstance(said, Fault) and said.code is not Code.STORE_UNAVAILABLE
