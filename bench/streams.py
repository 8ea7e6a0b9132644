"""Measures streams: how fast one event reaches a crowd, what idle sockets hold, whom the slow harm.

`python -m bench.streams`, or `make bench-stream`. Everyone listens to all orders (`/ws?notes=1`),
so that each event goes to each listener. The crowd is one process beside the server, on the same
cores: what it costs, the server cannot have.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from bench.host_info import describe
from bench.http_load import Asker, get, orders
from bench.report import Reading, percentile, put, rows, table
from bench.server import Server, serving
from bench.stream_client import Ear, Event, ask_socket, listen

ALL: Final = "/ws?notes=1"
SMALL: Final = 1_000
LARGE: Final = 10_000
SLOW: Final = 100
AT_ONCE: Final = 200
BURST: Final = 40
PACED: Final = 20
PACE_S: Final = 0.5
FACTS_PER_ORDER: Final = 7
WAIT_S_MAX: Final = 60
SETTLE_S: Final = 1.0
FLOOD: Final = 60
_TIMESTAMP: Final = re.compile(rb'"timestamp":"([^"]+)"')


class Crowd:
    """Listeners to all orders, and when they heard what."""

    def __init__(self) -> None:
        self.ears: list[Ear] = []
        self.heard = 0
        self.lags_ms: list[float] = []
        self.times: bool = False
        self.last_ns = 0

    def hear(self, event: Event) -> None:
        """Take one message."""
        self.heard += 1
        if self.times:
            self.last_ns = time.time_ns()
            found = _TIMESTAMP.search(event.data)
            if found is not None:
                at = datetime.fromisoformat(found[1].decode()).timestamp()
                self.lags_ms.append(self.last_ns / 1e6 - at * 1e3)

    async def open(self, port: int, count: int) -> float:
        """Open so many sockets; return how many seconds it took. Raises OSError."""
        begin, request = time.perf_counter(), ask_socket(ALL)
        for start in range(0, count, AT_ONCE):
            size = min(AT_ONCE, count - start)
            ears = await asyncio.gather(*(listen(port, request, self.hear) for _ in range(size)))
            for ear in ears:
                await ear.opened.wait()
            self.ears += ears
        return time.perf_counter() - begin

    async def until_heard(self, count: int) -> bool:
        """Wait until so many messages were heard; False when they were not in time."""
        until = time.perf_counter() + WAIT_S_MAX
        while self.heard < count and time.perf_counter() < until:  # noqa: ASYNC110 -- no event
            await asyncio.sleep(0.002)
        return self.heard >= count

    def close(self) -> None:
        """Let everyone go."""
        for ear in self.ears:
            ear.cut()


@asynccontextmanager
async def gathered(server: Server, count: int) -> AsyncIterator[tuple[Crowd, float]]:
    """Open a crowd for as long as the context lasts."""
    crowd = Crowd()
    try:
        yield crowd, await crowd.open(server.port, count)
    finally:
        crowd.close()


async def place(server: Server, count: int, gap_s: float = 0) -> None:
    """Place so many orders, all at once or with a gap between them."""
    asker = Asker()
    try:
        for request in orders(count):
            await asker.ask(server.port, request)
            await asyncio.sleep(gap_s)
    finally:
        asker.close()


async def measure_idle(count: int, folder: Path | None) -> list[Reading]:
    """Measure what sockets hold that hear nothing."""
    async with serving(folder) as server:
        await place(server, 1)
        await asyncio.sleep(SETTLE_S)
        before = server.memory_mib()
        async with gathered(server, count) as (_, seconds):
            await asyncio.sleep(SETTLE_S)
            held = server.memory_mib()
        return [
            Reading(f"{count:,} idle sockets opened, s", seconds),
            Reading(f"server with {count:,} idle sockets (RSS), MiB", held),
            Reading("memory per idle socket, KiB", (held - before) * 1_024 / count),
        ]


async def measure_fan_out(count: int, folder: Path | None) -> list[Reading]:
    """Measure how fast events reach a crowd: a burst for the rate, single orders for the lag."""
    async with serving(folder) as server, gathered(server, count) as (crowd, _):
        await place(server, 1)
        await crowd.until_heard(FACTS_PER_ORDER * count)
        wanted = crowd.heard + BURST * FACTS_PER_ORDER * count
        used, begin = server.cpu_us(), time.perf_counter()
        await place(server, BURST)
        whole = await crowd.until_heard(wanted)
        seconds, used = time.perf_counter() - begin, server.cpu_us() - used
        sent = BURST * FACTS_PER_ORDER * count
        crowd.times = True
        await place(server, PACED, PACE_S)
        whole &= await crowd.until_heard(wanted + PACED * FACTS_PER_ORDER * count)
        name = f"{count:,} listeners"
        return [
            Reading(f"messages/s ({name})", sent / seconds),
            Reading(f"CPU of the server per message, us ({name})", used / sent),
            Reading(f"messages missed ({name})", 0 if whole else None, "" if whole else "some"),
            Reading(
                f"journal instant to message received, p50 ms ({name}, 2 orders/s)",
                percentile(crowd.lags_ms, 50),
            ),
            Reading(
                f"journal instant to message received, p99 ms ({name}, 2 orders/s)",
                percentile(crowd.lags_ms, 99),
            ),
        ]


class Harm(NamedTuple):
    """What readers felt beside listeners that read nothing."""

    p99_ms: float
    grown_mib: float
    missed: int


async def measure_slow(
    folder: Path | None, count: int = SMALL, slow: int = SLOW, orders_placed: int = FLOOD
) -> list[Reading]:
    """Measure what a crowd feels when some of it reads nothing."""
    fair = await _flood(folder, count - slow, 0, orders_placed)
    mixed = await _flood(folder, count - slow, slow, orders_placed)
    name = f"{count - slow} readers"
    return [
        Reading(f"received after, p99 ms ({name})", fair.p99_ms),
        Reading(f"received after, p99 ms ({name}, {slow} that read nothing)", mixed.p99_ms),
        Reading(f"memory grown, MiB ({name})", fair.grown_mib),
        Reading(f"memory grown, MiB ({name}, {slow} that read nothing)", mixed.grown_mib),
        Reading(f"messages missed by readers ({name})", fair.missed + mixed.missed),
    ]


async def _flood(folder: Path | None, readers: int, slow: int, orders_placed: int) -> Harm:
    async with serving(folder) as server, gathered(server, readers) as (crowd, _):
        async with gathered(server, slow) as (deaf, _):
            for ear in deaf.ears:
                ear.pause()
            await place(server, 1)
            await crowd.until_heard(FACTS_PER_ORDER * readers)
            before = server.memory_mib()
            crowd.times = True
            await place(server, orders_placed, PACE_S)
            wanted = (orders_placed + 1) * FACTS_PER_ORDER * readers
            await crowd.until_heard(wanted)
            grown = server.memory_mib() - before
        return Harm(percentile(crowd.lags_ms, 99), grown, wanted - crowd.heard)


async def measure_many(folder: Path | None, count: int = LARGE) -> list[Reading]:
    """Measure ten thousand sockets: opened, told one order, all cut, and opened again."""
    async with serving(folder) as server:
        async with gathered(server, count) as (crowd, opened):
            held = server.memory_mib()
            crowd.times = True
            begin = time.perf_counter()
            await place(server, 1)
            whole = await crowd.until_heard(FACTS_PER_ORDER * count)
            spread = time.perf_counter() - begin
        async with gathered(server, count) as (again, reopened):
            await place(server, 1)
            whole &= await again.until_heard(FACTS_PER_ORDER * count)
            health = await _status(server)
        name = f"{count:,} sockets"
        return [
            Reading(f"opened, s ({name})", opened),
            Reading(f"server (RSS), MiB ({name})", held),
            Reading(f"one order's {FACTS_PER_ORDER} events told to all, s ({name})", spread),
            Reading(f"one event told to all, s ({name})", spread / FACTS_PER_ORDER),
            Reading(f"all cut and opened again, s ({name})", reopened),
            Reading(f"messages missed ({name})", 0 if whole else None, "" if whole else "some"),
            Reading(f"health is asked and answered ({name}), status", health),
        ]


async def _status(server: Server) -> int:
    asker = Asker()
    try:
        await asker.ask(server.port, get("/health/live"))
        return 200
    finally:
        asker.close()


async def measure(times: int, folder: Path | None) -> list[Reading]:
    """Make each measure so many times."""
    readings: list[Reading] = []
    for _ in range(times):
        readings += await measure_idle(5_000, folder)
        readings += await measure_fan_out(SMALL, folder)
        readings += await measure_slow(folder)
        readings += await measure_many(folder)
    return readings


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="make the temporary homes here")
    parser.add_argument("--markdown", type=Path, help="also write the table into this file")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        readings = runner.run(measure(given.times, given.folder))
    text = table(describe(given.folder, given.times), rows(readings))
    print(text)
    if given.markdown is not None:
        put(given.markdown, text)


if __name__ == "__main__":
    sys.exit(main())
