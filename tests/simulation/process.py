"""Runs the real engine as one of several processes that can be killed, stopped and restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from cambist.coordination.memory import InMemoryEventBus
from cambist.coordination.multi_process_bus import MultiProcessEventBus
from cambist.engine.dependencies import ChainPorts as Ports
from cambist.engine.dependencies import EngineDependencies
from cambist.engine.engine import Engine, EngineLimits
from cambist.engine.publisher import EventPublisher
from cambist.orders.retry import Backoff
from cambist.paper.adapters import PaperSigner
from cambist.ports.errors import PortUnavailable
from cambist.ports.event_bus import EventBus
from cambist.ports.store import CurrentTerms, Store
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import OrderId
from cambist.values.time_units import Millis, Timestamp
from tests.simulation.chain import SimChain
from tests.simulation.clock import SimClock
from tests.simulation.coordination import SimWakeups
from tests.simulation.environment import Place
from tests.simulation.loop import Body
from tests.simulation.market import SimMarket
from tests.simulation.model_store import ModelStore
from tests.simulation.sqlite_process import drop, open_sqlite

T = TypeVar("T")

MEASURE_EVERY_MS: Final = 500
SIGNER: Final = PaperSigner(1)
FIRST_WAIT: Final = Backoff(Millis(300))


class Killed(BaseException):
    """The process dies here: no code of its own may take notice."""


class Gone(Exception):
    """The process one talks to is not there any more."""


class Permissions:
    """Remembers when this process last read the cancel and the deadline of each order (I19)."""

    def __init__(self, place: Place, clock: SimClock) -> None:
        self._place, self._clock = place, clock
        self._read: dict[OrderId, tuple[int, Timestamp]] = {}

    def watch(self, store: Store) -> None:
        """Note each read of current terms, with when it began."""
        read_terms = store.current_terms

        async def noted(order_ids: Sequence[OrderId]) -> dict[OrderId, CurrentTerms]:
            began = self._place.judge.lines_seen, self._clock.now()
            found = await read_terms(order_ids)
            self._read.update(dict.fromkeys(order_ids, began))
            return found

        store.current_terms = noted  # type: ignore[method-assign]

    def judge_send(self, transaction: bytes) -> None:
        """Judge a send by what the read before it could know; one read allows one send."""
        judge = self._place.judge
        order_id = judge.order_of(transaction)
        read = self._read.pop(order_id, None) if order_id is not None else None
        judge.sending(order_id, read)


class Process:
    """One process, from its start to its death; a restart is another one."""

    def __init__(self, place: Place, name: str, clock: SimClock, generation: int) -> None:
        self.place, self.name, self.clock = place, name, clock
        self.body = Body(f"{name}.{generation}")
        self.died: asyncio.Future[None] = place.loop.create_future()
        self.engine: Engine | None = None
        self.store: Store | None = None
        self.is_stopped = False
        self.on_end: Callable[[Process], None] = lambda _: None
        self.chain = SimChain(place.ledger, place.endpoints, place.dice)
        self.chain.is_cut_off = lambda: place.chain_down
        self._permissions = Permissions(place, clock)
        self.chain.on_send = self._permissions.judge_send
        self._wakeups = SimWakeups(clock, place.post, self.body)

    @property
    def is_up(self) -> bool:
        """Whether it takes requests."""
        return self.engine is not None and not self.died.done()

    def start(self) -> None:
        """Begin to run."""
        self.place.diary.note(f"{self.body.name} starts")
        task = self.place.loop.spawn(self._main(), self.body)
        task.add_done_callback(self._ended)

    async def _main(self) -> None:
        place = self.place
        bus, hub = await self._open()
        place.post.join(self.body, self._wakeups, hub)
        ports = Ports(SimMarket(place.dice), self.chain, SIGNER)
        assert self.store is not None
        self._permissions.watch(self.store)
        dependencies = EngineDependencies(
            self.store, self._wakeups, bus, ports, self.clock, place.entropy
        )
        self.engine = Engine(
            dependencies, EngineLimits(place.hands, place.backlog_max, 0, FIRST_WAIT)
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.engine.run())
            tasks.create_task(self._measure(self.engine))
            if hub is not None:
                tasks.create_task(hub.run())

    async def _open(self) -> tuple[EventBus, MultiProcessEventBus | None]:
        """Open the store and the bus of this kind of run."""
        place = self.place
        if place.file is not None:
            bus = InMemoryEventBus()
            self.store = await open_sqlite(place.file, EventPublisher(bus), place.loop)
            return bus, None
        wire, owner = place.wire(), self.body.name
        store = ModelStore(place.database, lambda *told: publisher(*told), owner=owner, wire=wire)
        hub = MultiProcessEventBus(store, self.clock, place.post.tell(self.body))
        publisher = EventPublisher(hub)
        await store.open()
        self.store = store
        return hub, hub

    async def _measure(self, engine: Engine) -> None:
        """Ask what the composition root asks now and then."""
        while True:
            await self.clock.sleep(MEASURE_EVERY_MS)
            try:
                await engine.measure()
            except PortUnavailable:
                continue

    def _ended(self, task: asyncio.Task[None]) -> None:
        """See why the engine stopped: it has no reason but a death that was meant."""
        error = None if task.cancelled() else task.exception()
        if self.place.is_over or self.died.done() or _is_killed(error):
            return
        self.place.diary.blame("L1", f"the engine of {self.body.name} stopped: {_tell(error)}")
        self.kill("after its own end")
        self.on_end(self)

    def holdings(self) -> str:
        """Tell what it holds on to; nothing, once every order has ended."""
        if not self.is_up or self.engine is None:
            return ""
        crew, held = self.engine._dispatcher, []
        held += [f"{len(crew._active)} turns"] if crew._active else []
        held += [f"{len(crew._tracker)} flights"] if len(crew._tracker) else []
        claimed = getattr(self.store, "_claimed", ())
        held += [f"{len(claimed)} claims"] if claimed else []
        return ", ".join(held)

    # ------------------------------------------------------------------------------- fates

    def kill(self, why: str) -> None:
        """End it between two callbacks; what it held in memory is gone."""
        if self.died.done():
            return
        self.place.diary.note(f"{self.body.name} is killed {why}")
        self.body.runs, self.body.fuse = False, None
        self.place.post.leave(self.body)
        if isinstance(self.store, SqliteStore):
            drop(self.store)
        self.died.set_result(None)

    def stop(self) -> None:
        """Freeze it, as SIGSTOP does."""
        if not self.died.done() and not self.is_stopped:
            self.place.diary.note(f"{self.body.name} is stopped")
            self.is_stopped, self.body.runs = True, False

    def resume(self) -> None:
        """Let it go on as if nothing had been."""
        if not self.died.done() and self.is_stopped:
            self.place.diary.note(f"{self.body.name} goes on")
            self.is_stopped, self.body.runs = False, True
            self.place.loop.ready.extend(self.body.parked)
            self.body.parked.clear()

    async def leave(self) -> None:
        """Drain and close, as on SIGTERM."""
        if self.engine is None or self.store is None:
            return
        self.place.diary.note(f"{self.body.name} drains")
        try:
            await self.call(self.engine.drain())
            close = self.store.close()  # type: ignore[attr-defined]
            await self.call(close)
        except Gone:
            return
        self.kill("after draining")

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in this process for one outside. Raises Gone when it dies first."""
        if self.died.done():
            work.close()
            raise Gone(self.name)
        task = self.place.loop.spawn(work, self.body)
        try:
            await asyncio.wait((task, self.died), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.done() or task.cancelled() or _is_killed(task.exception()):
            raise Gone(self.name)
        return task.result()


def _is_killed(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_killed(exception) for exception in error.exceptions)
    return isinstance(error, Killed)


def _tell(error: BaseException | None) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return "it returned" if error is None else f"{type(error).__name__}: {error}"
