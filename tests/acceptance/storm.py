"""Kills engines at random for as long as asked, and judges every order by the chain's own file.

`python -m tests.acceptance.storm --rounds 1000` or `--minutes 10`. A round is one kill of the
engine, at a random moment and with half of the rounds at a random fault point; every tenth or
so the paper chain, a process of its own, is killed as well. Homes are settled, judged and
replaced every `ROUNDS_PER_HOME` rounds. A failure prints the seed and keeps the home.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx

from cambist.faultpoints import POINTS
from tests.acceptance.judge import Verdict, judge
from tests.acceptance.load import Load, client
from tests.acceptance.process import Process, engine, paper_chain

ROUNDS_PER_HOME = 50
SENDERS = 3
FOLLOWED_MAX = 40
SEND_PAUSE_S = 0.05
SETTLE_S_MAX = 180
CHAIN_KILL_SHARE = 0.1
FAULT_SHARE = 0.5
CANCEL_SHARE = 0.15
CANCEL_WITHIN_S = 0.6
ENGINE_POINTS = sorted(point for point in POINTS if not point.startswith("chain."))


class Storm:
    """One home under fire."""

    def __init__(self, home: Path, dice: random.Random, profile: str) -> None:
        self._dice = dice
        self._engine = engine(home, paper_profile=profile, paper_chain="socket")
        self._chain = paper_chain(home, paper_profile=profile)
        self.load = Load(home.name)
        self.home = home
        self.kills = 0
        self.chain_kills = 0
        self._over = False

    async def run(self, rounds: int, until: float) -> None:
        """Kill so many times, then let everything come to rest."""
        self._chain.start()
        await self._start()
        async with client() as http, asyncio.TaskGroup() as tasks:
            for _ in range(SENDERS):
                tasks.create_task(self._send(http))
            while self.kills < rounds and time.monotonic() < until:
                await self._round()
            self._over = True
            self._engine.kill()
            await asyncio.to_thread(self._engine.start)
            self.load.url = self._engine.url
            await self.load.settle_unsure(http)
            if not await self.load.until_closed(http, SETTLE_S_MAX):
                raise TimeoutError("orders are still open")
            await self.load.settle_unsure(http)
        self._engine.stop()
        self._chain.stop()

    async def _start(self) -> None:
        fault = {}
        if self._dice.random() < FAULT_SHARE:
            point, nth = self._dice.choice(ENGINE_POINTS), self._dice.randint(1, 12)
            fault = {"fault": f"{point}:{nth}"}
        await asyncio.to_thread(self._engine.start, **fault)
        self.load.url = self._engine.url or self.load.url

    async def _round(self) -> None:
        await asyncio.sleep(self._dice.uniform(0.02, 1.0))
        if self._dice.random() < CHAIN_KILL_SHARE:
            self._chain.kill()
            self.chain_kills += 1
            await asyncio.to_thread(self._chain.start)
        self._engine.kill()
        self.kills += 1
        while True:
            await self._start()
            if self._engine.is_running:
                return
            self.kills += 1

    async def _send(self, http: httpx.AsyncClient) -> None:
        async with asyncio.TaskGroup() as following:
            while not self._over:
                order_id = await self.load.send(http)
                if order_id is not None and len(self.load.streams) < FOLLOWED_MAX:
                    following.create_task(self.load.follow(http, order_id))
                if order_id is not None and self._dice.random() < CANCEL_SHARE:
                    following.create_task(self._cancel(http, order_id))
                await asyncio.sleep(SEND_PAUSE_S)

    async def _cancel(self, http: httpx.AsyncClient, order_id: str) -> None:
        await asyncio.sleep(self._dice.uniform(0, CANCEL_WITHIN_S))
        await self.load.cancel(http, order_id)

    def end(self) -> None:
        """Leave no process behind."""
        for process in (self._engine, self._chain):
            _end(process)


def _end(process: Process) -> None:
    if process.is_running:
        process.kill()


def main() -> int:
    """Run storms until the rounds or the minutes are over; return the exit code."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=0, help="kills in all")
    words.add_argument("--minutes", type=float, default=0, help="how long at most")
    words.add_argument("--seed", type=int, default=int(time.time()))
    asked = words.parse_args()
    rounds = asked.rounds or (10**9 if asked.minutes else 100)
    until = time.monotonic() + (asked.minutes * 60 if asked.minutes else 10**9)
    dice = random.Random(asked.seed)
    kills = chain_kills = cuts = 0
    total = Verdict(0, 0, 0, 0, 0, 0, 0, 0, ())
    number = 0
    while kills < rounds and time.monotonic() < until:
        number += 1
        profile = "realistic" if number % 2 else "instant"
        home = Path(tempfile.mkdtemp(prefix="cambist-storm-"))
        storm = Storm(home, dice, profile)
        try:
            asyncio.run(storm.run(min(ROUNDS_PER_HOME, rounds - kills), until))
            verdict = judge(home, storm.load.accepted, storm.load.cancelled)
        finally:
            storm.end()
        kills, chain_kills = kills + storm.kills, chain_kills + storm.chain_kills
        cuts += storm.load.cuts
        total = Verdict(*(a + b for a, b in zip(total, verdict, strict=True)))
        print(
            f"home {number} ({profile}): {storm.kills} kills of the engine, {storm.chain_kills} of "
            f"the chain; {verdict.orders} orders, {verdict.confirmed} confirmed, "
            f"{verdict.failed} failed, {verdict.cancelled} cancelled, {verdict.twice} twice; "
            f"{kills} kills so far",
            flush=True,
        )
        if verdict.broken:
            print("\n".join(verdict.broken))
            print(f"BROKEN: seed {asked.seed}, home {number}, kept in {home}")
            return 1
        shutil.rmtree(home)
    print(
        f"{kills} kills of the engine and {chain_kills} of the chain, {cuts} streams cut and "
        f"resumed; {total.orders} orders, {total.lost} lost, {total.confirmed} confirmed, "
        f"{total.failed} failed, {total.cancelled} cancelled, {total.executed} executed once, "
        f"{total.twice} twice (seed {asked.seed})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
