"""Opens the paper world: inside this process, as a process of its own, or from afar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cambist import faultpoints
from cambist.app.homes import CHAIN_FILE, CHAIN_LOCK, CHAIN_SOCKET, CHAOS_FILE, held
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.engine.means import World as Ports
from cambist.paper.chain import PaperChain
from cambist.paper.chaos import Watch, Weather
from cambist.paper.market import PaperMarket
from cambist.paper.mishaps import PROFILES, Profile
from cambist.paper.remote import RemoteChain, RemoteMarket, RemoteWorld
from cambist.paper.serve import serve
from cambist.paper.signer import PaperSigner
from cambist.paper.world import World


def profile_of(settings: Settings) -> Profile:
    """Return how the world of these settings behaves."""
    return replace(PROFILES[settings.paper_profile], witnesses=settings.paper_witnesses)


@asynccontextmanager
async def open_ports(settings: Settings, home: Path, clock: SystemClock) -> AsyncIterator[Ports]:
    """Open the market, the chain and the signer of the mode."""
    signer = PaperSigner(settings.paper_seed)
    if settings.paper_chain == "socket":
        away = RemoteWorld(clock, home / CHAIN_SOCKET)
        rules = profile_of(settings).rules
        weather = Watch(home / CHAOS_FILE, Weather(clock), clock)  # for the crash switch alone
        async with _beside(away.run()), _beside(weather.run()):
            yield Ports(RemoteMarket(away), RemoteChain(away, rules), signer)
        return
    async with paper_world(settings, home, clock) as world:
        yield Ports(PaperMarket(world, clock), PaperChain(world), signer)


@asynccontextmanager
async def paper_world(settings: Settings, home: Path, clock: SystemClock) -> AsyncIterator[World]:
    """Run the paper world on its own file for as long as the context lasts."""
    world = World(clock, home / CHAIN_FILE, settings.paper_seed, profile_of(settings))
    world.open()
    weather = Watch(home / CHAOS_FILE, world.weather, clock)
    weather.look()
    try:
        async with _beside(world.run()), _beside(weather.run()):
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
