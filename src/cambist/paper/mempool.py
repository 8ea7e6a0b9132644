"""Holds transactions that were sent and have not landed; a restart forgets them."""

from __future__ import annotations

import heapq
from typing import Final, NamedTuple

from cambist.paper.transaction_codec import PaperMessage
from cambist.values.ids import Signature
from cambist.values.time_units import Height, Slot

PENDING_MAX: Final = 50_000
SENDS_REMEMBERED_MAX: Final = 50_000
PHANTOMS_MAX: Final = 1_000


class PendingTransaction(NamedTuple):
    """A transaction on its way: the slot it lands at, its index in the queue, its random key."""

    slot: Slot
    queue_index: int
    signature: Signature
    message: PaperMessage
    last_valid_height: Height
    random_key: str


class Mempool:
    """Transactions by the slot they land at, then by arrival."""

    def __init__(self) -> None:
        self._queue: list[PendingTransaction] = []
        self._known: set[Signature] = set()
        self._arrived = 0
        self._sends: dict[Signature, int] = {}
        self._phantoms: dict[Signature, tuple[Slot, Slot]] = {}

    def __contains__(self, signature: Signature) -> bool:
        return signature in self._known

    @property
    def is_full(self) -> bool:
        """Whether no more can be taken."""
        return len(self._known) >= PENDING_MAX

    @property
    def first_slot(self) -> Slot | None:
        """The slot of the next landing; None when nothing is on its way."""
        return self._queue[0].slot if self._queue else None

    def random_key(self, signature: Signature, message: PaperMessage) -> str:
        """Return what decides this send's faults: the reference, and how often it was sent."""
        count = self._sends.pop(signature, 0)
        self._sends[signature] = count + 1
        if len(self._sends) > SENDS_REMEMBERED_MAX:
            del self._sends[next(iter(self._sends))]
        return f"{message.reference}\n{count}"

    def next_index(self) -> int:
        """Return the queue index of the next transaction."""
        self._arrived += 1
        return self._arrived

    def add(self, pending: PendingTransaction) -> None:
        """Queue a transaction."""
        self._known.add(pending.signature)
        heapq.heappush(self._queue, pending)

    def take(self, slot: Slot, limit: int) -> list[PendingTransaction]:
        """Return those that land at this slot, in order; they stay known until `settle`."""
        taken: list[PendingTransaction] = []
        while self._queue and self._queue[0].slot <= slot and len(taken) < limit:
            taken.append(heapq.heappop(self._queue))
        return taken

    def settle(self, taken: list[PendingTransaction]) -> None:
        """Forget transactions whose fate is durable."""
        for record in taken:
            self._known.discard(record.signature)

    def show_on_fork(self, signature: Signature, seen: Slot, until: Slot) -> None:
        """Show a signature on a fork until a slot; then the fork is forgotten."""
        self._phantoms[signature] = (seen, until)
        if len(self._phantoms) > PHANTOMS_MAX:
            del self._phantoms[next(iter(self._phantoms))]

    def forked_slot(self, signature: Signature, slot: Slot) -> Slot | None:
        """Return the slot at which a signature shows on a fork just now."""
        if not self._phantoms:
            return None
        seen, until = self._phantoms.get(signature, (slot, slot))
        return seen if slot < until else None
