"""Cuts one link of an installation in every way networks fail, under load, and heals it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

import httpx

from tests.acceptance.installation import Apart, Installation, Servers
from tests.acceptance.judge import Verdict, weigh
from tests.acceptance.load import Load, client
from tests.acceptance.stored_orders import read_database
from tests.servers.postgres import with_database
from tests.servers.proxy import Proxy, UnixProxy, Way
from tests.stores.postgres_stores import database, through

Linked = Literal["worker-postgres", "api-postgres", "worker-chain"]
Trouble = Literal["refuse", "blackhole", "half-open", "delay", "trickle", "cut"]
LINKS: Final[tuple[Linked, ...]] = ("worker-postgres", "api-postgres", "worker-chain")
TROUBLES: Final[tuple[Trouble, ...]] = (
    "refuse", "blackhole", "half-open", "delay", "trickle", "cut",
)  # fmt: skip
DELAY_S: Final = 5.0
TRICKLE_BYTES: Final = 10
"""In each hundredth of a second: 1 KB/s."""
CUT_BYTES: Final = 700
EVERY_S: Final = 0.1
AROUND: Final = 10
"""Orders placed before the trouble, and as many after it."""
CLOSED_S_MAX: Final = 60
TAKEN_S_MAX: Final = 60


class Cut(NamedTuple):
    """Which link fails, how, and for how long."""

    link: Linked
    trouble: Trouble
    seconds: float

    def __str__(self) -> str:
        return f"{self.link}-{self.trouble}"


async def hurt(proxy: Proxy, trouble: Trouble) -> None:
    """Begin the trouble."""
    match trouble:
        case "refuse":
            await proxy.refuse()
        case "blackhole":
            proxy.way = Way.BLACKHOLE
        case "half-open":
            proxy.half_open()
        case "delay":
            proxy.delay_s = DELAY_S
        case "trickle":
            proxy.bytes_a_slice = TRICKLE_BYTES
        case "cut":
            proxy.cut_after_bytes = CUT_BYTES


async def heal(proxy: Proxy, trouble: Trouble) -> None:
    """End it, and every connection that still suffers from it."""
    proxy.way, proxy.delay_s, proxy.bytes_a_slice = Way.PASS, 0.0, 0
    proxy.cut_after_bytes = None
    if trouble == "refuse":
        await proxy.accept()
    proxy.reset_all()


@asynccontextmanager
async def linked(
    home: Path, cut: Cut, servers: Servers
) -> AsyncIterator[tuple[Installation, Proxy]]:
    """Run an installation one link of which goes through a proxy."""
    assert servers.postgres is not None
    async with AsyncExitStack() as opened:
        server = with_database(servers.postgres.url, "postgres")
        url = await opened.enter_async_context(database(server))
        part = "api" if cut.link == "api-postgres" else "worker-1"
        proxy: Proxy
        if cut.link == "worker-chain":
            afar = home / "afar"
            afar.mkdir()
            proxy = UnixProxy(afar / "paper-chain.sock", home / "paper-chain.sock")
            apart = Apart(afar, {})
        else:
            proxy = Proxy.before(url)
        await opened.enter_async_context(proxy)
        if cut.link != "worker-chain":
            apart = Apart(home, {"database_url": through(url, proxy.port)})
        settings: dict[str, object] = {"database_url": url, "paper_profile": "instant"}
        settings["max_retries"] = 10
        if servers.valkey is not None:
            settings["redis_url"] = servers.valkey.url
        site = Installation(home, "postgres", {part: apart}, **settings)
        yield await opened.enter_async_context(site.running()), proxy


async def suffer(cut: Cut, home: Path, servers: Servers) -> Verdict:
    """Cut a link under load, heal it, see every order to its end, and judge."""
    load = Load(str(cut))
    async with linked(home, cut, servers) as (site, proxy), client() as http:
        load.url = site.url
        async with asyncio.TaskGroup() as tasks:
            await _place(load, http, tasks, AROUND)
            await hurt(proxy, cut.trouble)
            for _ in range(int(cut.seconds / EVERY_S)):
                await _place(load, http, tasks, 1)
                await asyncio.sleep(EVERY_S)
            if cut.link == "worker-postgres":
                # The other worker needs a lease to run out, and nobody's leave.
                assert await load.until_closed(http, CLOSED_S_MAX), "one cut off holds others up"
            await heal(proxy, cut.trouble)
            await _place(load, http, tasks, AROUND)
        assert await load.until_closed(http, CLOSED_S_MAX), "orders are still open"
        await site.whole()
        broken = await load.compare(http)
        broken += [
            f"exit: {name} with {code}" for name, code in (await site.stop()).items() if code
        ]
        verdict = weigh(await read_database(site.database_url), home, load.accepted)
    return verdict._replace(broken=(*verdict.broken, *broken))


async def _place(
    load: Load, http: httpx.AsyncClient, tasks: asyncio.TaskGroup, orders: int
) -> None:
    """Send orders and follow them, without waiting for anyone."""

    async def one() -> None:
        async with asyncio.timeout(TAKEN_S_MAX):
            order_id = await load.place(http)
            await load.follow(http, order_id)

    for _ in range(orders):
        tasks.create_task(one())
