"""Brings orders through whole lives in this process, step by step, and keeps every step.

All that the engine does is done by the engine's own functions; only its loop is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from msgspec.structs import replace

from bench.http_load import SWAPS
from cambist.clock import Entropy, ManualClock
from cambist.engine.executor import build_attempt
from cambist.engine.quoting import Quoter
from cambist.orders.decide import Decision, Policy, decide
from cambist.orders.events import Accepted
from cambist.orders.intent import Intent
from cambist.orders.journal import RecordedEvent, append, start_journal
from cambist.orders.order import Order
from cambist.orders.steps import AttemptReport, OrderStarted, Outcome, TransactionSent
from cambist.paper.adapters import PaperChain, PaperMarket, PaperSigner
from cambist.paper.fault_model import INSTANT
from cambist.paper.network import PaperNetwork
from cambist.ports.store import NewOrder
from cambist.stores.commands import ApplyDecision
from cambist.values.ids import LOCAL, order_id
from cambist.wire.intent_builder import RequestLimits, SubmissionContext, to_intent
from cambist.wire.order_request import read_order

entropy = Entropy()

T = TypeVar("T")
SEED: Final = 1
LAND_MS: Final = 10
FINAL_MS: Final = 60
LIMITS: Final = RequestLimits()


class Moved(NamedTuple):
    """One transition of one order: what came back, what was decided, what was written."""

    outcome: Outcome
    change: Decision
    move: ApplyDecision


class Life(NamedTuple):
    """One order from its acceptance to its finality."""

    new_order: NewOrder
    moves: list[Moved]

    @property
    def told(self) -> list[RecordedEvent]:
        """Every line of its journal."""
        return [
            self.new_order.event,
            *(event for moved in self.moves for event in moved.move.events),
        ]


class Bench:
    """A world that stands still, and the ports on it."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock()
        self.network = PaperNetwork(self.clock, path, SEED, INSTANT, inline=True)
        self.network.open()
        self.market = PaperMarket(self.network, self.clock)
        self.chain = PaperChain(self.network)
        self.signer = PaperSigner(SEED)
        self.policy = Policy(self.chain.rules)
        self.quoter = Quoter(self.market, self.clock)

    def intent(self, number: int) -> Intent:
        """Read one of the two small orders as the server reads it."""
        parsed = read_order(SWAPS[number % len(SWAPS)])
        return to_intent(
            parsed, self.market.token, LIMITS, SubmissionContext(LOCAL, now=self.clock.now())
        )

    def born(self, number: int) -> NewOrder:
        """Open an order's journal."""
        now = self.clock.now()
        return NewOrder(start_journal(order_id(now, entropy()), Accepted(self.intent(number)), now))

    async def lives(self, count: int) -> list[Life]:
        """Lead so many orders side by side to their finality."""
        lives = [Life(self.born(number), []) for number in range(count)]
        await self.network.durable_height()
        for life in lives:
            await self._to_chain(life)
        for wait_ms in (LAND_MS, FINAL_MS):
            await self.clock.push(wait_ms)
            for life in lives:
                self._hear(life)
        return lives

    async def _to_chain(self, life: Life) -> None:
        order = self._move(life, life.new_order.event.order, OrderStarted())
        order = self._move(life, order, await self.quoter.route_order(order))
        if order.route is None:
            raise RuntimeError(order.fault)
        order = self._move(
            life, order, await build_attempt(self.chain, self.signer, order, order.route)
        )
        if order.attempt is None:
            raise RuntimeError(order.fault)
        await self.chain.send(order.attempt.transaction)
        self._move(life, order, TransactionSent())

    def _hear(self, life: Life) -> None:
        order = life.moves[-1].move.after
        attempt = order.attempt
        if attempt is None:
            raise RuntimeError(order.fault)
        (witnesses,) = finish(self.chain.observe([attempt]))
        fill = self.network.fetch_fill(attempt.signature)
        self._move(life, order, AttemptReport(attempt.signature, witnesses, fill))

    def _move(self, life: Life, before: Order, outcome: Outcome) -> Order:
        move = self.moved(before, outcome)
        life.moves.append(move)
        return move.move.after

    def moved(self, before: Order, outcome: Outcome) -> Moved:
        """Decide and write out one transition, as the worker and the store do."""
        now = self.clock.now()
        change = decide(before, outcome, now, self.policy)
        events = append(before, change.events, now)
        after = events[-1].order if events else before
        if change.signed is not None:
            after = replace(after, attempt=change.signed)
        after = replace(after, version=before.version + 1, wake_at=change.wake_at)
        return Moved(outcome, change, ApplyDecision(before, after, events, change))


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Bench]:
    """Run a world in a folder; it moves only while it is waited for."""
    bench = Bench(folder / "chain.db")
    running = asyncio.create_task(bench.network.run())
    try:
        yield bench
    finally:
        running.cancel()
        bench.network.close()


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to its end a coroutine that never waits, without a loop's cost."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError("it waits")
