"""Follows orders through streams that are cut all the time, and looks for anything missed.

`python -m tests.acceptance.stream_followers --clients 200 --cuts 500 --kill-every 5` is the whole
storm: many
listeners, each cut at random bytes and moments and resumed from random places, while the server is
killed and started again. Every message is compared with the journal.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.stream_client import Ear, Event, ask_events, ask_socket, listen
from tests.acceptance.load import Load, client
from tests.acceptance.process import engine

SOCKETS = ("/api/orders/execute", "/ws", "/ws/orders")
FOREVER_S = 3_600
RESTART_PAUSE_S = 0.05
CUT_S_MAX = 0.4
CUT_BYTES = (0, 200, 1_000, 5_000, 20_000)
SENDERS = 2
SEND_PAUSE_S = 0.08
PATIENCE_S = 120
NOTHING_MORE = 204
"""What a finished stream answers that is asked from its end."""


@dataclass
class Score:
    """What was heard, and what was wrong with it."""

    cuts: int = 0
    messages: int = 0
    orders: int = 0
    kills: int = 0
    broken: list[str] = field(default_factory=list)


class Follower:
    """A listener of one order after the other, or of all, that is cut off again and again."""

    def __init__(self, load: Load, score: Score, dice: random.Random) -> None:
        self._load = load
        self._score = score
        self._dice = dice
        self.all: list[Event] = []

    @property
    def _port(self) -> int:
        return int(self._load.url.rpartition(":")[2])

    async def follow(self, order_id: str, cuts: int) -> int:
        """Follow an order to its end with at most so many cuts; return how many there were."""
        heard: dict[int, bytes] = {}
        done = 0
        while True:
            after = self._dice.choice([max(heard, default=0)] * 3 + [*range(len(heard) + 1)])
            expected = after

            def hear(event: Event) -> None:
                nonlocal expected
                self._score.messages += 1
                message = json.loads(event.data)
                expected += 1
                if (
                    message["seq"] != expected
                    or (event.mark or b"%d" % expected) != b"%d" % (message["seq"])
                ):
                    self._score.broken.append(f"{order_id}: {message['seq']} for {expected}")
                if heard.setdefault(message["seq"], event.data) != event.data:
                    self._score.broken.append(f"{order_id}: {message['seq']} was told otherwise")

            request = self._request(order_id, after)
            if await self._listen(request, hear, cut=done < cuts):
                self._load.streams[order_id] = [heard[seq] for seq in sorted(heard)]
                self._score.orders += 1
                return done
            done += 1

    async def follow_all(self, cuts: int, until: asyncio.Event) -> None:
        """Follow all orders from the beginning of time, with so many cuts, until told to stop."""
        done = 0
        while not until.is_set() or done < cuts:
            marks = [one.mark for one in self.all if one.mark is not None]
            after = marks[-1].decode() if marks else "c0"
            await self._listen(ask_events("/api/events", after), self.all.append, cut=True)
            done += 1

    def _request(self, order_id: str, after: int) -> bytes:
        if self._dice.random() < 0.5:
            return ask_events(f"/api/orders/{order_id}/events", str(after))
        path = self._dice.choice(SOCKETS)
        return ask_socket(f"{path}?orderId={order_id}&fromSeq={after}")

    async def _listen(self, request: bytes, hear, *, cut: bool) -> bool:  # type: ignore[no-untyped-def]
        """Listen once; return whether the stream came to its own end."""
        limit = self._dice.choice(CUT_BYTES) if cut else None
        budget = _Budget(hear, limit)
        ear = budget.ear = await self._connect(request, budget)
        seconds = self._dice.uniform(0, CUT_S_MAX) if cut else PATIENCE_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ear.closed.wait(), seconds)
        ear.cut()
        if ear.status == NOTHING_MORE:
            return True
        if ear.status not in (0, 101, 200, 503):
            self._score.broken.append(f"status {ear.status} for {request[:80]!r}")
        self._score.cuts += not ear.is_whole
        return ear.is_whole

    async def _connect(self, request: bytes, budget: _Budget) -> Ear:
        """Connect as soon as there is a server again. Raises TimeoutError when none comes."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    return await listen(self._port, request, budget.hear)
                except OSError:
                    await asyncio.sleep(RESTART_PAUSE_S)


class _Budget:
    """Cuts a stream once it has told so many bytes."""

    def __init__(self, hear, limit: int | None) -> None:  # type: ignore[no-untyped-def]
        self._hear = hear
        self._left = limit
        self.ear: Ear | None = None

    def hear(self, event: Event) -> None:
        self._hear(event)
        if self._left is not None:
            self._left -= len(event.data)
            if self._left < 0 and self.ear is not None:
                self.ear.cut()


class Storm:
    """A server that is killed, a load of orders, and a crowd that is cut off from both."""

    def __init__(self, home: Path, seed: int, profile: str) -> None:
        self._engine = engine(home, paper_profile=profile)
        self._dice = random.Random(seed)
        self._over = asyncio.Event()
        self.load = Load(f"cuts-{seed}")
        self.score = Score()

    async def run(self, clients: int, cuts: int, kill_every_s: float | None) -> Score:
        """Run until every client had its cuts, then compare all that was heard."""
        await self._start()
        try:
            async with client() as http, asyncio.TaskGroup() as tasks:
                senders = [tasks.create_task(self._send(http)) for _ in range(SENDERS)]
                killer = tasks.create_task(self._kill(kill_every_s or FOREVER_S))
                everyone = Follower(self.load, self.score, random.Random(self._dice.random()))
                listening = tasks.create_task(everyone.follow_all(cuts, self._over))
                async with asyncio.TaskGroup() as crowd:
                    for _ in range(clients):
                        crowd.create_task(self._crowd(cuts))
                self._over.set()
                for task in (*senders, listening, killer):
                    await task
                await self._compare(http, everyone)
        finally:
            if self._engine.is_running:
                self._engine.stop()
        return self.score

    async def _start(self) -> None:
        await asyncio.to_thread(self._engine.start)
        self.load.url = self._engine.url

    async def _kill(self, every_s: float) -> None:
        """Kill the server again and again; end with one that runs, at the address all know.

        A cancelled start would go on in its thread, and nobody would learn the new port.
        """
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), every_s)
                return
            self._engine.kill()
            self.score.kills += 1
            await self._start()

    async def _send(self, http: httpx.AsyncClient) -> None:
        while not self._over.is_set():
            await self.load.send(http)
            await asyncio.sleep(SEND_PAUSE_S)

    async def _crowd(self, cuts: int) -> None:
        follower = Follower(self.load, self.score, random.Random(self._dice.random()))
        left = cuts
        while left > 0:
            recent = list(self.load.accepted.values())[-20:]
            if not recent:
                await asyncio.sleep(RESTART_PAUSE_S)
                continue
            left -= await follower.follow(self._dice.choice(recent), left)

    async def _compare(self, http: httpx.AsyncClient, everyone: Follower) -> None:
        """Compare each stream with the journal as it is read at the end."""
        if not await self.load.until_closed(http, PATIENCE_S):
            self.score.broken.append("orders are still open")
        heard: dict[str, list[bytes]] = {}
        for event in everyone.all:
            if event.mark is not None:
                heard.setdefault(json.loads(event.data)["orderId"], []).append(event.data)
        for order_id in self.load.accepted.values():
            answer = await http.get(f"{self.load.url}/api/orders/{order_id}/events")
            journal = answer.json()["events"]
            told = [json.loads(one) for one in self.load.streams.get(order_id, [])]
            if told and told != journal[: len(told)]:
                self.score.broken.append(f"{order_id}: its stream is not its journal")
            all_told = [json.loads(one) for one in heard.get(order_id, [])]
            if all_told != journal[: len(all_told)]:
                self.score.broken.append(f"{order_id}: the stream of all is not its journal")


def main() -> int:
    """Run a storm of cuts; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.acceptance.stream_followers", description=__doc__
    )
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--cuts", type=int, default=500, help="of each client")
    parser.add_argument("--kill-every", type=float, default=5.0, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", default="realistic")
    given = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cambist-cuts-") as home:
        storm = Storm(Path(home), given.seed, given.profile)
        score = asyncio.run(storm.run(given.clients, given.cuts, given.kill_every))
    print(
        f"{given.clients} clients, {score.cuts:,} cuts, {score.kills} kills of the server, "
        f"{len(storm.load.accepted):,} orders, {score.orders:,} streams to their end, "
        f"{score.messages:,} messages, {time.monotonic() - begin:.0f} s: "
        f"{len(score.broken)} gaps, repeats or disorders"
    )
    for line in score.broken[:20]:
        print(line)
    return 1 if score.broken else 0


if __name__ == "__main__":
    sys.exit(main())
