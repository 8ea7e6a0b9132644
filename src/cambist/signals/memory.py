"""Is the doorbell and the bus inside one process: nothing here outlives it, nothing needs to."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Sequence
from typing import Final

from cambist.orders.journal import Told
from cambist.ports.clock import Clock
from cambist.ports.wakeups import Bell
from cambist.values.ids import OrderId, Principal
from cambist.values.moment import Moment

ALARM_TICK_MS: Final = 20
"""How late an alarm may be; also how soon a step of the clock is noticed."""
SUBSCRIPTION_FACTS_MAX: Final = 256


class MemoryWakeups:
    """Rings at once, and at an instant by one heap: resting orders cost entries, not tasks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung: deque[Bell] = deque()
        self._alarms: list[tuple[Moment, OrderId]] = []
        self._bell = asyncio.Event()
        self._alarm_set = asyncio.Event()

    def ring(self, bell: Bell) -> None:
        """Ask for a look at an order now."""
        self._rung.append(bell)
        self._bell.set()

    def ring_at(self, order_id: OrderId, at: Moment) -> None:
        """Ask for a look at an order at an instant."""
        heapq.heappush(self._alarms, (at, order_id))
        self._alarm_set.set()

    async def next(self) -> Bell:
        """Wait for the next ring."""
        while not self._rung:
            self._bell.clear()
            await self._bell.wait()
        return self._rung.popleft()

    async def run(self) -> None:
        """Ring alarms when their instant comes."""
        while True:
            while not self._alarms:
                self._alarm_set.clear()
                await self._alarm_set.wait()
            now = self._clock.now()
            while self._alarms and self._alarms[0][0] <= now:
                self.ring(Bell(heapq.heappop(self._alarms)[1]))
            if self._alarms:
                await self._clock.sleep(min(self._alarms[0][0] - now, ALARM_TICK_MS))


class MemorySubscription:
    """One listener's buffer; past its limit it is emptied and marked as lagged."""

    def __init__(self, bus: MemoryBus, topic: str) -> None:
        self._bus = bus
        self._topic = topic
        self._facts: deque[Told] = deque()
        self._came = asyncio.Event()
        self._lagged = False

    @property
    def lagged(self) -> bool:
        """Whether something was lost since the last `resume`."""
        return self._lagged

    def offer(self, told: Told) -> None:
        """Put one fact in the buffer."""
        if not self._lagged:
            self._facts.append(told)
            if len(self._facts) > SUBSCRIPTION_FACTS_MAX:
                self._facts.clear()
                self._lagged = True
        self._came.set()

    async def next(self, timeout_ms: int) -> Sequence[Told] | None:
        """Return what came, in order; None when nothing came in time, or something was lost."""
        if not self._facts and not self._lagged:
            self._came.clear()
            try:
                async with asyncio.timeout(timeout_ms / 1_000):
                    await self._came.wait()
            except TimeoutError:
                return None
        if self._lagged:
            return None
        came = tuple(self._facts)
        self._facts.clear()
        return came

    def resume(self) -> None:
        """Listen again after a lag."""
        self._facts.clear()
        self._lagged = False

    def close(self) -> None:
        """Stop listening."""
        self._bus.leave(self._topic, self)


class MemoryBus:
    """Hands each fact to those who listen to its order or its principal."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[MemorySubscription]] = {}

    def publish(self, news: Sequence[Told]) -> None:
        """Tell what became true."""
        if not self._listeners:
            return
        for told in news:
            order = told.order
            for topic in (order.id, order.intent.principal):
                for listener in self._listeners.get(topic, ()):
                    listener.offer(told)

    def listen(self, topic: OrderId | Principal) -> MemorySubscription:
        """Listen to one order, or to all orders of a principal."""
        subscription = MemorySubscription(self, topic)
        self._listeners.setdefault(topic, set()).add(subscription)
        return subscription

    def leave(self, topic: str, subscription: MemorySubscription) -> None:
        """Forget a listener."""
        listeners = self._listeners.get(topic)
        if listeners is not None:
            listeners.discard(subscription)
            if not listeners:
                del self._listeners[topic]
