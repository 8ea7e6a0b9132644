"""Finds what servers need of the machine: a port, a place with a short path, someone to run as."""

from __future__ import annotations

import importlib.util
import os
import pwd
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class NoServer(RuntimeError):
    """No server of this kind can be had on this machine."""


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nobody() -> dict[str, Any]:
    """Return how to start what refuses to be root: as nobody, if we are root."""
    if os.geteuid() != 0:
        return {}
    found = pwd.getpwnam("nobody")
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def package(name: str) -> Path | None:
    """Return the folder of an installed package, without running any of its code."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


@contextmanager
def box(name: str) -> Iterator[Path]:
    """Make a folder for a server: short, since a socket's path has 107 bytes, and open to nobody.

    What stands in it belongs to the server's own user.
    """
    with tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def runs(command: list[str], **how: Any) -> bool:
    """Tell whether a command can be run at all."""
    try:
        done = subprocess.run(command, capture_output=True, cwd="/", timeout=20, **how)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
