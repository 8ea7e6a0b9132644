"""Kills, freezes and restarts the parts and the servers of an installation, as dice fall."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from cambist.failpoints import FAILPOINTS
from tests.acceptance.installation import Installation, Servers

STRIKE_EVERY_S = (0.3, 1.5)
FROZEN_S = (0.1, 3.5)
AWAY_S = (0.2, 2.0)
FAULT_COUNT = (1, 12)
EARLY_SHARE = 0.1
ACTS = ("kill", "kill", "stop", "raise")
OF_A_REQUEST = "intake."
"""A fault point within a request: to raise there is a mistake of the engine's own, and a 500."""


class Shares(NamedTuple):
    """How many of its strikes hit which server, how many stop a part instead of killing it, and
    how many starts are armed with a fault point."""

    postgres: float = 0.02
    valkey: float = 0.03
    freeze: float = 0.2
    fault: float = 0.25


ALL_KINDS: Final = Shares()
KILLS: Final = Shares(0.0, 0.0, 0.0, 0.0)
STOPS: Final = Shares(0.0, 0.0, 1.0, 0.0)
RESTARTS: Final = Shares(postgres=1.0)


class Nemesis:
    """Strikes until told to stop; `struck` counts what it did."""

    def __init__(
        self,
        site: Installation,
        servers: Servers,
        dice: random.Random,
        shares: Shares = ALL_KINDS,
    ) -> None:
        self._site = site
        self._shares = shares
        self._servers = servers
        self._dice = dice
        self.struck: Counter[str] = Counter()
        site.plan = self._plan
        site.frozen_s = lambda: dice.uniform(*FROZEN_S)

    def _plan(self, name: str) -> dict[str, object]:
        """Arm some starts with a fault point: it is the process itself that strikes then."""
        if self._dice.random() >= self._shares.fault:
            return {}
        own = [one for one in sorted(FAILPOINTS) if one.startswith("chain.") == (name == "chain")]
        point, nth = self._dice.choice(own), self._dice.randint(*FAULT_COUNT)
        acts = [act for act in ACTS if act != "raise" or not point.startswith(OF_A_REQUEST)]
        return {"fault": f"{point}:{nth}:{self._dice.choice(acts)}"}

    async def rage(self, strikes: int, seconds: float) -> None:
        """Strike so often, or for so long; whichever is over first."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self.struck.total() < strikes and loop.time() < until:
            await asyncio.sleep(self._dice.uniform(*STRIKE_EVERY_S))
            await self._strike()

    async def _strike(self) -> None:
        chance, shares = self._dice.random(), self._shares
        if self._servers.postgres is not None and chance < shares.postgres:
            await self._strike_postgres()
        elif self._servers.valkey is not None and chance < shares.postgres + shares.valkey:
            await self._strike_valkey()
        else:
            self._strike_part()

    def _strike_part(self) -> None:
        """Strike a part that is up, as a rule; now and then one that is about to be."""
        parts = self._site.parts
        is_early = self._dice.random() < EARLY_SHARE
        names = sorted(part for part in parts if is_early or part in self._site.up)
        if not names:
            return
        (name,) = self._dice.choices(names, [1 if one == "chain" else 2 for one in names])
        if not parts[name].is_running:
            return
        self._site.up.discard(name)
        if self._dice.random() < self._shares.freeze:
            parts[name].freeze()
            self.struck[f"{name} stopped"] += 1
        else:
            parts[name].kill()
            self.struck[f"{name} killed"] += 1

    async def _strike_postgres(self) -> None:
        server = self._servers.postgres
        assert server is not None
        way: Callable[[], None] = self._dice.choice(
            [
                lambda: server.stop(signal.SIGINT),
                lambda: server.stop(signal.SIGQUIT),
                server.kill9,
            ]
        )
        await asyncio.to_thread(way)
        self.struck["postgres"] += 1
        await asyncio.sleep(self._dice.uniform(*AWAY_S))
        await asyncio.to_thread(server.start)

    async def _strike_valkey(self) -> None:
        server = self._servers.valkey
        assert server is not None
        freezes = self._dice.random() < 0.5
        await asyncio.to_thread(server.freeze if freezes else server.kill9)
        self.struck["valkey"] += 1
        await asyncio.sleep(self._dice.uniform(*AWAY_S))
        await asyncio.to_thread(server.thaw if freezes else server.start)

    async def rest(self) -> None:
        """Plan nothing more, and end what a plan still holds up: every start is a whole one now."""
        self._site.plan = lambda _name: {}
        self._site.frozen_s = lambda: 0.0
        for part in self._site.parts.values():
            part.kill()
