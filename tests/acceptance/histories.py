"""Lets clients write a history under a nemesis, and has it checked.

`python -m tests.acceptance.histories --store postgres --nemesis kill --minutes 10`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from cambist.paper.chain_ledger import executions
from tests.acceptance.history import Call, Recorder, Truth, check
from tests.acceptance.installation import KINDS, Installation, Kind, Servers, installed, servers_of
from tests.acceptance.load import BODIES, RETRY_S, Load, client
from tests.acceptance.nemesis import KILLS, RESTARTS, STOPS, Nemesis, Shares
from tests.acceptance.stored_orders import read_database, read_file

NEMESES: Final[dict[str, Shares]] = {"kill": KILLS, "stop": STOPS, "restart": RESTARTS}
CLIENTS: Final = 20
PAUSE_S: Final = (0.0, 0.15)
AGAIN_SHARE: Final = 0.2
FOLLOW_SHARE: Final = 0.1
CLOSED_S_MAX: Final = 90
BROKEN_SHOWN_MAX: Final = 20


class Asked(NamedTuple):
    """Over which installation, against whom, and for how long."""

    kind: Kind
    nemesis: str
    seconds: float
    seed: int


class Outcome(NamedTuple):
    """How many calls were made, how they ended, and what is wrong with them."""

    calls: int
    ends: dict[str, int]
    strikes: int
    broken: list[str]


class Town:
    """Clients that place, cancel, read and list, and note all of it."""

    def __init__(self, site: Installation, seed: int) -> None:
        self._dice = random.Random(seed)
        self.recorder = Recorder()
        self.load = Load(f"history-{seed}")
        self.load.url = site.url
        self.bodies: dict[str, dict[str, Any]] = {}
        self.orders: list[str] = []
        self.over = asyncio.Event()

    async def live(self, number: int, http: httpx.AsyncClient, tasks: asyncio.TaskGroup) -> None:
        """Make one call after the other until told to stop."""
        while not self.over.is_set():
            await asyncio.sleep(self._dice.uniform(*PAUSE_S))
            what = self._dice.choice(("place", "place", "cancel", "read", "read", "read", "list"))
            if what == "place" or not self.orders:
                await self._place(number, http, tasks)
            elif what == "list":
                await self._list(number, http)
            else:
                recent = self.orders[-4 * CLIENTS :]
                ask = self._cancel if what == "cancel" else self._read
                await ask(number, http, self._dice.choice(recent))

    async def _ask(self, call: Call, asking: Any) -> tuple[Call, httpx.Response | None]:
        try:
            reply = await asking
        except httpx.TransportError:
            await asyncio.sleep(RETRY_S)
            return call, None
        return call._replace(ended=self.recorder.tick()), reply

    async def _place(self, number: int, http: httpx.AsyncClient, tasks: asyncio.TaskGroup) -> None:
        """Place an order: a new one, or one that any client asked for before."""
        if self.bodies and self._dice.random() < AGAIN_SHARE:
            key = self._dice.choice(list(self.bodies)[-4 * CLIENTS :])
        else:
            key = f"key-{len(self.bodies)}"
            self.bodies[key] = {**BODIES[len(self.bodies) % len(BODIES)], "clientOrderId": key}
        call = Call(number, "place", key, self.recorder.tick())
        url = f"{self.load.url}/api/orders/execute"
        call, reply = await self._ask(call, http.post(url, json=self.bodies[key]))
        if reply is not None and reply.status_code in (200, 202):
            order_id = reply.json()["orderId"]
            call = call._replace(how="ok", word=order_id, body=reply.content)
            if order_id not in self.orders:
                self.orders.append(order_id)
                if self._dice.random() < FOLLOW_SHARE:
                    tasks.create_task(self.load.follow(http, order_id))
        self.recorder.note(call)

    async def _cancel(self, number: int, http: httpx.AsyncClient, order_id: str) -> None:
        call = Call(number, "cancel", order_id, self.recorder.tick())
        url = f"{self.load.url}/api/orders/{order_id}"
        call, reply = await self._ask(call, http.delete(url))
        if reply is not None and reply.status_code in (200, 202, 409):
            call = call._replace(how="ok", word=reply.json().get("cancel", ""))
        self.recorder.note(call)

    async def _read(self, number: int, http: httpx.AsyncClient, order_id: str) -> None:
        call = Call(number, "read", order_id, self.recorder.tick())
        url = f"{self.load.url}/api/orders/{order_id}"
        call, reply = await self._ask(call, http.get(url))
        if reply is not None and reply.status_code == 200:
            told = reply.json()
            call = call._replace(how="ok", word=told["status"], number=told["seq"])
        elif reply is not None and reply.status_code == 404:
            # To a client that was told of it, an order that is not there has no line at all.
            call = call._replace(how="ok", word="nowhere", number=0)
        self.recorder.note(call)

    async def _list(self, number: int, http: httpx.AsyncClient) -> None:
        call = Call(number, "list", "", self.recorder.tick())
        call, reply = await self._ask(call, http.get(f"{self.load.url}/api/orders?limit=1"))
        if reply is not None and reply.status_code == 200:
            call = call._replace(how="ok", number=reply.json()["total"])
        self.recorder.note(call)


async def write_history(asked: Asked, home: Path, servers: Servers) -> Outcome:
    """Let clients live under a nemesis, bring everything to rest, and check what they noted."""
    async with installed(home, asked.kind, servers, paper_profile="instant") as site:
        town = Town(site, asked.seed)
        dice = random.Random(asked.seed)
        nemesis = Nemesis(site, servers, dice, NEMESES[asked.nemesis])
        async with client() as http, asyncio.TaskGroup() as tasks:
            living = [tasks.create_task(town.live(n, http, tasks)) for n in range(CLIENTS)]
            await nemesis.rage(1 << 30, asked.seconds)
            town.over.set()
            await asyncio.gather(*living)
            await nemesis.rest()
            await site.whole()
            assert await town.load.until_closed(http, CLOSED_S_MAX), "orders are still open"
        async with client() as http:
            truth = await _truth(site, town, http)
    calls = town.recorder.calls
    broken = check(calls, truth)
    return Outcome(
        len(calls), dict(Counter(call.how for call in calls)), nemesis.struck.total(), broken
    )


async def _truth(site: Installation, town: Town, http: httpx.AsyncClient) -> Truth:
    url = site.database_url
    books = await read_database(url) if url else read_file(site.home)
    orders: dict[str, list[str]] = defaultdict(list)
    for order_id, (key, _) in books.stored.items():
        orders[key or ""].append(order_id)
    done = executions(site.home / "paper-chain.db")
    journals: dict[str, list[bytes]] = {}
    for order_id in town.load.streams:
        answer = await http.get(f"{town.load.url}/api/orders/{order_id}/events")
        journals[order_id] = [msgspec.json.encode(one) for one in answer.json()["events"]]
    heard = {
        order_id: [msgspec.json.encode(msgspec.json.decode(line)) for line in lines]
        for order_id, lines in town.load.streams.items()
    }
    return Truth(
        orders,
        {order_id: status for order_id, (_, status) in books.stored.items()},
        Counter(one.order_id for one in done if one.fault is None),
        journals,
        heard,
    )


def main() -> int:
    """Write a history and judge it; return the exit code."""
    words = argparse.ArgumentParser(prog="python -m tests.acceptance.histories")
    words.add_argument("--store", choices=KINDS, default="sqlite")
    words.add_argument("--nemesis", choices=sorted(NEMESES), default="kill")
    words.add_argument("--minutes", type=float, default=10)
    words.add_argument("--seed", type=int, default=int(time.time()))
    given = words.parse_args()
    asked = Asked(given.store, given.nemesis, given.minutes * 60, given.seed)
    folder = tempfile.TemporaryDirectory(prefix="cambist-history-")
    with folder as home, servers_of(asked.kind) as servers:
        done = asyncio.run(write_history(asked, Path(home), servers))
    print(
        f"{asked.kind}, {asked.nemesis}: {CLIENTS} clients made {done.calls:,} calls ({done.ends}) "
        f"under {done.strikes} strikes; {len(done.broken)} contradictions (seed {asked.seed})"
    )
    print("\n".join(done.broken[:BROKEN_SHOWN_MAX]))
    return 1 if done.broken else 0


if __name__ == "__main__":
    sys.exit(main())
