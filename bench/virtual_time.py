"""Runs the engine in virtual time at a fixed rate of orders: `python -m bench.virtual_time`.

The engine, the SQLite store and the paper network are the real ones, on one thread and on an event
loop whose clock jumps to the next timer. So the rate of orders does not depend on the machine: at
400 orders a second a slot of 5 ms passes for every second order, at 5,000 a second 25 orders share
one slot, one commit and one poll. What remains is the CPU time of the code.

There is no HTTP and no change of threads here. A commit becomes durable `COMMIT_MS` after its first
write, as long as a write thread takes to collect and flush a batch.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import selectors
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from bench.calibrator import Inflation, calibrating
from bench.http_load import SWAPS
from bench.paper_share import Meter, metering
from bench.report import CannotMeasure, write_number
from cambist import logs
from cambist.clock import Entropy
from cambist.coordination.memory import InMemoryEventBus, InMemoryWakeupQueue
from cambist.engine.dependencies import ChainPorts, EngineDependencies
from cambist.engine.engine import Engine, EngineLimits
from cambist.engine.intake import SubmitOrder
from cambist.engine.publisher import EventPublisher
from cambist.faults import Fault
from cambist.orders.journal import RecordedEvent
from cambist.paper.adapters import PaperChain, PaperMarket, PaperSigner
from cambist.paper.fault_model import INSTANT
from cambist.paper.network import PaperNetwork
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import LOCAL
from cambist.values.time_units import Timestamp
from cambist.wire.intent_builder import RequestLimits, SubmissionContext, to_intent
from cambist.wire.order_request import read_order
from cambist.wire.order_responses import acceptance_renderer

RATES: Final = (5_000, 400)
COMMIT_MS: Final = 1
WARM_UP: Final = 500
CONCURRENCY: Final = 64
SEED: Final = 1
_BEGUN_MS: Final = 1_790_000_000_000
_FINAL_S_MAX: Final = 60
_LOOK_EVERY_S: Final = 0.05


class _JumpingSelector(selectors.SelectSelector):
    """Waits for nothing: the time that would be waited is added to the loop's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now, and advance the clock by the timeout."""
        if timeout is None:
            raise CannotMeasure("nothing is left to wait for in virtual time")
        self.now_s += max(timeout, 0.0)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps from timer to timer."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._jumping.now_s


class VirtualClock:
    """The engine's clock on a virtual-time loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> Timestamp:
        """Return the wall-clock time."""
        return Timestamp(_BEGUN_MS + self.monotonic_ms())

    def monotonic_ms(self) -> int:
        """Return the milliseconds that have passed."""
        return int(self._loop.time() * 1_000 + 1e-6)

    async def sleep(self, milliseconds: int) -> None:
        """Wait."""
        await asyncio.sleep(milliseconds / 1_000)


class Cost(NamedTuple):
    """The CPU time of a run, in microseconds, and when it was, on the machine's monotonic clock.

    `paper_us` is the part of the paper network, where it was metered.
    """

    orders: int
    cpu_us: float
    during: tuple[float, float]
    paper_us: float = 0.0

    @property
    def us_per_order(self) -> float:
        """CPU microseconds per order."""
        return self.cpu_us / self.orders


class _Finals:
    """Counts finalized orders, and publishes as the engine does."""

    def __init__(self, bus: InMemoryEventBus) -> None:
        self._publish = EventPublisher(bus)
        self.count = 0
        self.failed: Fault | None = None

    def __call__(self, recorded: Sequence[RecordedEvent], positions: Sequence[int]) -> None:
        self._publish(recorded, positions)
        for event in recorded:
            self.count += event.entry.kind == "finalized"
            if event.entry.kind == "failed":
                self.failed = event.order.fault


async def run(folder: Path, rate: int, orders: int, meter: Meter) -> Cost:
    """Bring orders that arrive at a rate (per second) to their finality.

    Raises CannotMeasure when they are not final in time.
    """
    loop = asyncio.get_running_loop()
    clock, bus = VirtualClock(loop), InMemoryEventBus()
    finals = _Finals(bus)
    store = SqliteStore(folder / "store.db", finals, owner="bench", inline=True)
    network = PaperNetwork(clock, folder / "chain.db", SEED, INSTANT, inline=True)
    network.open()
    ports = ChainPorts(PaperMarket(network, clock), PaperChain(network), PaperSigner(SEED))
    dependencies = EngineDependencies(
        store, InMemoryWakeupQueue(clock), bus, ports, clock, Entropy()
    )
    engine = Engine(dependencies, EngineLimits(concurrency=CONCURRENCY, backlog_max=orders * 2))
    await store.open()
    store._writer._loop = _SlowTurn(loop)  # type: ignore[assignment]  # noqa: SLF001
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(network.run()), tasks.create_task(engine.run())]
            await _arrive(engine, rate, WARM_UP)
            await _until(finals, WARM_UP)
            gc.collect()
            since, used, paper_us = time.monotonic(), time.process_time(), meter.cpu_us
            await _arrive(engine, rate, orders)
            await _until(finals, WARM_UP + orders)
            used, paper_us = time.process_time() - used, meter.cpu_us - paper_us
            cost = Cost(orders, used * 1e6, (since, time.monotonic()), paper_us)
            for task in running:
                task.cancel()
        return cost
    finally:
        await store.close()
        network.close()


class _SlowTurn:
    """Stands for the loop that an inline store calls: a batch is written COMMIT_MS later."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call_soon(self, write: Callable[[], None]) -> None:
        """Write a moment later."""
        self._loop.call_later(COMMIT_MS / 1_000, write)


async def _arrive(engine: Engine, rate: int, count: int) -> None:
    loop, limits = asyncio.get_running_loop(), RequestLimits()
    begin = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            wait_s = begin + number / rate - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            tasks.create_task(_send(engine, number, limits))


async def _send(engine: Engine, number: int, limits: RequestLimits) -> None:
    market = engine.market
    parsed = read_order(SWAPS[number % len(SWAPS)])
    context = SubmissionContext(LOCAL, now=engine.clock.now())
    intent = to_intent(parsed, market.token, limits, context)
    await engine.submit(SubmitOrder(intent, acceptance_renderer(market.venues, parsed.warnings)))


async def _until(finals: _Finals, count: int) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + _FINAL_S_MAX
    while finals.count < count:
        if finals.failed is not None:
            raise CannotMeasure(f"an order failed: {finals.failed.message}")
        if loop.time() > until:
            raise CannotMeasure(f"{count - finals.count} orders were not final in time")
        await asyncio.sleep(_LOOK_EVERY_S)


class _DiscardedLog(io.TextIOBase):
    """A stream that drops what is written. A logger keeps it for ever, and it needs no closing."""

    def write(self, text: str) -> int:
        """Drop a text."""
        return len(text)


@cache
def _discard_log() -> None:
    logs.set_up("info", "json", _DiscardedLog())


def measure(rate: int, orders: int, *, metered: bool = False) -> Cost:
    """Run once in a fresh folder, with the paper network metered or not. Raises CannotMeasure."""
    _discard_log()
    with (
        tempfile.TemporaryDirectory(prefix="cambist-bench-") as home,
        metering() if metered else nullcontext(Meter()) as meter,
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        return runner.run(run(Path(home), rate, orders, meter))


class Measured(NamedTuple):
    """A run, the same with the paper network metered, and the machine's inflation meanwhile."""

    cost: Cost
    metered: Cost
    inflation: Inflation

    @property
    def norm_us(self) -> float:
        """CPU microseconds an order on the machine left alone."""
        return self.inflation.norm(self.cost.us_per_order)

    @property
    def paper_norm_us(self) -> float:
        """The part of the paper network. Metering costs time too, so only its share is used."""
        return self.norm_us * self.metered.paper_us / self.metered.cpu_us


def measure_rates(rates: Sequence[int], orders: int) -> dict[int, Measured]:
    """Run at each rate, with a calibrator beside. Raises CannotMeasure."""
    with calibrating() as calibrator:
        runs = {
            rate: (measure(rate, orders), measure(rate, orders, metered=True)) for rate in rates
        }
    return {
        rate: Measured(cost, metered, calibrator.between(*cost.during))
        for rate, (cost, metered) in runs.items()
    }


def write_costs(found: Mapping[int, Measured]) -> str:
    """Write the CPU time per order at each rate, raw and by norm, as Markdown."""
    lines = [
        "| orders/s | norm us an order | of which the paper market | raw us | inflation |",
        "|---|---|---|---|---|",
    ]
    for rate, of in found.items():
        norm, paper = write_number(of.norm_us), write_number(of.paper_norm_us)
        raw = write_number(of.cost.us_per_order)
        lines.append(f"| {rate:,} | {norm} | {paper} | {raw} | x{of.inflation.factor:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the CPU time of an order at each rate."""
    parser = argparse.ArgumentParser(prog="python -m bench.virtual_time", description=__doc__)
    parser.add_argument("--rate", type=int, action="append", help="orders a second (5000, 400)")
    parser.add_argument("--orders", type=int, default=4_000, help="orders at each (%(default)s)")
    parser.add_argument(
        "--rounds", action="store_true", help="print raw microseconds, until killed"
    )
    given = parser.parse_args()
    if given.rounds:
        while True:
            print(f"{measure((given.rate or RATES)[0], given.orders).us_per_order:.1f}", flush=True)
    print(write_costs(measure_rates(given.rate or RATES, given.orders)))


if __name__ == "__main__":
    main()
