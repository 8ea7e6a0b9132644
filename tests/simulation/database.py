"""Is a database server as the engine may count on it: rows, unique indexes, leases, one clock.

A model of what a store for several processes promises through the port. Each transaction is
atomic, by being one call; what may happen before, after and between is the business of
`ModelStore`, which is a process's way to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.amend import wake_after_amend
from cambist.orders.journal import JournalEntry, RecordedEvent, append, replay
from cambist.orders.lifecycle import IllegalTransition, evolve
from cambist.orders.order import Order, Status
from cambist.orders.retry import BACKOFF_MAX_MS
from cambist.ports.errors import DuplicateIdempotencyKey, PortError, TradingHalted, VersionConflict
from cambist.ports.store import FeedEntry, Halt, IdempotencyRecord, NewOrder
from cambist.stores.commands import needs_trading
from cambist.values.ids import OrderId, Principal, Signature
from cambist.values.time_units import Timestamp
from tests.simulation.writes import (
    Amend,
    Births,
    Cancel,
    Kept,
    Move,
    Switch,
    Write,
    Written,
    fate,
    rebased,
)

INTEGER_MAX: Final = 2**63 - 1
ALIVE: Final = ("in_flight", "landed")


class Database:
    """The server. `on_commit` is told every write that became durable, and by whom."""

    checks_claims = True
    checks_hashes = True

    def __init__(self, now: Callable[[], int], lease_ms: int) -> None:
        self._now, self._lease_ms = now, lease_ms
        self.rows: dict[OrderId, Order] = {}
        self.leases: dict[OrderId, int] = {}
        self.granted: dict[OrderId, tuple[str, int]] = {}
        self.journals: dict[OrderId, list[JournalEntry]] = {}
        self.lines: list[FeedEntry] = []
        self.attempts: dict[OrderId, dict[int, Kept]] = {}
        self.signatures: set[Signature] = set()
        self.halt: Halt | None = None
        self.keys: dict[tuple[Principal, str], IdempotencyRecord] = {}
        self.on_commit: Callable[[Write, Written, str], None] = lambda *_: None

    # ------------------------------------------------------------------------------ writes

    def apply(
        self, batch: Sequence[Write], owner: str, *, again: bool = False
    ) -> list[Written | Exception]:
        """Write a batch in one transaction; a refused item fails alone.

        `again` says that the same batch was sent before, and its answer was lost.
        """
        results: list[Written | Exception] = []
        for write in batch:
            known = self._known(write) if again else None
            if known is not None:
                results.append(known)
                continue
            try:
                written = self._apply(write, owner)
            except (PortError, IllegalTransition) as error:
                results.append(error)
                continue
            results.append(written)
            if written.events:
                self.on_commit(write, written, owner)
        return results

    def _known(self, write: Write) -> Written | None:
        """Return what a write came to that was made already."""
        match write:
            case Move(before, after, told, _):
                row = self.rows[before.id]
                moved = after.head_hash != before.head_hash
                ours = moved and row.head_hash == after.head_hash
                return Written(told, self._place(told)) if ours else None
            case Births(births, _):
                told = tuple(
                    new_order.event for new_order in births if new_order.event.order.id in self.rows
                )
                if not told:
                    return None
                # They were born together: what is not here had its key taken.
                keys = [self._taken(birth) for birth in births]
                return Written(told, self._place(told), tuple(keys))
            case Amend(order_id, terms, at_seq, _):
                row = self.rows.get(order_id)
                if row is None or row.last_seq != at_seq + 1 or row.terms != terms:
                    return None
                told = (replace(replay(self.journals[order_id])[-1], order=row),)
                ours = told[0].entry.kind == "amended"
                return Written(told, self._place(told)) if ours else None
            case _:
                return None

    def _taken(self, new_order: NewOrder) -> IdempotencyRecord | None:
        order = new_order.event.order
        if new_order.key is None or order.id in self.rows:
            return None
        return self.keys.get((order.intent.principal, new_order.key))

    def _place(self, told: Sequence[RecordedEvent]) -> int:
        first = told[0].entry
        at = (first.order_id, first.seq)
        return next(line.position for line in self.lines if (line.order_id, line.seq) == at)

    def _apply(self, write: Write, owner: str) -> Written:
        begins = isinstance(write, Births) or (
            isinstance(write, Move) and needs_trading(write.change)
        )
        if begins and self.halt is not None:
            raise TradingHalted(self.halt)
        match write:
            case Births():
                return self._bear(write)
            case Move():
                return self._move(write, owner)
            case Cancel():
                return self._cancel(write)
            case Amend():
                return self._amend(write)
            case Switch(halt):
                self.halt = halt
                return Written((), 0)

    def _bear(self, write: Births) -> Written:
        told: list[RecordedEvent] = []
        taken: list[IdempotencyRecord | None] = []
        for birth in write.births:
            order = birth.event.order
            key = None if birth.key is None else (order.intent.principal, birth.key)
            known = None if key is None else self.keys.get(key)
            if known is not None and write.strict:
                raise DuplicateIdempotencyKey(known)
            taken.append(known)
            if known is not None:
                continue
            if key is not None:
                self.keys[key] = IdempotencyRecord(order.id, birth.fingerprint, birth.reply)
            self.rows[order.id] = order
            self.journals[order.id] = []
            told.append(birth.event)
        return self._tell(tuple(told), tuple(taken))

    def _tell(
        self, told: tuple[RecordedEvent, ...], taken: tuple[IdempotencyRecord | None, ...] = ()
    ) -> Written:
        """Add lines to the journals; the index refuses a number that is there."""
        place = len(self.lines) + 1
        ends = {event.entry.order_id: len(self.journals[event.entry.order_id]) for event in told}
        for event in told:
            ends[event.entry.order_id] += 1
            if event.entry.seq != ends[event.entry.order_id]:
                raise IllegalTransition("journal", f"numbered {event.entry.seq}")
        for event in told:
            self.journals[event.entry.order_id].append(event.entry)
            who = event.order.intent.principal
            line = FeedEntry(len(self.lines) + 1, event.entry.order_id, event.entry.seq, who)
            self.lines.append(line)
        return Written(told, place, taken)

    def _move(self, write: Move, owner: str) -> Written:
        row = self.rows[write.before.id]
        before = write.before
        fits = row.version == before.version
        if self.checks_hashes:
            fits = fits and row.head_hash == before.head_hash
        mine = row.lease_owner == owner and row.lease_epoch == before.lease_epoch
        if self.checks_claims and not (fits and mine):
            raise VersionConflict(row if mine else None)
        if not self.checks_claims:
            write = rebased(write, row)
        changed = self._attempts_after(write)
        written = self._tell(write.events)
        self.attempts[row.id] = changed
        if write.change.signed is not None:
            self.signatures.add(write.change.signed.signature)
        self.rows[row.id] = write.after
        return written

    def _attempts_after(self, write: Move) -> dict[int, Kept]:
        """Return the order's attempts as the change leaves them. The indexes refuse."""
        kept = dict(self.attempts.get(write.before.id, {}))
        for event in write.events:
            state = fate(event.event)
            number = write.before.attempt.number if write.before.attempt is not None else 0
            if state is not None and number in kept:
                kept[number] = Kept(kept[number].attempt, state)
        signed = write.change.signed
        if signed is not None:
            if signed.last_valid_height > INTEGER_MAX:
                raise IllegalTransition("a height", "no column holds")
            alive = any(path.state in ALIVE for path in kept.values())
            if alive or signed.number in kept or signed.signature in self.signatures:
                raise IllegalTransition(write.before.status, "signed again: an index refuses it")
            kept[signed.number] = Kept(signed, "in_flight")
        return kept

    def _cancel(self, write: Cancel) -> Written:
        order = self.rows.get(write.order_id)
        if order is None or order.is_closed or order.cancel_requested_at is not None:
            return Written((), 0)
        told = append(order, (events.CancelRequested(),), write.now)
        wake_at = order.wake_at if order.in_flight is not None else write.now
        after = replace(told[-1].order, version=order.version + 1, wake_at=wake_at)
        written = self._tell((replace(told[-1], order=after),))
        self.rows[order.id] = after
        return written

    def _amend(self, write: Amend) -> Written:
        order = self.rows.get(write.order_id)
        if order is None or order.last_seq != write.at_seq:
            raise VersionConflict(order)
        amended = events.Amended(write.terms)
        told = append(order, (amended,), write.now)
        wake_at = wake_after_amend(evolve(order, amended, write.now), write.now)
        after = replace(told[-1].order, version=order.version + 1, wake_at=wake_at)
        written = self._tell((replace(told[-1], order=after),))
        self.rows[order.id] = after
        return written

    # ------------------------------------------------------------------------------ leases

    def _is_free(self, order_id: OrderId) -> bool:
        """Whether nobody holds an order. A lease further off than one may be is a clock's step."""
        now = self._now()
        return not now < self.leases.get(order_id, 0) <= now + self._lease_ms

    def claim(self, order_id: OrderId, owner: str) -> Order | None:
        """Give an order to a process, if it needs one and nobody has it."""
        row = self.rows.get(order_id)
        if row is None or row.wake_at is None or not self._is_free(order_id):
            return None
        self.leases[order_id] = self._now() + self._lease_ms
        row = replace(row, lease_owner=owner, lease_epoch=row.lease_epoch + 1)
        self.rows[order_id] = row
        self.granted[order_id] = (owner, row.lease_epoch)
        return row

    def claim_due(self, now: Timestamp, limit: int, owner: str) -> tuple[Order, ...]:
        """Give a process what is due, oldest first, passing over what others hold."""
        due = [
            row
            for row in self.rows.values()
            if row.wake_at is not None
            and (row.wake_at <= now or _is_ahead(row, now))
            and self._is_free(row.id)
        ]
        due.sort(key=lambda one: (one.wake_at or 0, one.id))
        claimed = (self.claim(one.id, owner) for one in due[:limit])
        return tuple(one for one in claimed if one is not None)

    def holds(self, order: Order, owner: str) -> bool:
        """Whether a process holds the claim it was given, run out or not."""
        row = self.rows[order.id]
        return row.lease_owner == owner and row.lease_epoch == order.lease_epoch

    def renew(self, orders: Sequence[Order], owner: str) -> None:
        """Prolong claims that are still the process's own."""
        for order in orders:
            if self.holds(order, owner):
                self.leases[order.id] = self._now() + self._lease_ms

    def release(self, order: Order, owner: str) -> None:
        """End a claim."""
        if self.holds(order, owner):
            self.leases.pop(order.id, None)

    def release_all(self, owner: str) -> None:
        """End the claims of a process that leaves in good order."""
        for row in self.rows.values():
            if row.lease_owner == owner:
                self.leases.pop(row.id, None)


def _is_ahead(row: Order, now: Timestamp) -> bool:
    """Whether a wake-up is further off than any wait: a resting order's deadline may well be."""
    wake_at = row.wake_at
    return (
        wake_at is not None and wake_at > now + BACKOFF_MAX_MS and row.status is not Status.WAITING
    )
