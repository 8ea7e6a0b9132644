"""Bundles what the processes of a run share: the loop, the chain, the database, the luck."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from cambist.ports.errors import PortUnavailable
from tests.simulation.coordination import Post
from tests.simulation.database import Database
from tests.simulation.endpoints import Endpoint
from tests.simulation.fault_dice import Dice
from tests.simulation.judge import Judge
from tests.simulation.ledger import Ledger
from tests.simulation.loop import VirtualLoop
from tests.simulation.model_store import LostReply, Wire
from tests.simulation.sqlite_process import File
from tests.simulation.trace_log import Diary

LEASE_MS: Final = 3_000
STALL_S: Final = (0.1, 20.0)


class Place:
    """One run's world, but for its processes and users."""

    loop: VirtualLoop
    dice: Dice
    diary: Diary
    ledger: Ledger
    endpoints: Sequence[Endpoint]
    liar: Endpoint | None = None
    judge: Judge
    post: Post
    database: Database
    file: File | None = None
    entropy: Callable[[], int]
    hands = 10
    backlog_max = 20_000
    is_over = False
    database_down = False
    chain_down = False
    is_halted = False
    database_stepped_ms = 0

    def wire(self) -> Wire:
        """Return a line to the database."""
        return SickWire(self)

    def database_now(self) -> int:
        """Return the database server's own clock."""
        return self.loop.ms + 10**9 + self.database_stepped_ms


class SickWire(Wire):
    """A line that stalls and breaks, to a server that may be down."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def there(self) -> None:
        dice = self._place.dice
        stalls = dice.hit("store stalls")
        await asyncio.sleep(dice.between(*(STALL_S if stalls else (0.0005, 0.004))))
        if self._place.database_down or dice.hit("store refuses before the commit"):
            raise PortUnavailable("the database does not answer")

    async def back(self) -> None:
        dice = self._place.dice
        await asyncio.sleep(dice.between(0.0005, 0.004))
        if self._place.database_down or dice.hit("store loses the word after the commit"):
            raise LostReply
