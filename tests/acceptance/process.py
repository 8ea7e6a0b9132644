"""Starts, kills and stops real cambist processes, each by the id of a process started here."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

START_S_MAX = 30
STOP_S_MAX = 30
STRUCK = "cambist: fault point"
_LISTENING = re.compile(r"Listening on (http://\S+)|the paper chain listens on (\S+)")


class Process:
    """One cambist process over a home; its output is kept in the home."""

    def __init__(self, home: Path, *words: str, name: str = "", **settings: object) -> None:
        self.home = home
        self.log = home / f"{name or words[0]}.log"
        self._words = words
        self._settings = {f"CAMBIST_{k.upper()}": str(v) for k, v in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self._begin = 0
        self.url = ""

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    def start(self, **settings: object) -> Process:
        """Start and wait until it listens; settings given here hold for this start only."""
        self.home.mkdir(parents=True, exist_ok=True)
        path = self.log
        passed = {k: v for k, v in os.environ.items() if not k.startswith("CAMBIST_")}
        own = {f"CAMBIST_{k.upper()}": str(v) for k, v in settings.items()}
        env = {**passed, **self._settings, **own, "CAMBIST_HOME": str(self.home)}
        with path.open("ab") as log:
            begin = self._begin = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cambist", *self._words],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START_S_MAX
        while time.monotonic() < until:
            found = _LISTENING.search(path.read_bytes()[begin:].decode(errors="replace"))
            if found:
                self.url = found[1] or found[2]
                return self
            if self._process.poll() is not None or self.is_frozen:
                # A fault point may strike before anyone is served.
                return self
            time.sleep(0.01)
        raise TimeoutError(path.read_text()[-2000:])

    @property
    def exit_code(self) -> int | None:
        """How the process ended; minus the signal's number when one ended it."""
        return None if self._process is None else self._process.poll()

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_frozen(self) -> bool:
        """Whether the process lives and does nothing, by SIGSTOP."""
        if self._process is None or self._process.poll() is not None:
            return False
        asked = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self._process.pid, asked) is not None
        except ChildProcessError:
            return False  # it ended, and another thread has just heard so

    def was_struck(self) -> bool:
        """Whether a fault point struck in any start of it."""
        return self.log.exists() and STRUCK in self.log.read_text(errors="replace")

    def is_struck(self) -> bool:
        """Whether a fault point struck since its last start."""
        return self.log.exists() and STRUCK.encode() in self.log.read_bytes()[self._begin :]

    def freeze(self) -> None:
        """SIGSTOP: it lives on and does nothing; `thaw` wakes it."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, as an operator would; return the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(STOP_S_MAX)

    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended by itself; False when it has not in that time."""
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def engine(home: Path, **settings: object) -> Process:
    """Return an engine on a free port of the loopback."""
    return Process(home, "serve", port=0, log_format="json", **settings)


def paper_chain(home: Path, **settings: object) -> Process:
    """Return a paper chain of its own."""
    return Process(home, "paper-chain", log_format="json", **settings)
