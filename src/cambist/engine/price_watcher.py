"""Watches the prices of resting orders, and wakes those whose level is met."""

# The watcher moves no order. It reads the market once a tick for each pair that orders rest on, and
# wakes the orders whose level seems to be met (`trigger_book`). The executor then looks at its own
# market view, and commits `triggered` with what it saw. So a mistake here, a lost wake-up or two
# watchers cost a look, and never a trade.
#
# The condition is a level, not an edge: an order that stays met is woken again after
# NOTIFY_AGAIN_MS, until it has left the book. A wake-up that was lost therefore costs a second, and
# a process that died costs what its successor needs to read the resting orders.
#
# A price that crossed a level and came back while nobody watched triggers nothing.
#
# Between the two bounds of the book an order's own effective price has to be computed, which takes
# a route. At most EVALUATED_MAX are computed a tick and pair, those nearest to the price first, and
# each at most once in EVALUATE_AGAIN_MS.
#
# Orders come into the book in three ways: the dispatcher hands over each order that it leaves
# resting, the start reads all of them from the store, and every REREAD_EVERY_MS they are read
# again, for those that another process left, and those whose level was amended elsewhere.

from __future__ import annotations

from typing import Final

import structlog

from cambist.engine.quoting import PricedAmount, Quoter
from cambist.engine.trigger_book import MARGIN, Bounds, RestingOrder, SizeClass, TriggerBook
from cambist.orders.order import Order, Status
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import Store
from cambist.ports.wakeups import Wakeup, WakeupQueue
from cambist.values.ids import OrderId
from cambist.values.time_units import Millis, Slot
from cambist.values.token import Pair
from cambist.venues.pool import Pool

WATCH_EVERY_MS: Final = Millis(100)
NOTIFY_AGAIN_MS: Final = Millis(1_000)
EVALUATE_AGAIN_MS: Final = Millis(1_000)
EVALUATED_MAX: Final = 64
REREAD_EVERY_MS: Final = Millis(15_000)
READ_AT_ONCE_MAX: Final = 500

log = structlog.get_logger("cambist.watcher")


class PriceWatcher:
    """Holds the trigger book of one process."""

    def __init__(self, store: Store, quoter: Quoter, wakeups: WakeupQueue, clock: Clock) -> None:
        self._store = store
        self._quoter = quoter
        self._wakeups = wakeups
        self._clock = clock
        self._book = TriggerBook()

    def __len__(self) -> int:
        return len(self._book)

    def note(self, order: Order) -> None:
        """Take note of an order as it is now: one that rests is watched, any other is not."""
        if order.status is Status.WAITING:
            self._book.put(order)
        else:
            self._book.remove(order.id)

    def forget(self, order_id: OrderId) -> None:
        """Stop watching an order."""
        self._book.remove(order_id)

    async def run(self) -> None:
        """Watch until cancelled."""
        reread_at = self._clock.monotonic_ms()
        while True:
            if self._clock.monotonic_ms() >= reread_at:
                await self._read_resting()
                reread_at = self._clock.monotonic_ms() + REREAD_EVERY_MS
            for pair in self._book.pairs():
                try:
                    await self._tick(pair)
                except PortUnavailable as error:
                    log.warning("price_unavailable", pair=_name(pair), error=str(error))
            await self._clock.sleep(WATCH_EVERY_MS)

    async def _read_resting(self) -> None:
        """Watch all resting orders of the store, those of other processes too, and no others."""
        after: OrderId | None = None
        gone = set(self._book)
        try:
            while page := await self._store.resting_orders(after, READ_AT_ONCE_MAX):
                for order in page:
                    gone.discard(order.id)
                    if not self._book.is_known(order):
                        self._book.put(order)
                after = page[-1].id
                await self._clock.sleep(0)
        except PortUnavailable as error:
            log.warning("resting_orders_unavailable", error=str(error))
            return
        for order_id in gone:
            self._book.remove(order_id)

    async def _tick(self, pair: Pair) -> None:
        """Wake the orders of a pair whose level is met."""
        pools = await self._quoter.watched_pools(pair)
        if not pools:
            return
        touch = self._quoter.best_rate(pair, pools)
        evaluated = 0
        for size in self._book.classes(pair):
            bounds = bounds_of(size, pair, pools, touch)
            for resting in self._book.met(pair, size, bounds):
                self._notify(resting)
            for resting in self._book.undecided(pair, size, bounds):
                if evaluated >= EVALUATED_MAX:
                    break
                if self._is_due(resting):
                    evaluated += 1
                    await self._evaluate(resting)
            await self._clock.sleep(0)

    def _is_due(self, resting: RestingOrder) -> bool:
        now = self._clock.monotonic_ms()
        return now - resting.evaluated_at >= EVALUATE_AGAIN_MS and self._may_notify(resting)

    async def _evaluate(self, resting: RestingOrder) -> None:
        """Compute what an order would get, and wake it if that meets its level or touches it."""
        resting.evaluated_at = self._clock.monotonic_ms()
        asked = PricedAmount(resting.pair, resting.size.mode, resting.amount)
        seen = await self._quoter.observe(asked, resting.order_id, Slot(0))
        condition = resting.condition
        is_touched = condition.side == "at_or_above" and condition.is_met(seen.touch)
        if condition.is_met(seen.effective) or (is_touched and not resting.was_touched):
            self._notify(resting)

    def _may_notify(self, resting: RestingOrder) -> bool:
        return (
            self._clock.now() >= resting.not_before
            and self._clock.monotonic_ms() - resting.notified_at >= NOTIFY_AGAIN_MS
        )

    def _notify(self, resting: RestingOrder) -> None:
        if self._may_notify(resting):
            resting.notified_at = self._clock.monotonic_ms()
            self._wakeups.notify(Wakeup(resting.order_id))


def bounds_of(size: SizeClass, pair: Pair, pools: list[Pool], touch: float) -> Bounds:
    """Return between which rates the effective prices of a size class lie, margin included."""
    best = 0.0
    for pool in pools:
        if size.mode == "exact_in":
            brought = pool.amount_out(pair.token_in.mint, size.amount_max)
            best = max(best, brought / size.amount_max)
        elif (cost := pool.amount_in(pair.token_in.mint, size.amount_max)) > 0:
            best = max(best, size.amount_max / cost)
    return Bounds(best / MARGIN, touch * MARGIN)


def _name(pair: Pair) -> str:
    return f"{pair.token_in.symbol}/{pair.token_out.symbol}"
