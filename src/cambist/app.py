"""Wires ports to their implementations: the one place where both are known."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from cambist import faultpoints, metrics
from cambist.clock import Entropy, SystemClock, draw_secret
from cambist.config import Settings
from cambist.engine.engine import Engine, Limits
from cambist.engine.means import Means
from cambist.engine.means import World as Ports
from cambist.engine.relay import Relay
from cambist.orders.retry import Backoff
from cambist.paper.chain import PaperChain
from cambist.paper.market import PaperMarket
from cambist.paper.mishaps import PROFILES
from cambist.paper.remote import RemoteChain, RemoteMarket, RemoteWorld
from cambist.paper.serve import serve
from cambist.paper.signer import PaperSigner
from cambist.paper.world import World
from cambist.ports.failures import PortDown
from cambist.server.app import build
from cambist.server.doorman import Locks
from cambist.server.serve import Serving
from cambist.server.settings import EdgeLimits, Rates, ServerSettings
from cambist.signals.buckets import MemoryBuckets
from cambist.signals.memory import MemoryBus, MemoryWakeups
from cambist.stores.pepper import Pepper, read_pepper
from cambist.stores.sqlite import checkup
from cambist.stores.sqlite.keys import SqliteKeys
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.amount import Bps
from cambist.values.moment import Millis
from cambist.wire.intents import Limits as RequestLimits

STORE_FILE: Final = "cambist.db"
CHAIN_FILE: Final = "paper-chain.db"
CHAIN_SOCKET: Final = "paper-chain.sock"
LOCK_FILE: Final = "cambist.lock"
CHAIN_LOCK: Final = "paper-chain.lock"
LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))
ANY_HOST: Final = frozenset(("0.0.0.0", "::", ""))  # noqa: S104 -- to know it, not to listen on it
ADDRESS_CONNECTIONS_MAX: Final = 64
_UNSAFE: Final = (
    "host {host} can be reached from other machines, and there is no key to tell who asks: make "
    "one with `cambist keys create`, or listen on 127.0.0.1"
)
SWITCH_INTERVAL_S: Final = 0.002
"""How long the interpreter lets one thread run: the writer's word must not wait for the loop."""
MEASURE_EVERY_MS: Final = 500
_PID_DIGITS_MAX: Final = 20

StoreSick = checkup.Sick
sqlite_version = checkup.sqlite_version


class HomeInUse(RuntimeError):
    """Another process works in this home."""


class UnsafeBind(ValueError):
    """An address that strangers could reach."""


def _made(home: Path) -> Path:
    """Return a home, made for its owner alone where it was missing."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


@contextmanager
def held(home: Path, name: str = LOCK_FILE) -> Iterator[None]:
    """Hold the lock on a home: who has it is alone with its files. Raises HomeInUse."""
    with (_made(home) / name).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            msg = f"{home} is in use by another cambist; stop it, or set CAMBIST_HOME"
            raise HomeInUse(msg) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


class Holder(NamedTuple):
    """Whether somebody works in a home, and the process, where it says so."""

    is_held: bool
    pid: int | None = None


def holder(home: Path) -> Holder:
    """Tell who holds the lock on a home, without keeping anyone from it for long."""
    try:
        with (home / LOCK_FILE).open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                told = lock.read(_PID_DIGITS_MAX).strip()
                return Holder(is_held=True, pid=int(told) if told.isdecimal() else None)
    except OSError:
        return Holder(is_held=False)
    return Holder(is_held=False)


def look_at_store(home: Path) -> checkup.Checkup:
    """Read what the store of a home is. Raises StoreSick."""
    return checkup.look(home / STORE_FILE, SystemClock().elapsed)


def time_a_write(home: Path) -> int:
    """Return what a durable commit beside the store takes, in microseconds. Raises StoreSick."""
    return checkup.write_us(home, SystemClock().elapsed)


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[Engine]:
    """Run an engine for as long as the context lasts; on the way out it drains, and closes.

    Raises HomeInUse, and what opening the files raises.
    """
    home, clock, bus = Path(settings.home), SystemClock(), MemoryBus()
    faultpoints.arm(settings.fault)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with held(home):
        owner = f"{socket.gethostname()}/{os.getpid()}"
        store = SqliteStore(home / STORE_FILE, Relay(bus), owner=owner)
        await store.open()
        try:
            async with _ports(settings, home, clock) as ports:
                means = Means(store, MemoryWakeups(clock), bus, ports, clock, Entropy())
                engine = Engine(means, _limits(settings))
                async with _running(engine, clock):
                    yield engine
        finally:
            await store.close()


@asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[SqliteKeys]:
    """Open the API keys of a home, which another process may be using.

    Raises what opening the file raises.
    """
    keys = SqliteKeys(_made(Path(settings.home)) / STORE_FILE)
    try:
        await keys.open()
        yield keys
    finally:
        await keys.close()


@asynccontextmanager
async def _running(engine: Engine, clock: SystemClock) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(engine.run()), tasks.create_task(_measure(engine, clock))]
        try:
            yield
        finally:
            await engine.drain()
            for task in running:
                task.cancel()


@asynccontextmanager
async def _ports(settings: Settings, home: Path, clock: SystemClock) -> AsyncIterator[Ports]:
    """Open the market, the chain and the signer of the mode."""
    signer = PaperSigner(settings.paper_seed)
    if settings.paper_chain == "socket":
        away = RemoteWorld(clock, home / CHAIN_SOCKET)
        rules = PROFILES[settings.paper_profile].rules
        async with _beside(away.run()):
            yield Ports(RemoteMarket(away), RemoteChain(away, rules), signer)
        return
    async with paper_world(settings, home, clock) as world:
        yield Ports(PaperMarket(world, clock), PaperChain(world), signer)


@asynccontextmanager
async def paper_world(settings: Settings, home: Path, clock: SystemClock) -> AsyncIterator[World]:
    """Run the paper world on its own file for as long as the context lasts."""
    profile = PROFILES[settings.paper_profile]
    world = World(clock, home / CHAIN_FILE, settings.paper_seed, profile)
    world.open()
    try:
        async with _beside(world.run()):
            yield world
    finally:
        world.close()


@asynccontextmanager
async def open_paper_chain(settings: Settings) -> AsyncIterator[Path]:
    """Run the paper world for other processes, on the socket yielded. Raises HomeInUse."""
    home, clock = Path(settings.home), SystemClock()
    faultpoints.arm(settings.fault)
    path = home / CHAIN_SOCKET
    with held(home, CHAIN_LOCK):
        async with paper_world(settings, home, clock) as world, _beside(serve(world, clock, path)):
            yield path


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine beside the context; when it fails, the context fails with it."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        try:
            yield
        finally:
            task.cancel()


class Place(NamedTuple):
    """Where a server listens, and whether it lets in only who has a key."""

    port: int
    has_keys: bool


@asynccontextmanager
async def serving(engine: Engine, settings: Settings) -> AsyncIterator[Place]:
    """Serve an engine for as long as the context lasts.

    Raises UnsafeBind, UnfitPepper, BadSettings, PortInUse and what opening the keys raises.
    """
    home, is_local = Path(settings.home), settings.host in LOOPBACK
    async with open_keys(settings) as keys:
        has_keys = await keys.exist()
        if has_keys:
            read_pepper(home)
        elif not is_local:
            raise UnsafeBind(_UNSAFE.format(host=settings.host))
        locks = Locks(keys, Pepper(home), MemoryBuckets(engine.clock), draw_secret)
        asked = _server_settings(settings, are_strangers=has_keys or not is_local)
        served = Serving(build(engine, asked, locks), settings.host, settings.port)
        async with served.listening() as port:
            yield Place(port, has_keys)


def _server_settings(settings: Settings, *, are_strangers: bool) -> ServerSettings:
    """Return what the server is to hold to. Where only friends can come, none is counted."""
    most = settings.address_connections_max
    if most is None and are_strangers:
        most = ADDRESS_CONNECTIONS_MAX
    own = () if settings.host in ANY_HOST else (settings.host,)
    return ServerSettings(
        edge=EdgeLimits(
            connections_max=settings.connections_max,
            address_connections_max=most,
        ),
        limits=RequestLimits(
            Bps(settings.slippage_bps), Bps(settings.slippage_max_bps), settings.max_retries
        ),
        bare_slippage=settings.slippage_unit,
        allowed_hosts=(*own, *settings.allowed_hosts),
        allowed_origins=settings.allowed_origins,
        trusted_proxies=settings.trusted_proxies,
        rates=Rates(
            settings.key_orders_per_minute,
            settings.key_requests_per_minute,
            settings.key_streams_per_minute,
            settings.address_requests_per_minute,
            settings.auth_failures_per_minute,
        ),
        requests_max=settings.requests_max,
        streams_max=settings.streams_max,
        key_streams_max=settings.key_streams_max,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        hands=settings.worker_concurrency,
        backlog_max=settings.backlog_max,
        orders_per_minute=settings.orders_per_minute,
        backoff=Backoff(Millis(settings.backoff_first_ms)),
    )


async def _measure(engine: Engine, clock: SystemClock) -> None:
    """Set the gauges now and then, and see how late the event loop is."""
    while True:
        due = clock.elapsed() + MEASURE_EVERY_MS
        await clock.sleep(MEASURE_EVERY_MS)
        metrics.LOOP_LAG.set(max(clock.elapsed() - due, 0) / 1_000)
        with suppress(PortDown):
            await engine.measure()
