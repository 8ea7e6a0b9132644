"""Raises paper worlds on a clock that is pushed by hand."""

from __future__ import annotations

from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from cambist.clock import ManualClock
from cambist.paper.adapters import PaperChain, PaperMarket, PaperSigner
from cambist.paper.fault_model import INSTANT, Profile
from cambist.paper.network import PaperNetwork

SEED = 7


@asynccontextmanager
async def running(
    clock: ManualClock,
    path: Path,
    profile: Profile = INSTANT,
    crashes: list[Exception] | None = None,
    *,
    inline: bool = True,
) -> AsyncIterator[PaperNetwork]:
    """Open a world, run it, and drop it as a crash would: nothing is finished first.

    With `crashes` what ends the world is noted there, and raised nowhere.
    """
    world = PaperNetwork(clock, path, SEED, profile, inline=inline)
    world.open()
    try:
        async with TaskGroup() as group:
            task = group.create_task(_run(world, crashes))
            yield world
            task.cancel()
    finally:
        world.close()


async def _run(world: PaperNetwork, crashes: list[Exception] | None) -> None:
    try:
        await world.run()
    except Exception as crash:
        if crashes is None:
            raise
        crashes.append(crash)


class InProcess:
    """A network in this process; `restart` drops the world and opens its file again."""

    def __init__(self, path: Path, profile: Profile = INSTANT, *, inline: bool = True) -> None:
        self.crashes: list[Exception] = []
        self.inline = inline
        self.clock = ManualClock()
        self.path = path
        self.profile = profile
        self.signer = PaperSigner(SEED)
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        self.network = await self._stack.enter_async_context(
            running(self.clock, self.path, self.profile, self.crashes, inline=self.inline)
        )
        self.chain = PaperChain(self.network)
        self.market = PaperMarket(self.network, self.clock)

    async def stop(self) -> None:
        await self._stack.aclose()
        assert not self.crashes

    async def pass_slots(self, count: int) -> None:
        await self.clock.push(count * self.profile.slot_ms)

    async def restart(self) -> None:
        await self.stop()
        await self.start()
