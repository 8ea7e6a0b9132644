"""Describes the machine that was measured, as far as the figures depend on it."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.report import Reading, percentile
from bench.server import PROFILE

FLUSHES: Final = 100
_BLOCK: Final = b"\0" * 4_096


def describe(folder: Path | None, times: int) -> str:
    """Return the line that stands above the table."""
    place = folder or Path(tempfile.gettempdir())
    return (
        f"{name_machine()}, "
        f"SQLite {sqlite3.sqlite_version} on {_filesystem(place)}; profile `{PROFILE}`, "
        f"each commit `synchronous=FULL`; the client runs on the same cores; "
        f"{times} {'repetition' if times == 1 else 'repetitions'}, a fresh home each."
    )


def name_machine() -> str:
    """Return the machine and the Python, as far as computing depends on them."""
    return (
        f"{_cores()} cores ({_processor()}), {platform.system()} {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def flush(folder: Path | None) -> list[Reading]:
    """Measure what every commit waits for: one block written and flushed."""
    took: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FLUSHES):
            begin = time.perf_counter_ns()
            os.write(file.fileno(), _BLOCK)
            os.fsync(file.fileno())
            took.append((time.perf_counter_ns() - begin) / 1e6)
    return [
        Reading("the disk: 4 KiB written and fsynced, p50 ms", percentile(took, 50)),
        Reading("the disk: 4 KiB written and fsynced, p99 ms", percentile(took, 99)),
    ]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or "unnamed"
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _filesystem(place: Path) -> str:
    """Return the kind of file system a folder lies on: on tmpfs, a flush is free."""
    try:
        mounts = Path("/proc/mounts").read_text("utf-8").splitlines()
    except OSError:
        return "a file system of unknown kind"
    here, best, kind = place.resolve(), Path("/"), "a file system of unknown kind"
    for line in mounts:
        _, point, name, *_ = line.split()
        if here.is_relative_to(point) and len(point) >= len(str(best)):
            best, kind = Path(point), name
    return kind
