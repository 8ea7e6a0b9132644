"""Lists every fault point of every part, and breaks one part at one point under a small load."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from cambist.coordination.redis.client import RedisAddress
from cambist.failpoints import FAILPOINTS, Act
from tests.acceptance.installation import LEASE_MS, Installation, Kind, Servers, installed
from tests.acceptance.judge import Verdict, weigh
from tests.acceptance.load import Load, client
from tests.acceptance.stored_orders import Books, read_database, read_file
from tests.server.app_harness import until
from tests.servers.valkey import Valkey

ORDERS: Final = 25
EARLY: Final = 5
"""Orders that wait already when a worker starts: its first sweep finds them."""
CANCELLED: Final = 5
STRIKE_S_MAX: Final = 40
CLOSED_S_MAX: Final = 60
STARTED_S_MAX: Final = 30
MORE_EVERY_S: Final = 0.2
FROZEN_ALONE_S: Final = 0.5
"""On SQLite there is no lease to outlast."""
COUNTS: Final = {"chain": 2, "claims": 1, "signals": 2, "relay": 3}
COUNT: Final = 5
AFTER_MISHAPS: Final = ("claims.released",)
"""Points that an order comes to only when something fails and it has to wait."""
BY_SWEEP: Final = ("claims.swept",)
"""Points that an order comes to only when no bell rang for it."""
IN_FLIGHT: Final = ("claims.before_renew",)
"""Points that need orders which take longer than a third of a lease."""
ONCE: Final = ("intake.cancel_noted", "chain.heard")

_IN: Final = tuple(one for one in FAILPOINTS if one.startswith("intake."))
_MOVES: Final = tuple(one for one in FAILPOINTS if one.startswith("worker."))
_BOTH: Final = tuple(one for one in FAILPOINTS if one.startswith(("store.", "relay.")))
_CLAIMS: Final = tuple(one for one in FAILPOINTS if one.startswith("claims."))
_SIGNALS: Final = tuple(one for one in FAILPOINTS if one.startswith("signals."))
_CHAIN: Final = tuple(one for one in FAILPOINTS if one.startswith("chain."))
REACHED: Final[dict[Kind, dict[str, tuple[str, ...]]]] = {
    "sqlite": {"all": (*_IN, *_MOVES, *_BOTH), "chain": _CHAIN},
    "postgres": {
        "api": (*_IN, *_BOTH, *_SIGNALS),
        "worker-1": (*_MOVES, *_BOTH, *_CLAIMS, *_SIGNALS),
        "chain": _CHAIN,
    },
    "postgres-notify": {"api": _SIGNALS, "worker-1": _SIGNALS},
}
"""Which part of which installation comes to which point."""
ON_POSTGRES: Final = ("intake.after_commit", "worker.before_send")
ACTS: Final[tuple[Act, ...]] = ("kill", "stop", "raise")


class Cell(NamedTuple):
    """One part, broken in one way at one point."""

    kind: Kind
    part: str
    point: str
    act: Act

    def __str__(self) -> str:
        return f"{self.kind}-{self.part}-{self.point}-{self.act}"

    @property
    def fault(self) -> str:
        """The plan of the part that breaks."""
        count = 1 if self.point in ONCE else COUNTS.get(self.point.partition(".")[0], COUNT)
        return f"{self.point}:{count}:{self.act}"


MATRIX: Final = tuple(
    Cell(kind, part, point, act)
    for kind, parts in REACHED.items()
    for part, points in parts.items()
    for point in points
    for act in ACTS
)


def one_for_each_point() -> tuple[Cell, ...]:
    """Return a cell for every point, with acts by turns; mostly where few processes are enough."""
    chosen: list[Cell] = []
    for number, point in enumerate(FAILPOINTS):
        cells = [one for one in MATRIX if one.point == point and one.act == ACTS[number % 3]]
        cells.sort(key=lambda cell: (cell.kind == "sqlite") == (point in ON_POSTGRES))
        chosen.append(cells[0])
    return tuple(chosen)


async def run_cell(cell: Cell, home: Path, servers: Servers) -> Verdict:
    """Break the part, see every order to its end all the same, and judge."""
    lasts = cell.point in IN_FLIGHT
    settings: dict[str, object] = {"paper_profile": "realistic" if lasts else "instant"}
    load = Load(str(cell))
    async with installed(home, cell.kind, servers, **settings) as site, client() as http:
        load.url = site.url
        victim = site.parts[cell.part]
        site.frozen_s = lambda: FROZEN_ALONE_S if cell.kind == "sqlite" else 3 * LEASE_MS / 1_000
        async with asyncio.TaskGroup() as following:
            early = await _arm(site, cell, load, (http, servers.valkey))
            await asyncio.gather(*(_one(load, http, following, n) for n in range(ORDERS - early)))
            async with asyncio.timeout(STRIKE_S_MAX):
                while not victim.was_struck():
                    # What is passed seldom is passed at last.
                    await _one(load, http, following, CANCELLED)
                    await asyncio.sleep(MORE_EVERY_S)
            # One that was frozen wakes, and finds its orders taken by another or gone on with.
            await until(lambda: not victim.is_frozen)
        assert await load.until_closed(http, CLOSED_S_MAX), "orders are still open"
        await site.whole()
        broken = await load.compare(http)
        codes = await site.stop()
        if cell.act == "raise" and victim.is_struck():
            # It may have been ending by itself when it was asked to.
            codes.pop(cell.part, None)
        broken += [f"exit: {name} with {code}" for name, code in codes.items() if code]
        books = await _read(site)
    verdict = weigh(books, home, load.accepted, load.cancelled)
    return verdict._replace(broken=(*verdict.broken, *broken))


async def _read(site: Installation) -> Books:
    return await read_database(site.database_url) if site.database_url else read_file(site.home)


async def _arm(
    site: Installation, cell: Cell, load: Load, reached: tuple[httpx.AsyncClient, Valkey | None]
) -> int:
    """Start the part anew with its plan; return how many orders waited for it meanwhile.

    Of two workers the one with the plan is there first, so that it is the one to find them.
    """
    others = set(site.workers) if cell.part in site.workers and cell.kind != "sqlite" else set()
    http, valkey = reached
    site.held |= {cell.part, *others}
    for name in site.held:
        site.parts[name].kill()
    early = EARLY if others else 0
    await asyncio.gather(*(load.place(http) for _ in range(early)))
    if cell.point in BY_SWEEP and valkey is not None:
        # Bells that are lost: nothing but the sweep finds these orders.
        async with RedisAddress(valkey.url).dial() as line:
            await line.ask("FLUSHALL", within_ms=5_000)
    planned = [{"fault": cell.fault}]
    site.plan = lambda name: planned.pop() if name == cell.part and planned else {}
    site.held.discard(cell.part)
    part = site.parts[cell.part]
    async with asyncio.timeout(STARTED_S_MAX):
        await until(lambda: not planned and (cell.part in site.up or part.was_struck()))
    if cell.point in AFTER_MISHAPS:
        # Not before: a worker that starts waits for the chain to compare itself with.
        site.held.add("chain")
        site.parts["chain"].kill()
        await asyncio.gather(*(load.place(http) for _ in range(EARLY)))
        early += EARLY
        await until(part.was_struck)
    site.held.clear()
    return early


async def _one(
    load: Load, http: httpx.AsyncClient, following: asyncio.TaskGroup, number: int
) -> None:
    """Send an order, listen to it, and want some of them no more."""
    order_id = await load.place(http)
    following.create_task(load.follow(http, order_id))
    if number < CANCELLED:
        await load.cancel(http, order_id)
