"""Mounts small disks in memory, fills them to the last byte, and empties them again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

CHUNK = 64 * 1_024


@contextmanager
def small_disk(place: Path, mebibytes: int) -> Iterator[Path]:
    """Mount a disk of this size, or say loudly that it cannot be done here."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=755", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("NOT TESTED, for want of root: a full disk needs one small enough to fill")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


class Filler:
    """A file that takes all the room there is."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "filler"

    def fill(self) -> int:
        """Take what is left, to the last byte; return how much that was."""
        taken = 0
        with self._path.open("ab", buffering=0) as file:
            size = CHUNK
            while size:
                try:
                    taken += file.write(bytes(size))
                except OSError:
                    size //= 2
        return taken

    def free(self) -> None:
        """Give it all back."""
        with suppress(FileNotFoundError):
            self._path.unlink()
