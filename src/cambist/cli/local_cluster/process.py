"""Starts processes that cannot outlive us, waits until each is ready, and ends them.

A child is given a death signal (prctl on Linux): when we die, however we die, the kernel ends it.
A pipe that children watch would do the same elsewhere, but PostgreSQL and Valkey watch none.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from cambist.clock import SystemClock

START_MS_MAX: Final = 30_000
LOOK_EVERY_MS: Final = 10
LOG_BYTES_MAX: Final = 16 * 1_024 * 1_024
TAIL_BYTES: Final = 1_500
_PR_SET_PDEATHSIG: Final = 1
# Found before any fork: what runs between a fork and its exec must not look for anything.
_PRCTL: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class StartFailed(RuntimeError):
    """A process that did not come up. `code` is its exit code; the message is its last words."""

    def __init__(self, name: str, code: int | None, words: str) -> None:
        why = "was not ready in time" if code is None else f"ended with {code}"
        super().__init__(f"{name} {why}: {words.strip()}" if words.strip() else f"{name} {why}")
        self.name = name
        self.code = code


class ProcessSpec(NamedTuple):
    """One process of an installation: how it is started, known to be ready, and ended."""

    name: str
    place: str
    """Where it can be found, as a person is told."""
    command: tuple[str, ...]
    is_ready: Callable[[int], Awaitable[bool]]
    """Tells whether the process of this id can be used."""
    environment: Mapping[str, str] = {}
    spawn_options: Mapping[str, Any] = {}
    """More for the call that starts it: its user, and files it is handed."""
    stop_signal: int = signal.SIGTERM
    kill_signal: int = signal.SIGKILL
    end_ms_max: int = 15_000


class ManagedProcess:
    """A part that runs, or did."""

    def __init__(self, part: ProcessSpec, logs: Path, clock: SystemClock) -> None:
        self.part = part
        self._log = logs / f"{part.name}.log"
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The id of the process that runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    async def start(self) -> None:
        """Start it, and wait until it is ready. Raises StartFailed, and OSError."""
        part, ours = self.part, os.getpid()
        self.trim_log()
        with self._log.open("ab") as out:
            begin = out.tell()
            self._process = await asyncio.create_subprocess_exec(
                *part.command,
                env={**os.environ, **part.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                # Apart from our terminal: its Ctrl-C is for us, who end them in order.
                start_new_session=True,
                preexec_fn=lambda: die_with(ours, part.kill_signal),
                **part.spawn_options,
            )
        until = self._clock.monotonic_ms() + START_MS_MAX
        while self._clock.monotonic_ms() < until and self.is_running:
            if await part.is_ready(self._process.pid):
                return
            await self._clock.sleep(LOOK_EVERY_MS)
        code = self._process.returncode
        await self.force()
        raise StartFailed(part.name, code, self._words_since(begin))

    async def ended(self) -> int:
        """Wait for its end, and return its exit code: below zero, the signal that ended it."""
        return 0 if self._process is None else await self._process.wait()

    async def end(self) -> bool:
        """Ask it to end, and force it when it takes too long; tell whether it ended by itself."""
        if self._process is None or not self.is_running:
            return True
        self._process.send_signal(self.part.stop_signal)
        try:
            async with asyncio.timeout(self.part.end_ms_max / 1_000):
                await self._process.wait()
        except TimeoutError:
            await self.force()
            return False
        return True

    async def force(self) -> None:
        """End it at once."""
        if self._process is not None and self.is_running:
            self._process.send_signal(self.part.kill_signal)
            try:
                async with asyncio.timeout(self.part.end_ms_max / 1_000):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    def force_now(self) -> None:
        """End it at once, and wait for nothing."""
        if self._process is not None and self.is_running:
            self._process.send_signal(self.part.kill_signal)

    def trim_log(self) -> None:
        """Put a log that grew long aside; a process that writes to it writes on at its start."""
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            shutil.copyfile(self._log, self._log.with_suffix(".log.1"))
            os.truncate(self._log, 0)

    def _words_since(self, begin: int) -> str:
        with self._log.open("rb") as log:
            log.seek(max(begin, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            return log.read(TAIL_BYTES).decode("utf-8", "replace")


def die_with(parent: int, number: int) -> None:
    """Have the kernel end this process when its parent dies, between its fork and its exec."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)
