"""Runs one seed from the first order to the last judgement."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog

from cambist import failpoints
from cambist.coordination import memory
from cambist.engine import dispatcher
from cambist.values.ids import ENTROPY_BITS
from tests.simulation.clock import SimClock
from tests.simulation.coordination import Post
from tests.simulation.database import Database
from tests.simulation.endpoints import LAG_SLOTS_MAX, LIES, Endpoint
from tests.simulation.environment import LEASE_MS, STALL_S, Place
from tests.simulation.fault_dice import Dice
from tests.simulation.judge import Judge
from tests.simulation.ledger import SLOT_MS, Ledger
from tests.simulation.loop import Deadlock, VirtualLoop
from tests.simulation.nemesis import FaultPoints, Nemesis
from tests.simulation.process import Killed, Process
from tests.simulation.sqlite_process import File
from tests.simulation.trace_log import Diary, Violation
from tests.simulation.workload import Script
from tests.simulation.writes import Move, Write, Written

STRIKES_S: Final = 25.0
SETTLED_WITHIN_S: Final = 150.0
HEARD_WITHIN_S: Final = 40.0
IDLE_S: Final = 6.0
CALLS_IDLE_MAX: Final = 5.0
"""Questions to the store that a process with nothing to do may ask in a second."""
# Scaled as the chain is: the lease is 3 s here, and renewed each second.
SCALED: Final = ((dispatcher, "RENEW_EVERY_MS", LEASE_MS // 3), (memory, "ALARM_TICK_MS", 250))
LOOK_EVERY_S: Final = 0.5
UNCOUNTED: Final = (
    "store refuses before the commit",
    "store loses the word after the commit",
    "store cannot be read",
)
"""What leaves an engine not knowing how many orders there are."""


class Outcome(NamedTuple):
    """What a run came to."""

    seed: int
    digest: str
    violations: tuple[Violation, ...]
    struck: Counter[str]
    orders: Counter[str]
    steps: int
    seconds: float
    diary: Diary


class Run:
    """One seed: all in one process over the real SQLite store, or several over the model."""

    def __init__(
        self, seed: int, folder: Path, tune: Callable[[Run], None] = lambda _: None
    ) -> None:
        chance = random.Random(f"{seed}:run")
        self.seed = seed
        self.kind = "embedded" if chance.random() < 0.4 else "shared"
        place = self.place = Place()
        loop = place.loop = VirtualLoop(seed)
        place.dice, place.diary = Dice(seed), Diary(loop)
        place.ledger = Ledger(seed, place.dice, loop)
        names = [f"rpc{number}" for number in range(chance.choice((1, 2, 2, 3, 3)))]
        place.endpoints = [Endpoint(name, place.ledger, place.dice, chance) for name in names]
        self._draw_tempers(chance)
        place.judge = Judge(place.ledger, place.diary, len(names))
        place.judge.is_halted = lambda: place.is_halted
        place.post = Post(loop, place.dice)
        bits = random.Random(f"{seed}:ids")
        place.entropy = lambda: bits.getrandbits(ENTROPY_BITS)
        place.hands = chance.choice((1, 2, 10))
        place.backlog_max = chance.choice((3, 20_000, 20_000, 20_000))
        place.database = Database(place.database_now, LEASE_MS)
        place.database.on_commit = self._committed
        if self.kind == "embedded":
            place.file = File(folder, place.dice, place.judge.durable)
            place.judge.most_open = self._most_open
        many = 1 if self.kind == "embedded" else chance.choice((1, 2, 2, 3))
        self.everyone: list[Process] = []
        self.processes = [self._process(f"p{number}", SimClock(loop), 0) for number in range(many)]
        self._chance = chance
        self.nemesis = Nemesis(place, self.processes, self._restart, seed)
        self.script = Script(place, self._reach, seed)
        tune(self)

    @property
    def theme(self) -> str:
        """What the run is about."""
        return self.place.dice.theme

    def _draw_tempers(self, chance: random.Random) -> None:
        """Draw how far the endpoints lag, and which one lies; of several, one at most."""
        place = self.place
        themed = place.dice.theme == "a pool that lags"
        lag = LAG_SLOTS_MAX if themed else chance.choice((0, 2, 10, LAG_SLOTS_MAX))
        for endpoint in place.endpoints:
            endpoint.lag_max = lag if themed or chance.random() < 0.8 else 0
            endpoint.has_straggler = endpoint.has_straggler or themed
        if len(place.endpoints) > 1 and chance.random() < 0.8:
            place.liar = chance.choice(place.endpoints)
        themed = place.dice.theme == "late and lied to"
        if place.liar is not None and (themed or chance.random() < 0.6):
            place.liar.lie = "wrong last height" if themed else chance.choice(LIES)
            if place.liar.lie == "frozen":
                place.liar.freeze()
            place.dice.struck[f"endpoint lies: {place.liar.lie}"] += 1

    def _most_open(self) -> int | None:
        """Return how many orders may be open (I8); None once a count could not be made."""
        sick = any(self.place.dice.struck[name] for name in UNCOUNTED)
        return None if sick else self.place.backlog_max

    # --------------------------------------------------------------------------- processes

    def _process(self, name: str, clock: SimClock, generation: int) -> Process:
        process = Process(self.place, name, clock, generation)
        process.on_end = lambda dead: self.nemesis.revive(dead)
        self.everyone.append(process)
        return process

    def _restart(self, dead: Process) -> Process:
        fresh = self._process(dead.name, dead.clock, len(self.everyone))
        fresh.start()
        return fresh

    def _reach(self) -> Process | None:
        """Return a process that seems to be there, as a balancer would."""
        up = [process for process in self.processes if process.is_up]
        return self._chance.choice(up) if up else None

    def _committed(self, write: Write, written: Written, owner: str) -> None:
        """Judge what the model database made durable (I11)."""
        place = self.place
        if isinstance(write, Move):
            before = write.before
            if place.database.granted[before.id] != (owner, before.lease_epoch):
                place.diary.blame("I11", "moved by one whose claim is not the newest", before.id)
        place.judge.durable([event.entry for event in written.events])

    # ------------------------------------------------------------------------------ phases

    async def play(self) -> None:
        """Let it all happen, then let the faults stop, and see whether everything ends."""
        loop, place = self.place.loop, self.place
        loop.spawn(self._chain())
        for process in self.processes:
            process.start()
        loop.spawn(self.nemesis.run(STRIKES_S))
        users = [loop.spawn(work) for work in self.script.works()]
        await asyncio.sleep(STRIKES_S)
        self._heal()
        if not await self._until(lambda: all(user.done() for user in users), SETTLED_WITHIN_S):
            place.diary.blame("L1", "a user waits for an answer for ever")
        self._tell_errors(users)
        if not await self._until(lambda: place.judge.is_over, SETTLED_WITHIN_S):
            for life in place.judge.lives.values():
                if not life.is_over:
                    place.diary.blame("L1", f"still {life.order.status}", life.order.id)
        await self._until(
            lambda: all(listener.is_up_to_date for listener in self.script.listeners),
            HEARD_WITHIN_S,
        )
        await self._idle()
        self._judge_end()

    async def _chain(self) -> None:
        while True:
            await asyncio.sleep(SLOT_MS / 1_000)
            self.place.ledger.tick()

    def _heal(self) -> None:
        """Let the faults stop: all that is dead is started, all that stands still goes on."""
        place = self.place
        place.diary.note("--- the faults stop")
        place.dice.calm()
        place.database_down = place.chain_down = False
        if place.file is not None:
            place.file.is_full = False
        for endpoint in place.endpoints:
            endpoint.heal()
        for process in list(self.processes):
            process.body.fuse = None
            process.resume()
            self.nemesis.revive(process) if process.died.done() else None

    async def _until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Wait until something holds."""
        until = self.place.loop.time() + within_s
        while not holds():
            if self.place.loop.time() >= until:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
        return True

    async def _idle(self) -> None:
        """See what the processes do when there is nothing to do (L2)."""
        place = self.place
        await asyncio.sleep(STALL_S[1])
        up = [process for process in self.processes if process.is_up]
        before = [(one, _calls(one), one.chain.calls) for one in up]
        await asyncio.sleep(IDLE_S)
        for process, calls, asked in before:
            if not process.is_up or not place.judge.is_over:
                continue
            if (_calls(process) - calls) / IDLE_S > CALLS_IDLE_MAX:
                place.diary.blame("L2", f"{process.name} asks an idle store too often")
            if process.chain.calls > asked:
                place.diary.blame("L2", f"{process.name} asks the chain for nothing")

    def _tell_errors(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            if task.done() and not task.cancelled() and task.exception() is not None:
                self.place.diary.blame("L1", f"a user met {task.exception()!r}")

    def outcome(self) -> Outcome:
        """Return what the run came to so far."""
        place = self.place
        statuses = Counter(str(life.order.status) for life in place.judge.lives.values())
        diary, loop = place.diary, place.loop
        return Outcome(
            self.seed, diary.digest(), tuple(diary.violations), place.dice.struck, statuses,
            loop.ready.steps, loop.time(), diary,
        )  # fmt: skip

    def _judge_end(self) -> None:
        """Judge everything once more, with nothing left to come."""
        place = self.place
        rows = list(place.database.rows.values()) if place.file is None else place.file.rows()
        place.judge.close(rows)
        for broken in [] if place.file is None else place.file.breaks():
            place.diary.blame("I5", f"the audit says {broken}")
        for process in self.processes:
            if place.judge.is_over and process.holdings():
                place.diary.blame("L1", f"{process.name} still holds {process.holdings()}")
        self.script.close()


def _calls(process: Process) -> int:
    store: Any = process.store
    return int(store.calls if hasattr(store, "calls") else store._readers.calls)


@contextmanager
def scaled(run: Run) -> Iterator[None]:
    """Scale the waits that are constants as the chain is scaled, and break at fault points."""
    kept = [getattr(room, name) for room, name, _ in SCALED]
    fuse = failpoints._fuse
    for room, name, value in SCALED:
        setattr(room, name, value)
    failpoints._fuse = FaultPoints(run.place, run.nemesis, run.processes)  # type: ignore[assignment]
    try:
        yield
    finally:
        failpoints._fuse = fuse
        for (room, name, _), value in zip(SCALED, kept, strict=True):
            setattr(room, name, value)


def run(seed: int, folder: Path, tune: Callable[[Run], None] = lambda _: None) -> Outcome:
    """Run one seed; `tune` may change the world before it begins."""
    one = Run(seed, folder, tune)
    place, loop = one.place, one.place.loop
    with scaled(one):
        try:
            loop.run_until_complete(one.play())
        except Deadlock as deadlock:
            place.diary.blame("L1", f"deadlock: {deadlock}")
        for what in loop.mishaps:
            if not isinstance(what.get("exception"), Killed):
                place.diary.blame("L1", f"a callback raised: {what.get('exception')!r}")
        outcome = one.outcome()
        # What is unwound now happens to nobody: the dead get to run too.
        place.is_over = True
        loop.unwind([process.body for process in one.everyone])
        if place.file is not None:
            place.file.close()
    return outcome


def quiet() -> None:
    """Write no log: the diary tells what happened."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False
    )
