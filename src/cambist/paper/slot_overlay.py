"""Keeps values as everyone sees them apart from the changes of a slot that is not durable yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class SlotOverlay(Generic[K, V]):
    """A bounded memory of the ledger's rows, with the running slot's changes on top.

    `load` reads a row that is not remembered; None stands for a row that does not exist.
    """

    def __init__(self, load: Callable[[K], V | None], kept_max: int) -> None:
        self._load = load
        self._kept_max = kept_max
        self._seen: dict[K, V | None] = {}
        self._staged: dict[K, V] = {}

    def seen(self, key: K) -> V | None:
        """Return the durable value."""
        try:
            return self._seen[key]
        except KeyError:
            value = self._seen[key] = self._load(key)
            self._forget()
            return value

    def current(self, key: K) -> V | None:
        """Return the value as the running slot has left it."""
        staged = self._staged.get(key)
        return self.seen(key) if staged is None else staged

    def stage(self, key: K, value: V) -> None:
        """Change a value within the running slot."""
        self._staged[key] = value

    def staged(self, key: K) -> V | None:
        """Return what the running slot changed a value to; None where it did not."""
        return self._staged.get(key)

    @property
    def changes(self) -> dict[K, V]:
        """What the running slot changed."""
        return dict(self._staged)

    def publish(self) -> None:
        """Let everyone see the changes; they are durable now."""
        self._seen.update(self._staged)
        self._staged = {}
        self._forget()

    def _forget(self) -> None:
        while len(self._seen) > self._kept_max:
            del self._seen[next(iter(self._seen))]
