"""Starts and kills real processes of cambist, each one started here and no other."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from cambist.cli.cleanup import CleanupProcess
from cambist.cli.local_cluster.process import die_with
from cambist.clock import SystemClock

START_MS_MAX: Final = 30_000
LOOK_EVERY_MS: Final = 10
LOOPBACK: Final = "127.0.0.1"
_READY: Final = re.compile(rb"Listening on http|the paper chain listens on")


class StartFailed(RuntimeError):
    """A process that did not come up; the message is the end of what it said."""


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """One cambist process over a home; what it says is kept beside its state."""

    def __init__(
        self,
        home: Path,
        words: tuple[str, ...],
        settings: dict[str, str],
        guardian: CleanupProcess | None = None,
    ) -> None:
        self._words = words
        self._log = home / f"{words[0]}.log"
        kept = {name: value for name, value in os.environ.items() if "CAMBIST_" not in name}
        self._environment = {**kept, "CAMBIST_HOME": str(home), **settings}
        self._process: asyncio.subprocess.Process | None = None
        self._guardian = guardian

    async def start(self, clock: SystemClock) -> None:
        """Start, and wait until it serves. Raises StartFailed."""
        ours = os.getpid()
        with self._log.open("ab") as out:
            begin = out.tell()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "cambist",
                *self._words,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                # The guardian hears of it a moment later: till then the kernel ends it with us.
                preexec_fn=lambda: die_with(ours, signal.SIGKILL),
            )
        if self._guardian is not None:
            self._guardian.note(self._process.pid)
        until = clock.monotonic_ms() + START_MS_MAX
        while clock.monotonic_ms() < until:
            said = self._log.read_bytes()[begin:]
            if _READY.search(said):
                return
            if self._process.returncode is not None:
                break
            await clock.sleep(LOOK_EVERY_MS)
        raise StartFailed(self._log.read_text("utf-8", "replace")[-1_000:])

    async def kill(self) -> None:
        """End it as a crash would: no handler runs, nothing is flushed."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
            if self._guardian is not None:
                self._guardian.forget(self._process.pid)
