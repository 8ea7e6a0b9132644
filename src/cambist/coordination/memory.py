"""Wake-ups and the event bus inside one process; neither outlives it, and neither needs to."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

from cambist.orders.journal import RecordedEvent
from cambist.ports.clock import Clock
from cambist.ports.event_bus import PositionedEvent
from cambist.ports.wakeups import Wakeup
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import Timestamp

T = TypeVar("T")

ALARM_TICK_MS: Final = 20
"""How late an alarm may be; also how soon a step of the clock is noticed."""
SUBSCRIPTION_FACTS_MAX: Final = 256


class InMemoryWakeupQueue:
    """Rings at once, and at an instant by one heap: resting orders cost entries, not tasks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: deque[Wakeup] = deque()
        self._timers: list[tuple[Timestamp, OrderId]] = []
        self._next: dict[OrderId, Timestamp] = {}
        self._wake_event = asyncio.Event()
        self._alarm_set = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many wake-ups wait to be taken."""
        return len(self._ready)

    def notify(self, wakeup: Wakeup) -> None:
        """Ask for a look at an order now."""
        self._ready.append(wakeup)
        self._wake_event.set()

    def notify_at(self, order_id: OrderId, at: Timestamp) -> None:
        """Ask for a look at an order at an instant, unless one comes sooner anyway.

        After each look whoever had it knows when the next is due. So one alarm an order is
        enough, and orders that are looked at again and again do not gather alarms.
        """
        standing = self._next.get(order_id)
        if standing is not None and standing <= at:
            return
        self._next[order_id] = at
        heapq.heappush(self._timers, (at, order_id))
        self._alarm_set.set()

    async def get(self) -> Wakeup:
        """Wait for the next wake-up."""
        while not self._ready:
            self._wake_event.clear()
            await self._wake_event.wait()
        return self._ready.popleft()

    async def run(self) -> None:
        """Ring alarms when their instant comes."""
        while True:
            while not self._timers:
                self._alarm_set.clear()
                await self._alarm_set.wait()
            now = self._clock.now()
            while self._timers and self._timers[0][0] <= now:
                at, order_id = heapq.heappop(self._timers)
                if self._next.get(order_id) == at:  # else a nearer one took its place
                    del self._next[order_id]
                    self.notify(Wakeup(order_id))
            if self._timers:
                await self._clock.sleep(min(self._timers[0][0] - now, ALARM_TICK_MS))


class InMemorySubscription(Generic[T]):
    """One listener's buffer; past its limit it is emptied and marked as lagged."""

    def __init__(self, leave: Callable[[InMemorySubscription[T]], None]) -> None:
        self._leave = leave
        self._facts: deque[T] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._lagged = False
        self._poked = False

    @property
    def lagged(self) -> bool:
        """Whether something was lost since the last `resume`."""
        return self._lagged

    def push(self, event: T) -> None:
        """Put one fact in the buffer."""
        if not self._lagged:
            self._facts.append(event)
            if len(self._facts) > SUBSCRIPTION_FACTS_MAX:
                self._facts.clear()
                self._lagged = True
        self._wake()

    def mark_stale(self) -> None:
        """Note that the journal has something new."""
        self._poked = True
        self._wake()

    async def next(self, timeout_ms: int) -> Sequence[T] | None:
        """Return what came, in order; None when nothing came in time, or something was lost."""
        if not self._has_come():
            await self._wait(timeout_ms)
        if self._lagged or not self._has_come():
            return None
        # Whoever is sent to the journal finds there what waits here, too.
        came = () if self._poked else tuple(self._facts)
        self._facts.clear()
        self._poked = False
        return came

    def _has_come(self) -> bool:
        return bool(self._facts) or self._lagged or self._poked

    async def _wait(self, timeout_ms: int) -> None:
        # An `asyncio.Event` within an `asyncio.timeout` costs each listener of a crowd twice this.
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(timeout_ms / 1_000, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def resume(self) -> None:
        """Listen again after a lag."""
        self._facts.clear()
        self._lagged = self._poked = False

    def close(self) -> None:
        """Stop listening."""
        self._leave(self)


class SubscriberRegistry(Generic[T]):
    """Those who listen, by what they listen to."""

    def __init__(self) -> None:
        # Not sets: the first subscriber is served first, so that a run can be repeated exactly.
        self._by_topic: dict[str, dict[InMemorySubscription[T], None]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_topic)

    def of(self, topic: str) -> Iterable[InMemorySubscription[T]]:
        """Return those who listen to a topic."""
        return self._by_topic.get(topic, ())

    def poke(self) -> None:
        """Send everyone to the journal."""
        for listeners in self._by_topic.values():
            for listener in listeners:
                listener.mark_stale()

    def join(self, topic: str) -> InMemorySubscription[T]:
        """Add a listener to a topic."""
        listeners = self._by_topic.setdefault(topic, {})

        def leave(one: InMemorySubscription[T]) -> None:
            listeners.pop(one, None)
            if not listeners and self._by_topic.get(topic) is listeners:
                del self._by_topic[topic]

        subscription = InMemorySubscription(leave)
        listeners[subscription] = None
        return subscription


class InMemoryEventBus:
    """Hands each fact to those who listen to its order or its principal."""

    def __init__(self) -> None:
        self._of_orders: SubscriberRegistry[RecordedEvent] = SubscriberRegistry()
        self._of_principals: SubscriberRegistry[PositionedEvent] = SubscriberRegistry()

    def publish(self, events: Sequence[RecordedEvent], places: Sequence[int]) -> None:
        """Tell what became true."""
        if self._of_orders:
            for event in events:
                for listener in self._of_orders.of(event.order.id):
                    listener.push(event)
        if self._of_principals:
            for event, position in zip(events, places, strict=True):
                positioned = PositionedEvent(position, event)
                for subscription in self._of_principals.of(event.order.intent.principal):
                    subscription.push(positioned)

    def subscribe(self, order_id: OrderId) -> InMemorySubscription[RecordedEvent]:
        """Listen to one order."""
        return self._of_orders.join(order_id)

    def subscribe_principal(self, principal: Principal) -> InMemorySubscription[PositionedEvent]:
        """Listen to all orders of a principal."""
        return self._of_principals.join(principal)
