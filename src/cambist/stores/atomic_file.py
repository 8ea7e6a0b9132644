"""Gives a file that was written whole its name, and never one that is taken."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from cambist.stores.errors import TargetExists
from cambist.values.file_modes import OWNER_ONLY

_BESIDE: Final = ("", "-wal", "-shm", "-journal")


def temp_file_for(target: Path) -> Path:
    """Return an empty file of its owner's alone, to be written before it is given its name.

    Raises TargetExists where the name, or one that belongs to it, is taken, and OSError.
    """
    for ending in _BESIDE:
        path = target.with_name(target.name + ending)
        if path.exists():
            msg = f"{path} is there already, and is not written over: name another, or move it away"
            raise TargetExists(msg)
    part = target.with_name(f"{target.name}.part")
    remove(part)
    part.touch(OWNER_ONLY)
    return part


def publish(part: Path, target: Path) -> None:
    """Flush a file, give it its name, and flush that. Raises OSError."""
    with part.open("rb") as whole:
        os.fsync(whole.fileno())
    os.link(part, target)  # unlike a rename, it never replaces what came in between
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(part: Path) -> None:
    """Remove what is left of writing a file."""
    for ending in _BESIDE:
        with suppress(FileNotFoundError):
            part.with_name(part.name + ending).unlink()
