"""Makes the measures: each runs a server of its own and returns its figures of one repetition."""

from __future__ import annotations

import asyncio
import gc
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from bench.calibrator import calibrating
from bench.host_info import flush
from bench.http_load import Asker, Crowd, Tally, get, orders
from bench.open_loop_load import Pace, lags_ms
from bench.report import CannotMeasure, Reading, percentile
from bench.server import PROFILE, Server, serving
from bench.virtual_time import RATES, measure_rates
from cambist.bootstrap import CHAIN_FILE, STORE_FILE

LOOK_EVERY_S: Final = 0.05
CONFIRM_S_MAX: Final = 120
SETTLE_S: Final = 0.5
CROWDS: Final = (32, 64)
BACKLOG_MAX: Final = 1_000_000
"""Orders are taken faster than they are completed, and the default would soon refuse some."""
PUSH_PER_SECOND: Final = 500
_FACTS: Final = re.compile(rb'cambist_facts_total\{kind="(\w+)"\} ([0-9.e+]+)')


class Plan(NamedTuple):
    """How much to do, and the folder in which homes are made (None: the system's own)."""

    seconds: float = 5.0
    orders: int = 10_000
    warm_up: int = 500
    folder: Path | None = None


QUICK: Final = Plan(seconds=1.0, orders=1_000, warm_up=100)


class Taker(Protocol):
    """What takes orders on a port."""

    @property
    def port(self) -> int:
        """The port."""
        ...


class Census(msgspec.Struct):
    """The counts that a list of orders carries."""

    completed: int
    total: int


async def measure_disk(plan: Plan) -> list[Reading]:
    """Measure the disk under the homes."""
    return flush(plan.folder)


async def measure_start(plan: Plan) -> list[Reading]:
    """Measure a start, and what a server holds that has nothing to do."""
    async with serving(plan.folder) as server:
        await asyncio.sleep(SETTLE_S)
        return [
            Reading("process start to listening, ms", server.start_ms),
            Reading("memory of the server before any order (RSS), MiB", server.memory_mib()),
        ]


async def measure_accept(plan: Plan) -> list[Reading]:
    """Measure acceptance without keys."""
    return [one for count in CROWDS for one in await _accept(plan, count, "")]


async def measure_keyed(plan: Plan) -> list[Reading]:
    """Measure acceptance where each order has a key of its own."""
    return [one for count in CROWDS for one in await _accept(plan, count, "bench-")]


async def _accept(plan: Plan, connections: int, key: str) -> list[Reading]:
    async with serving(plan.folder, backlog_max=BACKLOG_MAX) as server:
        await _warm_up(server, plan)
        with undisturbed():
            tally = await Crowd(orders(key=key)).run(server.port, connections, plan.seconds)
        census = await read_census(server)
        name = f"{connections} connections, {'a key each' if key else 'no keys'}"
        return [
            Reading(f"durable accepts/s ({name})", tally.taken / tally.seconds),
            *waits(f"POST to 202 ({name})", tally),
            Reading(f"answers other than 202 ({name})", tally.not_taken),
            Reading(
                f"orders not confirmed yet when the load stops ({name})",
                census.total - census.completed,
            ),
        ]


async def measure_complete(plan: Plan) -> list[Reading]:
    """Measure whole lives: rate, processor time, memory and disk for so many orders."""
    with calibrating() as calibrator:
        spent = await _complete(plan)
    inflation = calibrator.between(*spent.during)
    cpu = "CPU of the server per order"
    return [
        *spent.readings,
        Reading(f"{cpu}, us", spent.cpu_us / plan.orders),
        Reading(f"{cpu}, norm us", inflation.norm(spent.cpu_us) / plan.orders),
        Reading("CPU time inflated by the machine, times", inflation.factor),
        Reading("the same in its least tenth, times", inflation.least),
        Reading("the same in its greatest tenth, times", inflation.most),
    ]


class Completed(NamedTuple):
    """What a run of whole orders cost, and when: seconds of the monotonic clock."""

    readings: list[Reading]
    cpu_us: float
    during: tuple[float, float]


async def _complete(plan: Plan) -> Completed:
    async with serving(plan.folder) as server:
        await _warm_up(server, plan)
        before, own, since = await _facts(server), time.process_time(), time.monotonic()
        used = server.cpu_us()
        with undisturbed():
            tally, census, seconds = await run_all(server, plan)
        own = time.process_time() - own
        facts = sum((await _finals(server, plan.orders + plan.warm_up)).values())
        used, during = server.cpu_us() - used, (since, time.monotonic())
        memory, total = server.memory_mib(), plan.orders + plan.warm_up
        await server.stop()
        many = f"{plan.orders:,} orders"
        readings = [
            Reading(f"completed orders/s ({many})", plan.orders / seconds),
            Reading(f"orders not confirmed (of {many})", total - census.completed),
            Reading(f"answers other than 202 (of {many})", tally.not_taken),
            Reading("durable facts per order", (facts - sum(before.values())) / plan.orders),
            Reading("CPU of the client per order, us", own * 1e6 / plan.orders),
            Reading(f"memory of the server after {many} (RSS), MiB", memory),
            Reading(f"bytes per order, {STORE_FILE}", server.bytes_of(STORE_FILE) / total),
            Reading(
                f"bytes per order, {CHAIN_FILE} (the pretend chain)",
                server.bytes_of(CHAIN_FILE) / total,
            ),
        ]
        return Completed(readings, used, during)


async def measure_push(plan: Plan) -> list[Reading]:
    """Measure how late listeners hear what happened, at a steady pace."""
    async with serving(plan.folder) as server:
        await _warm_up(server, plan)
        with undisturbed():
            heard = await Pace(PUSH_PER_SECOND, plan.seconds).run(server.port)
        lags, name = lags_ms(heard.events), f"at {PUSH_PER_SECOND} orders/s"
        what = f"journal instant to message received, {name}"
        return [
            Reading(f"orders/s really sent, {name}", heard.sent / heard.tally.seconds),
            *waits(f"due to 202, {name}", heard.tally),
            Reading(f"answers other than 202, {name}", heard.tally.not_taken),
            Reading(f"{what}, p50 ms", percentile(lags, 50)),
            Reading(f"{what}, p99 ms", percentile(lags, 99)),
            Reading(f"messages counted, {name}", len(lags)),
        ]


async def measure_engine(plan: Plan) -> list[Reading]:
    """Measure the engine without HTTP, at rates that do not depend on the machine."""
    found = await asyncio.to_thread(measure_rates, RATES, plan.orders)
    return [
        reading
        for rate, of in found.items()
        for reading in (
            Reading(f"CPU per order without HTTP, {rate:,} orders/s, norm us", of.norm_us),
            Reading(f"of which the paper market, {rate:,} orders/s, norm us", of.paper_norm_us),
            Reading(f"CPU per order without HTTP, {rate:,} orders/s, us", of.cost.us_per_order),
        )
    ]


Measure = Callable[[Plan], Coroutine[Any, Any, list[Reading]]]
MEASURES: Final[dict[str, Measure]] = {
    "disk": measure_disk,
    "start": measure_start,
    "accept": measure_accept,
    "keyed": measure_keyed,
    "complete": measure_complete,
    "push": measure_push,
    "engine": measure_engine,
}


def waits(name: str, tally: Tally) -> list[Reading]:
    """Return the percentiles of a crowd's waits."""
    return [
        Reading(f"{name}, p{percent} ms", percentile(tally.waits_ns, percent) / 1e6)
        for percent in (50, 99)
    ]


async def _warm_up(server: Server, plan: Plan) -> None:
    """Let the server meet its first orders before anything is counted, and rest again."""
    await Crowd(orders(plan.warm_up)).run(server.port, CROWDS[0], CONFIRM_S_MAX)
    await _finals(server, plan.warm_up)


async def run_all(server: Taker, plan: Plan) -> tuple[Tally, Census, float]:
    """Send all orders; return when all are confirmed, or no more of them will be."""
    total, begin = plan.orders + plan.warm_up, time.perf_counter()
    crowd = Crowd(orders(plan.orders))
    sending = asyncio.create_task(crowd.run(server.port, CROWDS[-1], CONFIRM_S_MAX))
    try:
        census = await until_confirmed(server, total)
        seconds = time.perf_counter() - begin
        return await sending, census, seconds
    finally:
        sending.cancel()


async def until_confirmed(server: Taker, total: int) -> Census:
    """Wait until so many orders are confirmed, or no more of them will be."""
    until = time.perf_counter() + CONFIRM_S_MAX
    while True:
        census = await read_census(server)
        if census.completed >= total or time.perf_counter() > until:
            return census
        await asyncio.sleep(LOOK_EVERY_S)


async def read_census(server: Taker) -> Census:
    """Return the counts of the list."""
    return msgspec.json.decode(await _read(server, "/api/orders?limit=1"), type=Census)


async def _read(server: Taker, path: str) -> bytes:
    asker = Asker()
    try:
        return await asker.ask(server.port, get(path))
    finally:
        asker.close()


async def _facts(server: Server) -> dict[bytes, float]:
    """Return how many facts of each kind became durable so far."""
    text = await _read(server, "/metrics")
    return {kind: float(count) for kind, count in _FACTS.findall(text)}


async def _finals(server: Server, total: int) -> dict[bytes, float]:
    """Wait until so many orders are final, so that none is still costing anything."""
    until = time.perf_counter() + CONFIRM_S_MAX
    while time.perf_counter() < until:
        facts = await _facts(server)
        if facts.get(b"finalized", 0) >= total:
            return facts
        await asyncio.sleep(LOOK_EVERY_S)
    raise CannotMeasure(f"the orders were not final within {CONFIRM_S_MAX} s ({PROFILE})")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the client's collector of garbage from stopping it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
