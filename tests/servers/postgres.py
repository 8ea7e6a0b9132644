"""Runs a real PostgreSQL for tests: by URL, or found as `cambist up` finds it, with fsync on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cambist.cli.local_cluster import server_programs
from cambist.cli.local_cluster.server_programs import PostgresPrograms
from tests.servers.machine import ServerNotAvailable, box, free_port, unprivileged_user

URL_VARIABLE = "CAMBIST_TEST_POSTGRES_URL"
START_WITHIN_S = 20
STOP_WITHIN_S = 10
SETTINGS = server_programs.POSTGRES_DURABLE | {
    "max_connections": "80",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
}


class Postgres:
    """A server of our own, in a folder of its own. `settings` are added to the usual ones."""

    def __init__(
        self, folder: Path, programs: PostgresPrograms, settings: dict[str, str] | None = None
    ):
        self._data, self._place = folder / "d", folder / "s"
        self._settings = SETTINGS | (settings or {})
        self._child: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        for one in (self._data, self._place):
            one.mkdir(mode=0o700)
            if user := unprivileged_user():
                os.chown(one, user["user"], user["group"])
        self._programs = programs.within_reach(folder / "pg")

    @property
    def pid(self) -> int | None:
        """The id of the process that was started last."""
        return None if self._child is None else self._child.pid

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """The folder of the server's data."""
        return self._data

    def make(self) -> None:
        """Make the folder a database."""
        command = self._programs.initdb(str(self._data), "postgres", "-A", "trust")
        done = subprocess.run(command, capture_output=True, cwd="/", **unprivileged_user())
        if done.returncode:
            raise ServerNotAvailable(f"initdb failed: {done.stderr.decode()[-500:]}")

    def start(self, **settings: str) -> None:
        """Start, and return when it takes connections; settings count until the next start."""
        told = {"unix_socket_directories": str(self._place)} | self._settings | settings
        command = self._programs.command(str(self._data), self.port, told)
        until = time.monotonic() + START_WITHIN_S
        self._child = self._spawn(command)
        while not server_programs.is_ready(self._data, self._child.pid):
            if time.monotonic() > until:
                raise ServerNotAvailable((self._place / "server.log").read_text()[-1_000:])
            time.sleep(0.01)
            if self._child.poll() is not None:
                # What a killed server's children still hold is free in a moment.
                self._child = self._spawn(command)

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self._place / "server.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **unprivileged_user(),
            )

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
    """Run a server that a test may break. Raises ServerNotAvailable."""
    programs = server_programs.find_postgres()
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
    """Yield the URL of a server that takes new databases. Raises ServerNotAvailable."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield named
        return
    with own_postgres() as server:
        yield server.url


def with_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
