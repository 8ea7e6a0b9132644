"""Keeps the secret that API keys are digested with, in a file that only its owner may read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from cambist.ports.errors import PortUnavailable
from cambist.values.api_key import PEPPER_BYTES
from cambist.values.file_modes import OWNER_ONLY

FILE: Final = "pepper"
log = structlog.get_logger("cambist.store")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_STRANGERS: Final = stat.S_IWGRP | stat.S_IRWXO


class InvalidPepper(ValueError):
    """A pepper that is missing, broken, or readable by others; the message says what to do."""


def read_pepper(path: Path) -> bytes:
    """Return the pepper in a file. Raises InvalidPepper, and OSError when it cannot be read."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            mode = stat.S_IMODE(found.st_mode)
            # Of a file that is not ours we are let in by our group: so secrets are mounted.
            if mode & (_OTHERS if found.st_uid == os.geteuid() else _STRANGERS):
                msg = f"{path} can be read by others (mode {mode:o}): run `chmod 600 {path}`"
                raise InvalidPepper(msg)
            text = file.read(4 * PEPPER_BYTES)
    except FileNotFoundError:
        msg = (
            f"{path} is gone, and with it the means to check API keys: put its copy back, "
            "or revoke every key and make new ones"
        )
        raise InvalidPepper(msg) from None
    try:
        pepper = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        pepper = b""
    if len(pepper) != PEPPER_BYTES:
        msg = f"{path} is not what cambist wrote there: put its copy back"
        raise InvalidPepper(msg)
    return pepper


class Pepper:
    """The pepper in a file, read when it is first asked for: there is none before a key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: bytes | None = None

    def __call__(self) -> bytes:
        """Return the pepper. Raises PortUnavailable when there is none to be used."""
        if self._held is None:
            try:
                self._held = read_pepper(self._path)
            except (InvalidPepper, OSError) as error:
                log.critical("pepper_unusable", error=str(error))
                raise PortUnavailable(str(error)) from error
        return self._held


def make_pepper(path: Path, draw: Callable[[int], bytes]) -> bytes:
    """Return the pepper in a file; the first call makes it. Raises what `read_pepper` raises.

    Of two that make it at once, one wins, and both return what is kept.
    """
    if path.exists():
        return read_pepper(path)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(draw(PEPPER_BYTES).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return read_pepper(path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return read_pepper(path)
