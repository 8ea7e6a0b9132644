"""Remembers the latest executions, and asks the ledger for older ones."""

from __future__ import annotations

from typing import Final

from cambist.paper.blocks import Execution
from cambist.paper.ledger import Ledger
from cambist.ports.chain import Trace
from cambist.values.ids import Signature
from cambist.values.time_units import Height, Slot

EXECUTIONS_IN_MEMORY_MAX: Final = 20_000


class Landed:
    """Every execution that is durable."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._complete_from = Slot(0)
        latest = ledger.latest(EXECUTIONS_IN_MEMORY_MAX)
        self._recent = {one.signature: one for one in latest}
        if len(latest) == EXECUTIONS_IN_MEMORY_MAX:
            self._complete_from = Slot(latest[0].slot + 1)

    def find(self, signature: Signature, made: Height) -> Execution | None:
        """Return what became of a signature that cannot have landed before height `made`."""
        done = self._recent.get(signature)
        if done is None and made < self._complete_from:
            return self._ledger.execution(signature)
        return done

    def traces(self, since: Slot, before: Signature | None, limit: int) -> tuple[Trace, ...]:
        """Return what was executed at a slot or later, newest first."""
        return tuple(
            Trace(one.signature, one.slot, one.order_id, one.attempt, one.fault is not None)
            for one in self._ledger.newest(since, before, limit)
        )

    def add(self, executions: tuple[Execution, ...]) -> None:
        """Take note of a slot that became durable."""
        recent = self._recent
        for one in executions:
            recent[one.signature] = one
        while len(recent) > EXECUTIONS_IN_MEMORY_MAX:
            oldest = recent.pop(next(iter(recent)))
            self._complete_from = Slot(oldest.slot + 1)
