"""Carries bells and news between processes, badly: lost, doubled, late and out of order.

What is kept of the contract of `ports/bus.py`: a listener that lost something is marked as lagged
within `TOLD_WITHIN_S`, and who follows all orders hears places in order or is marked. Bells
promise nothing; a late one may carry what the chain said of an attempt that is long over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from cambist.orders.journal import Told
from cambist.ports.bus import Placed
from cambist.ports.wakeups import Bell
from cambist.signals.memory import MemoryBus, MemorySubscription, MemoryWakeups
from cambist.values.ids import OrderId
from tests.simulation.clock import SimClock
from tests.simulation.loop import Body, VirtualLoop, context_of
from tests.simulation.weather import Dice

TOLD_WITHIN_S: Final = 2.0
LATE_S: Final = 8.0


class Post:
    """Everything that connects the processes of a run."""

    def __init__(self, loop: VirtualLoop, dice: Dice) -> None:
        self.loop, self.dice = loop, dice
        self.boxes: list[tuple[Body, SimWakeups, SimBus | None]] = []
        self._moving: list[asyncio.TimerHandle] = []

    def join(self, body: Body, wakeups: SimWakeups, bus: SimBus | None) -> None:
        """Let a process take part."""
        self.boxes.append((body, wakeups, bus))

    def leave(self, body: Body) -> None:
        """Deliver nothing more to a process."""
        self.boxes = [one for one in self.boxes if one[0] is not body]

    def ring(self, bell: Bell, home: Body) -> None:
        """Carry a bell: with a note to the process it comes from, else to any."""
        if self.dice.hit("bell is lost") or not self.boxes:
            return
        for _ in range(2 if self.dice.hit("bell rings twice") else 1):
            late = self.dice.hit("bell rings late")
            wait = self.dice.between(0.05, LATE_S) if late else self.dice.between(0, 0.01)
            box = self.boxes[self.dice.chance.randrange(len(self.boxes))]
            if bell.note is not None:
                box = next((one for one in self.boxes if one[0] is home), box)
            self._later(wait, box[0], box[1].deliver, bell)

    def _later(self, wait_s: float, body: Body, call: Any, *args: Any) -> None:
        """Call in a process after a while; whoever is dead by then hears nothing."""
        self._moving = [one for one in self._moving if one.when() > self.loop.time()]
        handle = self.loop.call_later(wait_s, call, *args, context=context_of(body))
        self._moving.append(handle)

    def flush(self) -> None:
        """Lose all that is on its way."""
        for handle in self._moving:
            handle.cancel()
        self._moving.clear()

    def publish(self, news: Sequence[Told], places: Sequence[int], home: SimBus) -> None:
        """Carry news to all processes; at once to the one it comes from."""
        for body, _, bus in self.boxes:
            if bus is None:
                continue
            if bus is home:
                bus.deliver(news, places)
                continue
            if self.dice.hit("news is lost"):
                continue
            for _ in range(2 if self.dice.hit("news comes twice") else 1):
                late = self.dice.hit("news comes late")
                wait = self.dice.between(0.02, 3.0) if late else self.dice.between(0, 0.02)
                self._later(wait, body, bus.deliver, news, places)

    def committed(self, order_id: OrderId, place: int) -> None:
        """Look after a line: who was not told of it in time learns that something was lost."""
        for body, _, bus in self.boxes:
            if bus is not None:
                context = context_of(body)
                self.loop.call_later(TOLD_WITHIN_S, bus.make_good, order_id, place, context=context)


class SimWakeups(MemoryWakeups):
    """The real doorbell, whose bells go by post; alarms stay at home."""

    def __init__(self, clock: SimClock, post: Post, body: Body) -> None:
        super().__init__(clock)
        self._post, self._body = post, body

    def ring(self, bell: Bell) -> None:
        self._post.ring(bell, self._body)

    def deliver(self, bell: Bell) -> None:
        """Ring here."""
        super().ring(bell)


class SimBus(MemoryBus):
    """The real hub of one process, fed by post."""

    def __init__(self, post: Post, end: int) -> None:
        super().__init__()
        self._post = post
        self._end = end
        self._heard: set[int] = set()

    def publish(self, news: Sequence[Told], places: Sequence[int]) -> None:
        self._post.publish(news, places, self)

    def deliver(self, news: Sequence[Told], places: Sequence[int]) -> None:
        """Hand on what came: to those of an order as it came, to the others in order."""
        self._heard.update(places)
        for one in news:
            for listener in self._of_orders.of(one.order.id):
                listener.offer(one)
        if places[0] > self._end + 1:
            self._end = places[-1]
            self._mark_principals()
            return
        for one, place in zip(news, places, strict=True):
            if place > self._end:
                self._end = place
                for listener in self._of_principals.of(one.order.intent.principal):
                    listener.offer(Placed(place, one))

    def make_good(self, order_id: OrderId, place: int) -> None:
        """Mark those whom a line did not reach."""
        if place not in self._heard:
            for listener in self._of_orders.of(order_id):
                _mark(listener)
        if place > self._end:
            self._end = place
            self._mark_principals()

    def _mark_principals(self) -> None:
        for topic in list(self._of_principals._by_topic):
            for one in self._of_principals.of(topic):
                _mark(one)


def _mark(listener: MemorySubscription[Any]) -> None:
    """Say that something was lost, as an overflow does."""
    listener._facts.clear()
    listener._lagged = True
    listener._came.set()
