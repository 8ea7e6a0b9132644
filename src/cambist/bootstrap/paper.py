"""Opens the paper network: inside this process, as a process of its own, or over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from cambist import failpoints
from cambist.bootstrap.home import (
    CHAIN_FILE,
    CHAIN_LOCK,
    CHAIN_SOCKET,
    CHAOS_FILE,
    home_lock,
    opened,
)
from cambist.clock import SystemClock
from cambist.config import BadSettings, Settings
from cambist.engine.dependencies import ChainPorts as Ports
from cambist.paper.adapters import PaperChain, PaperMarket, PaperSigner
from cambist.paper.fault_model import PROFILES, Profile
from cambist.paper.fault_switches import ActiveFaults, FaultConfigWatcher
from cambist.paper.network import PaperNetwork
from cambist.paper.rpc.client import RemoteChain, RemoteMarket, RpcConnection
from cambist.paper.rpc.protocol import RpcAddress
from cambist.paper.rpc.server import serve
from cambist.values.loopback import is_loopback

_BEGIN_ANEW: Final = (
    "Move it away and keep it: the next start begins a paper chain that knows of no execution, and "
    "orders that are in flight end once their blockhash has expired"
)
_OPEN: Final = (
    "the paper chain answers whoever reaches {host}: listen on 127.0.0.1 or on the socket, or say "
    "--to-anyone where only engines can reach it"
)


def profile_of(settings: Settings) -> Profile:
    """Return how the world of these settings behaves."""
    return replace(PROFILES[settings.paper_profile], witnesses=settings.paper_witnesses)


@asynccontextmanager
async def open_ports(settings: Settings, home: Path, clock: SystemClock) -> AsyncIterator[Ports]:
    """Open the market, the chain and the signer of the mode."""
    signer = PaperSigner(settings.paper_seed)
    makes_up = settings.unknown_tokens == "warn"
    place = paper_chain_address(settings)
    if place is not None:
        away = RpcConnection(clock, place)
        rules = profile_of(settings).rules
        weather = FaultConfigWatcher(
            home / CHAOS_FILE, ActiveFaults(clock), clock
        )  # for the crash switch alone
        async with _with_task(away.run()), _with_task(weather.run()):
            yield Ports(RemoteMarket(away, makes_up=makes_up), RemoteChain(away, rules), signer)
        return
    async with paper_world(settings, home, clock) as world:
        yield Ports(PaperMarket(world, clock, makes_up=makes_up), PaperChain(world), signer)


@asynccontextmanager
async def paper_world(
    settings: Settings, home: Path, clock: SystemClock
) -> AsyncIterator[PaperNetwork]:
    """Run the paper world on its own file for as long as the context lasts."""
    world = PaperNetwork(clock, home / CHAIN_FILE, settings.paper_seed, profile_of(settings))
    with opened(home / CHAIN_FILE, _BEGIN_ANEW):
        world.open()
    weather = FaultConfigWatcher(home / CHAOS_FILE, world.weather, clock)
    weather.look()
    try:
        async with _with_task(world.run()), _with_task(weather.run()):
            yield world
    finally:
        world.close()


def paper_chain_address(settings: Settings) -> RpcAddress | None:
    """Return where the paper chain is to be found; None when it runs inside."""
    address = settings.paper_chain
    if address == "inside":
        return None
    if address == "socket":
        return Path(settings.home) / CHAIN_SOCKET
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


@asynccontextmanager
async def open_paper_chain(
    settings: Settings, *, to_anyone: bool = False
) -> AsyncIterator[RpcAddress]:
    """Run the paper world for other processes, at the place yielded.

    It asks nobody who he is: what other machines can reach is refused, unless `to_anyone`.
    Raises BadSettings, HomeInUse, and OSError for an address that cannot be had.
    """
    home, clock = Path(settings.home), SystemClock()
    failpoints.arm(settings.fault)
    place = paper_chain_address(settings) or home / CHAIN_SOCKET
    if not isinstance(place, Path) and not to_anyone and not is_loopback(place[0]):
        raise BadSettings(_OPEN.format(host=place[0]))
    with home_lock(home, CHAIN_LOCK):
        async with (
            paper_world(settings, home, clock) as world,
            _with_task(serve(world, clock, place)),
        ):
            yield place


@asynccontextmanager
async def _with_task(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine for as long as the context lasts; if it fails, the context fails too."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        try:
            yield
        finally:
            task.cancel()
