"""Writes down what happened: for people, and as a hash that tells two runs apart."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from tests.simulation.loop import VirtualLoop


class Violation(NamedTuple):
    """A promise that was broken: which, when, and of which order."""

    rule: str
    at_ms: int
    step: int
    order: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.at_ms} ms, step {self.step}, order {self.order}: {self.what}"


class Diary:
    """One run, line by line. `names` turn ids and signatures into what people can read."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._hash = sha256()
        self.lines: list[tuple[str, str]] = []
        self.names: dict[str, str] = {}
        self.violations: list[Violation] = []

    def note(self, what: str, who: str = "") -> None:
        """Write a line, of an order or of all."""
        who = self.names.get(who, who)
        line = f"{self._loop.ms:>8} {what}"
        self._hash.update(f"{who} {line}\n".encode())
        self.lines.append((who, line))

    def blame(self, rule: str, what: str, who: str = "") -> None:
        """Write down that a promise was broken."""
        who = self.names.get(who, who)
        self.note(f"*** {rule}: {what}", who)
        self.violations.append(Violation(rule, self._loop.ms, self._loop.ready.steps, who, what))

    def digest(self) -> str:
        """Return the hash of the run, to its last callback."""
        seen = self._hash.copy()
        seen.update(f"{self._loop.ready.steps} {self._loop.time()!r}".encode())
        return seen.hexdigest()

    def story(self, who: str) -> str:
        """Tell one order's life, with what happened to all."""
        return "\n".join(
            f"{name or '-':>6} {line}" for name, line in self.lines if name in ("", who)
        )  # fmt: skip
