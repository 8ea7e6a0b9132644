"""Finds what servers need of the host: programs, a free port, an unprivileged user."""

from __future__ import annotations

import importlib.util
import os
import pwd
import socket
import subprocess
from pathlib import Path
from typing import Any, Final

from cambist.values.loopback import LOOPBACK

RUN_S_MAX: Final = 20


class ServerNotAvailable(RuntimeError):
    """No server of this kind can be had on this machine; the message says why."""


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def unprivileged_user() -> dict[str, Any]:
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


def run_output(command: list[str], **how: Any) -> str | None:
    """Return what a command prints; None where it cannot be run at all, or fails."""
    try:
        done: subprocess.CompletedProcess[bytes] = subprocess.run(  # noqa: S603 -- a program that was just found
            command, capture_output=True, cwd="/", timeout=RUN_S_MAX, check=True, **how
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")
