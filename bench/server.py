"""Starts a real server over a home that is thrown away, and reads what it costs the machine."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import cambist
from bench.report import CannotMeasure
from cambist.config import SYNONYMS

START_S_MAX: Final = 30
STOP_S_MAX: Final = 30
LOOK_EVERY_S: Final = 0.002
PROFILE: Final = "instant"
LOG: Final = "server.log"
_LISTENING: Final = re.compile(rb"Listening on http://\S+:(\d+)")
_OLD_NAMES: Final = frozenset(name for names in SYNONYMS.values() for name in names)
_TICKS_AT: Final = (11, 12)
"""utime and stime, counted from behind the name in /proc/PID/stat."""
_TICKS_OF_ENDED_AT: Final = (13, 14)


class Server:
    """One process of `cambist serve`; its log is kept in its home, as in life."""

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        self.home = home
        self._settings = settings
        self.port = 0
        self.start_ms = 0.0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        if self._process is None:
            raise CannotMeasure("the server does not run")
        return self._process.pid

    async def start(self) -> None:
        """Start, and wait until it listens. Raises CannotMeasure."""
        words = ["serve", "--port", "0", "--home", str(self.home), "--profile", PROFILE]
        log = self.home / LOG
        begin = time.perf_counter_ns()
        with log.open("wb") as out:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "cambist",
                *words,
                env=_environment(self._settings),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        while (time.perf_counter_ns() - begin) / 1e9 < START_S_MAX:
            told = _LISTENING.search(log.read_bytes())
            if told:
                self.start_ms = (time.perf_counter_ns() - begin) / 1e6
                self.port = int(told[1])
                return
            if self._process.returncode is not None:
                raise CannotMeasure("the server ended before it listened")
            await asyncio.sleep(LOOK_EVERY_S)
        raise CannotMeasure(f"the server did not listen within {START_S_MAX} s")

    async def stop(self) -> None:
        """Ask the process to end, and end it when it does not."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def kill(self) -> None:
        """End the process as a crash would."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    def cpu_us(self) -> float:
        """Return the processor time it used so far, user and system. Raises CannotMeasure."""
        return cpu_us_of(self.pid, _TICKS_AT)

    def memory_mib(self) -> float:
        """Return the memory it holds now (VmRSS). Raises CannotMeasure."""
        found = re.search(r"VmRSS:\s+(\d+) kB", _read_proc(self.pid, "status"))
        if found is None:
            raise CannotMeasure("the kernel does not tell VmRSS")
        return int(found[1]) / 1_024

    def bytes_of(self, name: str) -> int:
        """Return the bytes of a database in the home, with what was not folded into it."""
        return sum(path.stat().st_size for path in self.home.glob(f"{name}*"))


def cpu_us_of(pid: int, fields: Sequence[int]) -> float:
    """Return the processor time in these fields of a process. Raises CannotMeasure."""
    told = _read_proc(pid, "stat").rpartition(")")[2].split()
    return sum(int(told[at]) for at in fields) * 1e6 / os.sysconf("SC_CLK_TCK")


def family_cpu_us(pid: int) -> float:
    """Return the processor time of a process, its children, and those that ended.

    Raises CannotMeasure.
    """
    used = cpu_us_of(pid, (*_TICKS_AT, *_TICKS_OF_ENDED_AT))
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text("ascii").split():
            with suppress(CannotMeasure):
                used += cpu_us_of(int(child), _TICKS_AT)
    return used


def _read_proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("utf-8")
    except OSError:
        raise CannotMeasure("this needs /proc of a running process") from None


def _environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Return the environment with these settings of ours and no other, measured unnamed."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CAMBIST_") and name not in _OLD_NAMES
    }
    kept |= {f"CAMBIST_{name.upper()}": str(value) for name, value in settings.items()}
    kept["PYTHONPATH"] = str(Path(cambist.__file__).parents[1])
    return kept


@asynccontextmanager
async def serving(folder: Path | None, **settings: object) -> AsyncIterator[Server]:
    """Run a server over a fresh home in the folder; both are gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="cambist-bench-", dir=folder))
    server = Server(home, settings)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(home, ignore_errors=True)
