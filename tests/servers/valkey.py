"""Runs a real Redis or Valkey for tests: by URL, or found as `cambist up` finds it, fsync on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cambist.cli.local_cluster import server_programs
from tests.servers.machine import ServerNotAvailable, box, free_port

URL_VARIABLE = "CAMBIST_TEST_REDIS_URL"
START_WITHIN_S = 10
STOP_WITHIN_S = 10
ANSWER_WITHIN_S = 0.2


class Valkey:
    """A server of our own, in a folder of its own. `settings` are added to the usual ones."""

    def __init__(self, folder: Path, executable: Path, settings: dict[str, str] | None = None):
        self._folder = folder
        self._executable = executable
        self._settings = server_programs.VALKEY_DURABLE | (settings or {})
        self._child: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def pid(self) -> int | None:
        """The id of the process that was started last."""
        return None if self._child is None else self._child.pid

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and return when it answers."""
        where = {"port": str(self.port), "bind": "127.0.0.1"}
        command = server_programs.command(self._executable, self._folder, where | self._settings)
        with (self._folder / "server.log").open("ab") as log:
            self._child = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + START_WITHIN_S
        while not self._answers(self._child):
            if time.monotonic() > until:
                raise ServerNotAvailable("Valkey did not start in time")
            time.sleep(0.005)

    def _answers(self, child: subprocess.Popen[bytes]) -> bool:
        if child.poll() is not None:
            raise ServerNotAvailable((self._folder / "server.log").read_text()[-1_000:])
        try:
            with socket.create_connection(("127.0.0.1", self.port), ANSWER_WITHIN_S) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def kill9(self) -> None:
        """Kill the server."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def freeze(self) -> None:
        """Let it live on and do nothing; `thaw` wakes it."""
        if self._child is not None:
            self._child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._child is not None:
            self._child.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop."""
        if self._child is None or self._child.poll() is not None:
            return
        self.thaw()
        self._child.terminate()
        try:
            self._child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill9()

    def restart(self) -> None:
        """Stop and start again on the same port with the same data."""
        self.stop()
        self.start()


@contextmanager
def own_valkey(settings: dict[str, str] | None = None) -> Iterator[Valkey]:
    """Run a server that a test may break. Raises ServerNotAvailable."""
    executable = server_programs.find_valkey()
    with box("vk") as folder:
        server = Valkey(folder, executable, settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def some_redis() -> Iterator[str]:
    """Yield the URL of a server whose keys a test may use. Raises ServerNotAvailable."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield named
        return
    with own_valkey() as server:
        yield server.url
