"""Runs the engine in this process, without HTTP, and says which code and which thread cost what."""

from __future__ import annotations

import asyncio
import cProfile
import io
import pstats
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from bench.http_load import SWAPS
from bench.report import CannotMeasure
from bench.server import PROFILE
from cambist.bootstrap import open_engine
from cambist.config import Settings
from cambist.engine.engine import Engine
from cambist.engine.intake import SubmitOrder
from cambist.metrics import REGISTRY
from cambist.values.ids import LOCAL
from cambist.wire.intent_builder import RequestLimits, SubmissionContext, to_intent
from cambist.wire.order_request import read_order
from cambist.wire.order_responses import acceptance_renderer

SENDERS: Final = 64
LOOK_EVERY_S: Final = 0.01
TOP: Final = 45
_FACTS: Final = REGISTRY.restricted_registry(["cambist_facts_total"])
"""One metric: collecting the whole registry a hundred times a second is 5 % of the main thread."""
FINAL_S_MAX: Final = 120


class Spent(NamedTuple):
    """What so many orders cost: seconds until final, and CPU microseconds by thread."""

    orders: int
    seconds: float
    cpu_us: float
    by_thread: dict[str, float]
    profile: str
    during: tuple[float, float] = (0.0, 0.0)


async def run(folder: Path, orders: int, hands: int, *, profiled: bool) -> Spent:
    """Bring orders to their finality, `hands` at once; only the main thread is profiled."""
    settings = Settings(home=str(folder), paper_profile=PROFILE, worker_concurrency=hands)
    async with open_engine(settings) as engine:
        await _complete(engine, SENDERS)
        before, cpu, begin = cpu_us_by_thread(), time.process_time(), time.perf_counter()
        since = time.monotonic()
        profiler = cProfile.Profile()
        if profiled:
            profiler.enable()
        await _complete(engine, orders)
        profiler.disable()
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        after, during = cpu_us_by_thread(), (since, time.monotonic())
    spent = {name: after[name] - before.get(name, 0) for name in after}
    top = _top(profiler) if profiled else ""
    return Spent(orders, seconds, cpu * 1e6, spent, top, during)


async def _complete(engine: Engine, count: int) -> None:
    """Send orders, and wait until each is final."""
    aim, numbers = _finals() + count, iter(range(count))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(SENDERS):
            tasks.create_task(_send(engine, numbers))
    until = time.perf_counter() + FINAL_S_MAX
    while _finals() < aim:
        if time.perf_counter() > until:
            raise CannotMeasure(f"the orders were not final within {FINAL_S_MAX} s")
        await asyncio.sleep(LOOK_EVERY_S)


async def _send(engine: Engine, numbers: Iterator[int]) -> None:
    limits, market = RequestLimits(), engine.market
    for number in numbers:
        parsed = read_order(SWAPS[number % len(SWAPS)])
        intent = to_intent(
            parsed, market.token, limits, SubmissionContext(LOCAL, now=engine.clock.now())
        )
        await engine.submit(
            SubmitOrder(intent, acceptance_renderer(market.venues, parsed.warnings))
        )


def _finals() -> float:
    for metric in _FACTS.collect():
        for sample in metric.samples:
            if sample.name == "cambist_facts_total" and sample.labels == {"kind": "finalized"}:
                return sample.value
    return 0.0


def cpu_us_by_thread() -> dict[str, float]:
    """Return the CPU microseconds of every thread of this process, by its name.

    Threads of one name count as one; what Python does not know is called `others`. Raises
    CannotMeasure where the kernel does not tell.
    """
    names = {
        thread.native_id: thread.name.rstrip("0123456789_") for thread in threading.enumerate()
    }
    spent: dict[str, float] = {}
    try:
        for task in Path("/proc/self/task").iterdir():
            name = names.get(int(task.name), "others")
            on_cpu_ns = int((task / "schedstat").read_text("utf-8").split()[0])
            spent[name] = spent.get(name, 0) + on_cpu_ns / 1e3
    except OSError:
        raise CannotMeasure("this needs /proc/self/task/*/schedstat") from None
    return spent


def _top(profiler: cProfile.Profile) -> str:
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(TOP)
    return out.getvalue()
