"""Carries bells between processes, badly: lost, doubled, late and out of order.

Who listens hears of other processes through the real hub, which reads the journal; what the post
carries to a hub says only that there is something to read. A bell for the crew promises nothing
either; a late one may carry what the chain said of an attempt that is long over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from cambist.coordination.memory import InMemoryWakeupQueue
from cambist.coordination.multi_process_bus import MultiProcessEventBus
from cambist.ports.wakeups import Wakeup
from tests.simulation.clock import SimClock
from tests.simulation.fault_dice import Dice
from tests.simulation.loop import Body, VirtualLoop, context_of

LATE_S: Final = 8.0


class Post:
    """Everything that connects the processes of a run."""

    def __init__(self, loop: VirtualLoop, dice: Dice) -> None:
        self.loop, self.dice = loop, dice
        self.boxes: list[tuple[Body, SimWakeups, MultiProcessEventBus | None]] = []
        self._moving: list[asyncio.TimerHandle] = []

    def join(self, body: Body, wakeups: SimWakeups, hub: MultiProcessEventBus | None) -> None:
        """Let a process take part."""
        self.boxes.append((body, wakeups, hub))

    def leave(self, body: Body) -> None:
        """Deliver nothing more to a process."""
        self.boxes = [box for box in self.boxes if box[0] is not body]

    def flush(self) -> None:
        """Lose all that is on its way."""
        for handle in self._moving:
            handle.cancel()
        self._moving.clear()

    def ring(self, wakeup: Wakeup, home: Body) -> None:
        """Carry a bell: with a note to the process it comes from, else to any."""
        if self.dice.hit("bell is lost") or not self.boxes:
            return
        for _ in range(2 if self.dice.hit("bell rings twice") else 1):
            late = self.dice.hit("bell rings late")
            wait = self.dice.between(0.05, LATE_S) if late else self.dice.between(0, 0.01)
            box = self.boxes[self.dice.chance.randrange(len(self.boxes))]
            if wakeup.report is not None:
                box = next((box for box in self.boxes if box[0] is home), box)
            self._later(wait, box[0], box[1].deliver, wakeup)

    def tell(self, home: Body) -> Callable[[int], None]:
        """Return how a process says at the others that there is news."""
        return lambda _: self._tell(home)

    def _tell(self, home: Body) -> None:
        for body, _, hub in self.boxes:
            if hub is None or body is home or self.dice.hit("news is lost"):
                continue
            for _ in range(2 if self.dice.hit("news comes twice") else 1):
                late = self.dice.hit("news comes late")
                wait = self.dice.between(0.02, 3.0) if late else self.dice.between(0, 0.02)
                self._later(wait, body, hub.notify)

    def _later(self, wait_s: float, body: Body, call: Callable[..., None], *args: Any) -> None:
        """Call in a process after a while; whoever is dead by then hears nothing."""
        self._moving = [move for move in self._moving if move.when() > self.loop.time()]
        handle = self.loop.call_later(wait_s, call, *args, context=context_of(body))
        self._moving.append(handle)


class SimWakeups(InMemoryWakeupQueue):
    """The real doorbell, whose bells go by post; alarms stay at home."""

    def __init__(self, clock: SimClock, post: Post, body: Body) -> None:
        super().__init__(clock)
        self._post, self._body = post, body

    def notify(self, wakeup: Wakeup) -> None:
        self._post.ring(wakeup, self._body)

    def deliver(self, wakeup: Wakeup) -> None:
        """Ring here."""
        super().notify(wakeup)
