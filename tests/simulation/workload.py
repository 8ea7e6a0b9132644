"""Makes up what the users of a run do, and when."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cambist.values.ids import LOCAL, Principal
from tests.simulation.environment import Place
from tests.simulation.listeners import FeedListener, Listener, OrderListener
from tests.simulation.process import Process
from tests.simulation.users import ANN, Asked, User

T = TypeVar("T")
Work = Coroutine[Any, Any, None]


class Script:
    """The users of one run; `reach` names a process that seems to be there."""

    def __init__(self, place: Place, reach: Callable[[], Process | None], seed: object) -> None:
        self._place, self._reach, self._seed = place, reach, seed
        self._chance = random.Random(f"{seed}:script")
        self._user = User(place, reach, seed)
        self.listeners: list[Listener] = []

    def works(self) -> list[Work]:
        """Return everything the users do, each as a task of its own."""
        user, chance = self._user, self._chance
        feeds = [who for who in (LOCAL, ANN) if chance.random() < 0.5]
        works = [self._after(chance.uniform(0, 10), self._follow_all, who) for who in feeds]
        singles = chance.randint(1, 4)
        together = chance.choice((0, 0, 0, 2, 3))
        asked = [user.imagine(f"w{number}") for number in range(singles + together)]
        for request in asked[:singles]:
            works.append(self._after(chance.uniform(0, 12), user.submit, request))
            if chance.random() < 0.3:
                works.append(self._after(chance.uniform(0, 12), user.repeat, request))
        if together:
            works.append(self._after(chance.uniform(0, 8), user.submit_together, asked[singles:]))
        for request in asked:
            if chance.random() < 0.35:
                works.append(user.cancel(request))
            elif request.wish.intent.waits_for_price:
                # Its deadline may be far off by now, where the clock of its process stepped back.
                works.append(user.end(request))
            if chance.random() < 0.6:
                works.append(self._follow(request))
        if chance.random() < 0.15:
            works.append(self._after(chance.uniform(0, 14), user.halt, chance.uniform(0.5, 8)))
        return works

    async def _after(self, wait_s: float, work: Callable[[T], Work], what: T) -> None:
        await asyncio.sleep(wait_s)
        await work(what)

    async def _follow(self, asked: Asked) -> None:
        await asked.settled.wait()
        order_id = asked.order_id
        if order_id is not None and order_id in self._place.judge.lives:
            self._listen(OrderListener(self._place, self._reach, asked.name, order_id))

    async def _follow_all(self, who: Principal) -> None:
        self._listen(FeedListener(self._place, self._reach, f"{self._seed}{who}", who))

    def _listen(self, listener: Listener) -> None:
        self.listeners.append(listener)
        self._place.loop.spawn(listener.run())

    @property
    def is_heard(self) -> bool:
        """Whether every listener has heard all there is."""
        return all(listener.is_up_to_date for listener in self.listeners)

    def close(self) -> None:
        """Judge what the users were told and what they heard."""
        self._user.close()
        for listener in self.listeners:
            listener.close()
