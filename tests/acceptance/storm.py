"""Kills the processes of an installation at random under load, and judges by the chain's own file.

`python -m tests.acceptance.storm --minutes 10 --store postgres`. Every 0.3 to 1.5 seconds some
process is killed or stopped for a while: the engine or its API and its workers, the paper chain,
and now and then PostgreSQL or Valkey; some starts are armed with a fault point besides. Orders
come all the while, some with a wish to cancel, some with a listener that resumes after each cut;
every POST that was not answered is sent again with its key. A failure prints the seed and keeps
the home.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from tests.acceptance.installation import KINDS, Installation, Kind, installed, servers_of
from tests.acceptance.judge import Verdict, weigh
from tests.acceptance.load import Load, client
from tests.acceptance.nemesis import Nemesis
from tests.acceptance.stored_orders import read_database, read_file

RATE = 24
FOLLOWED_MAX = 40
"""Listeners at once: many more, and it is those who look on that take the machine's time."""
CANCEL_SHARE = 0.15
CANCEL_WITHIN_S = 0.6
CLOSE_WITHIN_S = 60
FOLLOWERS_END_WITHIN_S = 60
TELL_EVERY_S = 5
PATIENCE: Final[dict[str, object]] = {"max_retries": 6, "backoff_first_ms": 200}
"""Who finds the chain away every few seconds shall neither give up nor wait for long."""
FOREVER = 10**9
BROKEN_SHOWN_MAX = 20
_COUNTS = """
SELECT coalesce(sum(n), 0), count(*) FILTER (WHERE n > 1) FROM (
    SELECT count(*) AS n FROM executions WHERE error IS NULL GROUP BY order_id
)
"""


class Asked(NamedTuple):
    """What storm is wanted: which installation, for how long or how often, and how many orders."""

    kind: Kind
    seconds: float
    strikes: int
    rate: float
    seed: int
    profile: str


class Outcome(NamedTuple):
    """What a storm did, what it took to come to rest, and what the judge says."""

    verdict: Verdict
    strikes: dict[str, int]
    starts: int
    cuts: int
    followed: int
    closed_in_s: float
    statuses: dict[int, int]


class Storm:
    """The load of one storm."""

    def __init__(self, site: Installation, asked: Asked, ears: httpx.AsyncClient) -> None:
        self._site = site
        self._ears = ears
        self._following = 0
        self._rate = asked.rate
        self._dice = random.Random(asked.seed + 1)
        self._over = asyncio.Event()
        self.load = Load(f"storm-{asked.seed}")
        self.load.url = site.url

    async def send(self, http: httpx.AsyncClient) -> None:
        """Send at the rate until told to stop, whatever becomes of what was sent before."""
        began, number = time.monotonic(), 0
        async with asyncio.TaskGroup() as sending:
            while not self._over.is_set():
                sending.create_task(self._one(http))
                number += 1
                await asyncio.sleep(max(began + number / self._rate - time.monotonic(), 0))

    async def _one(self, http: httpx.AsyncClient) -> None:
        order_id = await self.load.place(http)
        async with asyncio.TaskGroup() as beside:
            if self._following < FOLLOWED_MAX:
                beside.create_task(self._follow(order_id))
            if self._dice.random() < CANCEL_SHARE:
                await asyncio.sleep(self._dice.uniform(0, CANCEL_WITHIN_S))
                await self.load.cancel(http, order_id)

    async def _follow(self, order_id: str) -> None:
        """Follow an order over connections that are no sender's."""
        self._following += 1
        try:
            await self.load.follow(self._ears, order_id)
        finally:
            self._following -= 1

    def stop(self) -> None:
        """Send no more."""
        self._over.set()


async def rage(asked: Asked, home: Path) -> Outcome:
    """Run a storm to its verdict. Raises TimeoutError when orders stay open after it."""
    settings: dict[str, object] = {"paper_profile": asked.profile, **PATIENCE}
    with servers_of(asked.kind) as servers:
        async with installed(home, asked.kind, servers, **settings) as site:
            nemesis = Nemesis(site, servers, random.Random(asked.seed))
            began = time.monotonic()
            async with client() as http, client() as ears, asyncio.TaskGroup() as tasks:
                storm = Storm(site, asked, ears)
                load = storm.load
                telling = tasks.create_task(_tell(site, load, nemesis, began))
                sending = tasks.create_task(storm.send(http))
                await nemesis.rage(asked.strikes, asked.seconds)
                await nemesis.rest()
                await site.whole()
                calm = time.monotonic()
                storm.stop()
                if not await load.until_closed(http, CLOSE_WITHIN_S):
                    raise TimeoutError("orders are still open long after the last kill")
                async with asyncio.timeout(FOLLOWERS_END_WITHIN_S):
                    await sending
                # What was sent last may have been taken after the first look.
                if not await load.until_closed(http, CLOSE_WITHIN_S):
                    raise TimeoutError("orders are still open long after the last kill")
                closed_in_s = time.monotonic() - calm
                broken = [*await load.compare(http), *load.mistakes]
                telling.cancel()
            broken += [
                f"exit: {name} ended with {code}"
                for name, code in (await site.stop()).items()
                if code
            ]
            url = site.database_url
            books = await read_database(url) if url else read_file(home)
            verdict = weigh(books, home, load.accepted, load.cancelled)
            verdict = verdict._replace(broken=(*verdict.broken, *broken))
    return Outcome(
        verdict, dict(nemesis.struck), site.starts, load.cuts, len(load.streams), closed_in_s,
        dict(load.statuses),
    )  # fmt: skip


async def _tell(site: Installation, load: Load, nemesis: Nemesis, began: float) -> None:
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        moved = twice = 0
        with suppress(sqlite3.Error), closing(sqlite3.connect(_read_only(site.home))) as db:
            ((moved, twice),) = db.execute(_COUNTS)
        print(
            f"{time.monotonic() - began:5.0f} s: {len(load.accepted):,} orders accepted, {moved:,} "
            f"executed, {twice} of them twice; {nemesis.struck.total()} strikes, {site.starts} "
            f"starts, {len(load.unsure)} POSTs unanswered",
            flush=True,
        )


def _read_only(home: Path) -> str:
    return str(home / "paper-chain.db")


def tell(asked: Asked, done: Outcome) -> None:
    """Print what a storm came to."""
    verdict = done.verdict
    print(
        f"{asked.kind}: {sum(done.strikes.values())} strikes ({_counted(done.strikes)}), "
        f"{done.starts} starts; {done.cuts} cuts of {done.followed} streams resumed; answers "
        f"{_counted(done.statuses)}; all closed {done.closed_in_s:.1f} s after the last kill"
    )
    print(
        f"{verdict.orders:,} orders, {verdict.lost} lost, {verdict.confirmed:,} confirmed, "
        f"{verdict.failed:,} failed, {verdict.cancelled:,} cancelled, {verdict.executed:,} "
        f"executed once, {verdict.twice} twice (seed {asked.seed})"
    )


def _counted(counts: dict[str, int] | dict[int, int]) -> str:
    return ", ".join(f"{name}: {counts[name]}" for name in sorted(counts))  # type: ignore[index]


def read_words() -> Asked:
    """Return what the command line asks for."""
    words = argparse.ArgumentParser(prog="python -m tests.acceptance.storm", description=__doc__)
    words.add_argument("--store", choices=KINDS, default="sqlite")
    words.add_argument("--rounds", type=int, default=0, help="strikes in all")
    words.add_argument("--minutes", type=float, default=0, help="how long at most")
    words.add_argument("--rate", type=float, default=RATE, help="orders a second")
    words.add_argument("--seed", type=int, default=int(time.time()))
    words.add_argument("--profile", choices=("realistic", "instant"), default="instant")
    given = words.parse_args()
    rounds = given.rounds or (FOREVER if given.minutes else 100)
    seconds = given.minutes * 60 if given.minutes else FOREVER
    return Asked(given.store, seconds, rounds, given.rate, given.seed, given.profile)


def main() -> int:
    """Run a storm and judge it; return the exit code."""
    asked = read_words()
    # Whoever ends a storm early ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    home = Path(tempfile.mkdtemp(prefix="cambist-storm-"))
    try:
        done = asyncio.run(rage(asked, home))
    except BaseException:
        print(f"BROKEN OFF: seed {asked.seed}, kept in {home}")
        raise
    tell(asked, done)
    if done.verdict.broken:
        print("\n".join(done.verdict.broken[:BROKEN_SHOWN_MAX]))
        print(f"BROKEN in {len(done.verdict.broken)} places: seed {asked.seed}, kept in {home}")
        return 1
    shutil.rmtree(home)
    print("The promise is kept.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
