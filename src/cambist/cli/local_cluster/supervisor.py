"""Starts processes stage by stage, restarts those that end, and ends all in reverse order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from cambist.cli.managed_process import ManagedProcess, ProcessSpec, StartFailed
from cambist.clock import SystemClock

AGAIN_MS: Final = 250
AGAIN_MS_MAX: Final = 30_000
STEADY_MS: Final = 60_000
"""A process that ran this long is restarted after the shortest wait again."""
TRIM_EVERY_MS: Final = 30_000

Print = Callable[[str], None]
OnReady = Callable[[], Awaitable[None]]


class Supervisor:
    """The processes of one installation, stage by stage: each stage needs those before it."""

    def __init__(self, stages: Sequence[Sequence[ProcessSpec]], logs: Path, report: Print) -> None:
        self._clock = SystemClock()
        self._stages = [
            [ManagedProcess(spec, logs, self._clock) for spec in stage] for stage in stages
        ]
        self._report = report
        self._is_ending = False

    async def run(self, stop: asyncio.Event, on_ready: OnReady) -> None:
        """Start all, call `on_ready` once all are ready, and restart what ends until `stop` is set.

        Raises StartFailed when a process does not start the first time.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(self._start_stages(on_ready))
                await stop.wait()
                keeping.cancel()
        finally:
            await self._end()

    def force(self) -> None:
        """Send every process its kill signal without waiting for the ends."""
        self._is_ending = True
        for stage in self._stages:
            for child in stage:
                child.force_now()

    async def _start_stages(self, on_ready: OnReady) -> None:
        async with asyncio.TaskGroup() as keeping:
            for stage in self._stages:
                async with asyncio.TaskGroup() as starting:
                    for child in stage:
                        starting.create_task(self._start(child))
                for child in stage:
                    keeping.create_task(self._restart_loop(child))
            keeping.create_task(self._trim())
            await on_ready()

    async def _start(self, child: ManagedProcess) -> None:
        began = self._clock.monotonic_ms()
        await child.start()
        took_ms = self._clock.monotonic_ms() - began
        self._report(f"{child.spec.name} is ready: {child.spec.address} ({took_ms} ms)")

    async def _restart_loop(self, child: ManagedProcess) -> None:
        """Restart a process whenever it ends; each failure in a row doubles the wait."""
        wait_ms = AGAIN_MS
        while True:
            began = self._clock.monotonic_ms()
            code = await child.ended()
            if self._clock.monotonic_ms() - began > STEADY_MS:
                wait_ms = AGAIN_MS
            reason = f"{child.spec.name} {_ending(code)}"
            while True:
                self._report(f"{reason}; starting it again in {wait_ms} ms")
                await self._clock.sleep(wait_ms)
                wait_ms = min(2 * wait_ms, AGAIN_MS_MAX)
                try:
                    await self._start(child)
                    break
                except (StartFailed, OSError) as error:
                    reason = str(error)

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
                    ending.create_task(self._end_process(child))

    async def _end_process(self, child: ManagedProcess) -> None:
        if not child.is_running:
            return
        ended_by_itself = await child.end()
        if not self._is_ending:
            outcome = "ended" if ended_by_itself else "did not end in time and was forced"
            self._report(f"{child.spec.name} {outcome}")


def _ending(code: int) -> str:
    return f"ended with {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
