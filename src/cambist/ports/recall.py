"""States what the engine needs to hold a store against the chain: which attempts it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from cambist.ports.chain import Trace
from cambist.ports.store import Halt, Store
from cambist.values.ids import Signature
from cambist.values.time_units import Moment, Slot


class Missing(msgspec.Struct, frozen=True):
    """How many executed attempts a store does not have, and the newest of them."""

    total: int
    newest: tuple[Trace, ...] = ()


class Recall(Protocol):
    """What a store remembers of attempts. All may raise PortDown."""

    async def compared(self) -> Slot | None:
        """Return the slot up to which the chain's record was held against the attempts."""

    async def note_compared(self, slot: Slot) -> None:
        """Remember that everything executed up to a slot is an attempt, or noted as missing."""

    async def unrecorded(self, signatures: Sequence[Signature]) -> frozenset[Signature]:
        """Return those that neither an attempt has nor a note of what is missing."""

    async def note_missing(self, missing: Sequence[Trace], halt: Halt, now: Moment) -> None:
        """Halt, and note executed attempts that are not there, in one transaction.

        Orders they moved funds for are given to nobody from then on: what became of them only
        the chain knows.
        """

    async def missing(self, limit: int) -> Missing:
        """Return what was noted as missing, newest first."""


class RecallingStore(Store, Recall, Protocol):
    """A store that can be held against the chain."""
