"""Runs child processes that cannot outlive this one: starts them, waits until ready, ends them."""

# Both commands that start processes use this module: `cambist up` (a whole installation) and
# `cambist prove` (an engine and a paper chain that are killed on purpose). They need the same four
# guarantees.
#
# 1. A child never outlives its parent. On Linux each child asks the kernel for a signal when its
#    parent dies (prctl(2), PR_SET_PDEATHSIG); that also covers a parent that is killed. A pipe
#    that the child watches would be portable, but PostgreSQL and Valkey watch none. Elsewhere a
#    cleanup process (cli/cleanup) may be given: it hears of each child and ends what is left.
# 2. A child is in a session of its own. Ctrl-C in the terminal reaches only the parent, which
#    then ends the children in the right order.
# 3. `start` returns only when the child can be used, and otherwise raises with the last words of
#    its log. A child that does not get ready in time is ended, not left behind.
# 4. `end` asks first and forces later; `force` does not ask. Both wait for the process, so that
#    its id and its port are free when they return.

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

from cambist.cli.cleanup import CleanupProcess
from cambist.clock import SystemClock

START_MS_MAX: Final = 30_000
LOOK_EVERY_MS: Final = 10
LOG_BYTES_MAX: Final = 16 * 1_024 * 1_024
TAIL_BYTES: Final = 1_500
_PR_SET_PDEATHSIG: Final = 1
# Looked up before any fork: between fork and exec the child must not import or allocate locks.
_PRCTL: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class StartFailed(RuntimeError):
    """A process did not start. `code` is its exit code; the message ends with its last words."""

    def __init__(self, name: str, code: int | None, words: str) -> None:
        why = "was not ready in time" if code is None else f"ended with {code}"
        super().__init__(f"{name} {why}: {words.strip()}" if words.strip() else f"{name} {why}")
        self.name = name
        self.code = code


class ProcessSpec(NamedTuple):
    """One process of an installation: how it is started, known to be ready, and ended."""

    name: str
    address: str
    """Where it listens, in a form to print."""
    command: tuple[str, ...]
    is_ready: Callable[[int], Awaitable[bool]]
    """Returns whether the process of this id can be used."""
    environment: Mapping[str, str] = {}
    """Variables set in addition to the inherited ones."""
    inherits: Callable[[str], bool] = lambda _: True
    """Returns whether the child inherits the variable of this name."""
    spawn_options: Mapping[str, Any] = {}
    """More arguments of the call that starts it: its user, and open files it inherits."""
    stop_signal: int = signal.SIGTERM
    kill_signal: int = signal.SIGKILL
    end_ms_max: int = 15_000


class ManagedProcess:
    """One child process, before, while and after it runs."""

    def __init__(
        self,
        spec: ProcessSpec,
        logs: Path,
        clock: SystemClock,
        cleanup: CleanupProcess | None = None,
    ) -> None:
        self.spec = spec
        self._cleanup = cleanup
        self._log = logs / f"{spec.name}.log"
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process has started and not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The id of the process that runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    async def start(self) -> None:
        """Start it, and wait until it is ready. Raises StartFailed, and OSError."""
        spec, parent = self.spec, os.getpid()
        inherited = {name: value for name, value in os.environ.items() if spec.inherits(name)}
        self.trim_log()
        with self._log.open("ab") as out:
            begin = out.tell()
            self._process = await asyncio.create_subprocess_exec(
                *spec.command,
                env={**inherited, **spec.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=lambda: set_death_signal(parent, spec.kill_signal),
                **spec.spawn_options,
            )
        if self._cleanup is not None:
            self._cleanup.note(self._process.pid)
        until = self._clock.monotonic_ms() + START_MS_MAX
        while self._clock.monotonic_ms() < until and self.is_running:
            if await spec.is_ready(self._process.pid):
                return
            await self._clock.sleep(LOOK_EVERY_MS)
        code = self._process.returncode
        await self.force()
        raise StartFailed(spec.name, code, self._words_since(begin))

    async def ended(self) -> int:
        """Wait for its end and return its exit code; minus the number of a signal that ended it."""
        return 0 if self._process is None else await self._process.wait()

    async def end(self) -> bool:
        """Ask it to end, and force it after a while; return whether it ended by itself."""
        if self._process is None or not self.is_running:
            return True
        self._process.send_signal(self.spec.stop_signal)
        try:
            async with asyncio.timeout(self.spec.end_ms_max / 1_000):
                await self._process.wait()
        except TimeoutError:
            await self.force()
            return False
        self._forget()
        return True

    async def force(self) -> None:
        """End it without asking, and wait for its end."""
        if self._process is not None and self.is_running:
            self._process.send_signal(self.spec.kill_signal)
            try:
                async with asyncio.timeout(self.spec.end_ms_max / 1_000):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
            self._forget()

    def force_now(self) -> None:
        """Send the kill signal without waiting for the end."""
        if self._process is not None and self.is_running:
            self._process.send_signal(self.spec.kill_signal)

    def _forget(self) -> None:
        # The process has been waited for: the kernel may give its id to another process.
        if self._cleanup is not None and self._process is not None:
            self._cleanup.forget(self._process.pid)

    def trim_log(self) -> None:
        """Copy a long log aside and empty it; the process goes on writing to the same file."""
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            shutil.copyfile(self._log, self._log.with_suffix(".log.1"))
            os.truncate(self._log, 0)

    def _words_since(self, begin: int) -> str:
        with self._log.open("rb") as log:
            log.seek(max(begin, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            return log.read(TAIL_BYTES).decode("utf-8", "replace")


def set_death_signal(parent: int, number: int) -> None:
    """Have the kernel signal this process when its parent dies; called between fork and exec."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # the parent died before prctl was called
            os._exit(1)
