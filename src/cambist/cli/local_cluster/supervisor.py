"""Starts parts in their order, starts again what died, and ends all in the opposite order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from cambist.cli.local_cluster.process import ManagedProcess, ProcessSpec, StartFailed
from cambist.clock import SystemClock

AGAIN_MS: Final = 250
AGAIN_MS_MAX: Final = 30_000
STEADY_MS: Final = 60_000
"""What ran this long is started again without a long wait: what went before is forgotten."""
TRIM_EVERY_MS: Final = 30_000

Say = Callable[[str], None]
Welcome = Callable[[], Awaitable[None]]


class Supervisor:
    """The processes of one installation, stage by stage: each stage needs those before it."""

    def __init__(self, stages: Sequence[Sequence[ProcessSpec]], logs: Path, say: Say) -> None:
        self._clock = SystemClock()
        self._stages = [
            [ManagedProcess(part, logs, self._clock) for part in stage] for stage in stages
        ]
        self._say = say
        self._is_ending = False

    async def run(self, told_to_end: asyncio.Event, welcome: Welcome) -> None:
        """Start all, `welcome` when all are ready, and keep them until told to end.

        Raises StartFailed when a part does not come up the first time.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(self._start_stages(welcome))
                await told_to_end.wait()
                working.cancel()
        finally:
            await self._end()

    def force(self) -> None:
        """End all at once, and wait for nothing."""
        self._is_ending = True
        for stage in self._stages:
            for child in stage:
                child.force_now()

    async def _start_stages(self, welcome: Welcome) -> None:
        async with asyncio.TaskGroup() as keeping:
            for stage in self._stages:
                async with asyncio.TaskGroup() as starting:
                    for child in stage:
                        starting.create_task(self._start(child))
                for child in stage:
                    keeping.create_task(self._restart_loop(child))
            keeping.create_task(self._trim())
            await welcome()

    async def _start(self, child: ManagedProcess) -> None:
        began = self._clock.monotonic_ms()
        await child.start()
        took_ms = self._clock.monotonic_ms() - began
        self._say(f"{child.part.name} is ready: {child.part.place} ({took_ms} ms)")

    async def _restart_loop(self, child: ManagedProcess) -> None:
        """Start it again whenever it ends, sooner or later."""
        wait_ms = AGAIN_MS
        while True:
            began = self._clock.monotonic_ms()
            code = await child.ended()
            if self._clock.monotonic_ms() - began > STEADY_MS:
                wait_ms = AGAIN_MS
            told = f"{child.part.name} {_ending(code)}"
            while True:
                self._say(f"{told}; starting it again in {wait_ms} ms")
                await self._clock.sleep(wait_ms)
                wait_ms = min(2 * wait_ms, AGAIN_MS_MAX)
                try:
                    await self._start(child)
                    break
                except (StartFailed, OSError) as error:
                    told = str(error)

    async def _trim(self) -> None:
        while True:
            await self._clock.sleep(TRIM_EVERY_MS)
            for stage in self._stages:
                for child in stage:
                    child.trim_log()

    async def _end(self) -> None:
        for stage in reversed(self._stages):
            async with asyncio.TaskGroup() as ending:
                for child in stage:
                    ending.create_task(self._end_one(child))

    async def _end_one(self, child: ManagedProcess) -> None:
        if not child.is_running:
            return
        by_itself = await child.end()
        if not self._is_ending:
            took = "ended" if by_itself else "did not end in time and was forced"
            self._say(f"{child.part.name} {took}")


def _ending(code: int) -> str:
    return f"ended with {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
