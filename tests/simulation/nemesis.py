"""Strikes processes, clocks, the database and the endpoints, at instants the seed has drawn."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from cambist import failpoints
from tests.simulation.endpoints import LIES
from tests.simulation.environment import LEASE_MS, Place
from tests.simulation.loop import BODY
from tests.simulation.process import Killed, Process

HOUR_MS: Final = 3_600_000
STRIKES_MAX: Final = (0, 8, 20, 40)
RESTART_S: Final = (0.05, 4.0)
CALLBACKS_MAX: Final = 60
STEPS_MS: Final = (-HOUR_MS, HOUR_MS, -20_000, 20_000, 1_000)
FAULTS: Final = (
    "kill",
    "kill",
    "stop",
    "stop",
    "leave",
    "step",
    "base",
    "outage",
    "dark",
    "lie",
    "lag",
    "deaf",
)


class Nemesis:
    """Whoever wishes the engine ill. `replace` starts another process in the place of one."""

    def __init__(
        self,
        place: Place,
        processes: list[Process],
        restart: Callable[[Process], Process],
        seed: object,
    ) -> None:
        self._place, self._processes, self._restart = place, processes, restart
        self._chance = random.Random(f"{seed}:nemesis")
        chance = self._chance
        self._strikes = chance.randint(0, chance.choice(STRIKES_MAX))
        self.makes_liars = True
        storms = chance.random() < 0.5
        self.point_ppm = chance.choice((0, 5_000, 20_000, 60_000)) if storms else 0
        self.raise_ppm = chance.choice((0, 0, 10_000, 40_000)) if storms else 0

    async def run(self, until_s: float) -> None:
        """Strike so many times, spread over the time there is."""
        instants = sorted(self._chance.uniform(0.5, until_s) for _ in range(self._strikes))
        for instant in instants:
            await asyncio.sleep(max(instant - self._place.loop.time(), 0))
            getattr(self, f"_{self._chance.choice(FAULTS)}")()

    def _count(self, name: str) -> None:
        self._place.dice.struck[name] += 1
        self._place.diary.note(f"- {name}")

    def _victim(self) -> Process:
        return self._chance.choice(self._processes)

    # --------------------------------------------------------------------------- processes

    def _kill(self) -> None:
        victim = self._victim()
        victim.body.set_fuse(
            self._chance.randrange(CALLBACKS_MAX), lambda: self.strike_down(victim, "at random")
        )

    def strike_down(self, victim: Process, why: str) -> None:
        """Kill a process, and start it again after a while."""
        if victim.died.done():
            return
        self._count(f"process killed {why}")
        victim.kill(why)
        self._place.loop.call_later(self._chance.uniform(*RESTART_S), self.revive, victim)

    def revive(self, victim: Process) -> None:
        """Start another process in the place of one that is dead, once."""
        if victim in self._processes and not self._place.is_over:
            self._processes[self._processes.index(victim)] = self._restart(victim)

    def _stop(self) -> None:
        victim = self._victim()
        leases = self._chance.choice((0.3, 1.0, 1.2, 2.0, 5.0, 60.0))
        if leases > 5 and self._chance.random() < 0.7:
            leases = 3.0
        pause_s = leases * LEASE_MS / 1_000

        def freeze() -> None:
            self._count("process stopped")
            victim.stop()
            self._place.loop.call_later(pause_s, victim.resume)

        victim.body.set_fuse(self._chance.randrange(CALLBACKS_MAX), freeze)

    def _leave(self) -> None:
        victim = self._victim()
        if victim.is_stopped or victim.died.done():
            return
        self._count("process drained")

        async def leave() -> None:
            await victim.leave()
            if victim.died.done():
                self.revive(victim)

        self._place.loop.spawn(leave())

    def _step(self) -> None:
        """Step the wall clock of one machine."""
        victim, by_ms = self._victim(), self._chance.choice(STEPS_MS)
        self._count(f"wall clock stepped {'back' if by_ms < 0 else 'ahead'}")
        victim.clock.stepped_ms += by_ms

    # ---------------------------------------------------------------------------- the rest

    def _base(self) -> None:
        self._count("database clock stepped")
        self._place.database_stepped_ms += self._chance.choice((-HOUR_MS, HOUR_MS, -2_000, 2_000))

    def _outage(self) -> None:
        """Take the database away for a while, or fill the disk."""
        self._count("database away or disk full")
        place, file = self._place, self._place.file
        place.database_down = True
        if file is not None:
            file.is_full = True

        def back() -> None:
            place.database_down = False
            if file is not None:
                file.is_full = False

        place.loop.call_later(self._chance.uniform(0.1, 6.0), back)

    def _dark(self) -> None:
        """Let no endpoint be reached for a while."""
        self._count("all endpoints away")
        place = self._place
        place.chain_down = True

        def back() -> None:
            place.chain_down = False

        place.loop.call_later(self._chance.uniform(0.5, 12.0), back)

    def _lie(self) -> None:
        """Make the liar among the endpoints lie otherwise, or tell the truth for a while."""
        liar = self._place.liar
        if liar is None or not self.makes_liars:
            return
        liar.lie = None
        if self._chance.random() < 0.8:
            liar.lie = self._chance.choice(LIES)
            if liar.lie == "frozen":
                liar.freeze()
            self._count(f"endpoint lies: {liar.lie}")

    def _lag(self) -> None:
        self._count("endpoint pool changed")
        self._chance.choice(list(self._place.endpoints)).lag_max = self._chance.choice(
            (0, 3, 10, 30)
        )

    def _deaf(self) -> None:
        """Flush everything that is on its way between processes."""
        self._count("signals flushed")
        self._place.post.flush()


class FaultPoints:
    """Stands in the place of the real fuse, and breaks whoever passes a point by the dice."""

    def __init__(self, place: Place, nemesis: Nemesis, processes: list[Process]) -> None:
        self._place, self._nemesis, self._processes = place, nemesis, processes
        self._chance = place.dice.chance
        self._point = ""
        self.plan = self
        self.point = self

    def __eq__(self, name: object) -> bool:
        """Be every point: that is how the real one asks whether it is meant."""
        self._point = str(name)
        return not self._place.dice.is_calm

    __hash__ = object.__hash__

    def burn(self, _plan: object) -> None:
        """Break here, or not."""
        drawn = self._chance.randrange(1_000_000)
        body = BODY.get()
        process = next((process for process in self._processes if process.body is body), None)
        if process is None or not process.is_up:
            return
        if drawn < self._nemesis.point_ppm:
            self._nemesis.strike_down(process, f"at {self._point}")
            raise Killed(self._point)
        if self._point.startswith("worker.") and drawn > 1_000_000 - self._nemesis.raise_ppm:
            self._place.dice.struck["a turn raised"] += 1
            raise failpoints.FailpointTriggered(self._point)
