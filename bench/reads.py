"""Measures lists and reports of a large store: `python -m bench.reads`, or `make bench-reads`.

It fills a SQLite file and a PostgreSQL database with whole lives of orders, starts `cambist serve`
over each, and asks one thing after the other over HTTP. --url names a PostgreSQL server to use
instead of one of its own; the database it makes there is dropped again.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

import uvloop
from msgspec.structs import replace

from bench.host_info import describe
from bench.http_load import Asker, get
from bench.report import CannotMeasure, Reading, percentile, put, rows, table
from bench.server import Server
from bench.stores import clock
from cambist.bootstrap import STORE_FILE
from cambist.orders import events
from cambist.orders.order import Status
from cambist.ports.store import Store
from cambist.stores.postgres import Target, open_postgres
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.time_units import Timestamp
from cambist.values.token import KNOWN, SOL, USDC, Pair
from tests import order_factory
from tests.contracts.store_harness import change
from tests.servers.postgres import some_postgres
from tests.stores.postgres_stores import database

ORDERS: Final = 100_000
AT_ONCE: Final = 128
TIMES: Final = 300
DAYS: Final = 300
DAY_MS: Final = 86_400_000
WALLETS: Final = 50
QUOTES: Final = 6
FEW_IN: Final = 10
_OTHERS: Final = [token for token in KNOWN if token not in (SOL, USDC)]
PAIRS: Final = (Pair(SOL, USDC), *(Pair(token, USDC) for token in _OTHERS))


class Question(NamedTuple):
    """One request, and the greatest p99 it may have, in milliseconds."""

    name: str
    path: str
    most_ms: int = 50


def wallet(number: int) -> Address:
    """Return one of a few wallets."""
    return Address(encode((number % WALLETS + 1).to_bytes(32, "big")))


QUESTIONS: Final = (
    Question("list", "/api/orders"),
    Question("list, limit=500", "/api/orders?limit=500"),
    Question("list, offset=10000", "/api/orders?offset=10000"),
    Question("list, a token that matches nothing", "/api/orders?token=NONE"),
    Question("list, a token of one order in ten", "/api/orders?token=BONK"),
    Question("list, a wallet", f"/api/orders?wallet={wallet(7)}"),
    Question("list, a token and another's wallet", f"/api/orders?token=BONK&wallet={wallet(7)}"),
    Question("list, a status that none has", "/api/orders?status=cancelled", 1_000),
    Question("report, 30 days", "/api/report", 200),
    Question("report, 300 days", "/api/report?since={since}", 200),
)


async def live(store: Store, number: int, now: Timestamp) -> None:
    """Bring one order from birth to end, as of an instant of the last days."""
    pair = PAIRS[number % FEW_IN % len(PAIRS)] if number % FEW_IN < len(PAIRS) else PAIRS[0]
    birth = order_factory.birth(number, f"key {number}", now, pair=pair, wallet=wallet(number))
    await store.add(birth)
    order = await store.claim(birth.event.order.id)
    if order is None:
        raise LookupError(birth.event.order.id)
    tried = order_factory.attempt(1, order.id)
    path = list(order_factory.path(Status.CONFIRMED, tried))
    route = order_factory.route()
    path[1] = events.Routed(replace(route, quotes=route.quotes * QUOTES))
    begun = []
    for event in (*path, events.Finalized(2_100)):
        commit = store.begin_commit(order, change(event, tried, now), now)
        order = commit.order
        begun.append(commit.durable)
    for durable in begun:
        await durable
    await store.release(order)


async def fill(store: Store, orders: int) -> None:
    """Live so many lives, spread over the days before now."""
    began, numbers = clock.now() - DAYS * DAY_MS, count()
    step = DAYS * DAY_MS // orders

    async def one_after_the_other() -> None:
        while (number := next(numbers)) < orders:
            await live(store, number, Timestamp(began + number * step))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(one_after_the_other())
    while await store.add_up_fills():
        continue


async def ask(name: str, server: Server, orders: int) -> list[Reading]:
    """Ask everything many times, one after the other."""
    readings: list[Reading] = []
    asker = Asker()
    since = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - DAYS * DAY_MS / 1_000))
    for question in QUESTIONS:
        request, waits = get(question.path.format(since=since)), []
        for _ in range(TIMES):
            began = time.perf_counter_ns()
            body = await asker.ask(server.port, request)
            waits.append((time.perf_counter_ns() - began) / 1e6)
        if b'"code":' in body[:400]:
            raise CannotMeasure(body.decode())
        label = f"{name}, {orders:,} orders: {question.name}"
        p99 = percentile(waits, 99)
        mark = "" if p99 < question.most_ms else f" **over {question.most_ms}**"
        readings.append(Reading(f"{label}, p50 (ms)", percentile(waits, 50)))
        readings.append(Reading(f"{label}, p99 (ms){mark}", p99))
        readings.append(Reading(f"{label}, answer (kB)", len(body) / 1_000))
    asker.close()
    return readings


@asynccontextmanager
async def over(home: Path, **settings: object) -> AsyncIterator[Server]:
    """Run a server over a store that is there already."""
    server = Server(home, {"auth_failures_per_minute": 0, **settings})
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


async def of_sqlite(orders: int, folder: Path | None) -> list[Reading]:
    """Measure the embedded store."""
    home = Path(tempfile.mkdtemp(prefix="cambist-bench-", dir=folder))
    try:
        store = SqliteStore(home / STORE_FILE, lambda *_: None, owner="bench")
        await store.open()
        try:
            await fill(store, orders)
        finally:
            await store.close()
        async with over(home) as server:
            return await ask("SQLite", server, orders)
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def of_postgres(orders: int, folder: Path | None, url: str) -> list[Reading]:
    """Measure the shared store."""
    home = Path(tempfile.mkdtemp(prefix="cambist-bench-", dir=folder))
    try:
        async with database(url) as made:
            opening = open_postgres(Target(made), lambda *_: None, clock, owner="bench")
            async with opening as store:
                await fill(store, orders)
            async with over(home, database_url=made) as server:
                return await ask("PostgreSQL", server, orders)
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def main(options: argparse.Namespace, url: str) -> None:
    """Measure both stores, and print one table."""
    readings: list[Reading] = []
    if options.store != "postgres":
        readings += await of_sqlite(options.orders, options.folder)
    if options.store != "sqlite":
        readings += await of_postgres(options.orders, options.folder, url)
    text = table(describe(options.folder, 1), rows(readings))
    print(text)
    if options.markdown is not None:
        put(options.markdown, text, "reads")


def _options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.reads", description=__doc__)
    parser.add_argument("--url", help="a PostgreSQL server, instead of one of its own")
    parser.add_argument("--orders", type=int, default=ORDERS, help="how many (%(default)s)")
    parser.add_argument("--store", choices=("sqlite", "postgres"), help="only this one")
    parser.add_argument("--folder", type=Path, help="make the temporary homes here")
    parser.add_argument("--markdown", type=Path, help="also write the table into this file")
    return parser.parse_args(words)


if __name__ == "__main__":
    asked = _options()
    is_given = asked.url is not None or asked.store == "sqlite"
    with (
        nullcontext(asked.url or "") if is_given else some_postgres() as address,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(main(asked, address))
