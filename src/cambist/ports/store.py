"""States what the engine needs of a store: orders, journal, leases, reconciliation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from cambist.orders.decide import Decision
from cambist.orders.journal import JournalEntry, RecordedEvent
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.ports.chain import ExecutedTransaction
from cambist.ports.daily_fills import DailyFillsStore
from cambist.values.ids import OrderId, Principal, Signature
from cambist.values.time_units import Slot, Timestamp

CommitListener = Callable[[Sequence[RecordedEvent], Sequence[int]], None]
"""Called on the event loop once for each durable batch, with what became true in it and the
place of each line among all lines of the store: places only grow, from batch to batch too.
"""


class IdempotencyRecord(msgspec.Struct, frozen=True, gc=False):
    """What an idempotency key remembers: its order, the request's fingerprint, the reply."""

    order_id: OrderId
    fingerprint: bytes
    reply: bytes


class NewOrder(msgspec.Struct, frozen=True):
    """A new order: its first journal line, and under which key it was asked for."""

    event: RecordedEvent
    key: str | None = None
    fingerprint: bytes = b""
    reply: bytes = b""


class OrderQuery(msgspec.Struct, frozen=True):
    """Which orders to list, newest first. `before` is the id to go on after."""

    principal: Principal
    limit: int
    offset: int = 0
    before: OrderId | None = None
    statuses: tuple[Status, ...] = ()
    wallet: str | None = None
    token: str | None = None
    since: Timestamp | None = None


class OrderPage(msgspec.Struct, frozen=True):
    """Orders of a list, newest first, and the ids of those among them that cannot be read.

    `last` is the id to go on after: of the last row, whether it could be read or not.
    """

    orders: tuple[Order, ...]
    unreadable: tuple[OrderId, ...] = ()
    last: OrderId | None = None


class CurrentTerms(msgspec.Struct, frozen=True, gc=False):
    """What may forbid a send: when a cancel was asked for, and the terms if they were amended."""

    cancel_requested_at: Timestamp | None = None
    terms: Terms | None = None


class FeedEntry(msgspec.Struct, frozen=True, gc=False):
    """Where one journal line stands among all lines of the store."""

    position: int
    order_id: OrderId
    seq: int
    principal: Principal


class OrderCounts(msgspec.Struct, frozen=True):
    """How many orders of a principal stand where."""

    by_status: dict[Status, int]
    delayed: int


class StuckOrders(msgspec.Struct, frozen=True):
    """What stands still, longest first: some of `open` orders in all; `in_flight` may yet land."""

    orders: tuple[Order, ...]
    open: int
    in_flight: int


class Halt(msgspec.Struct, frozen=True):
    """A stop of all trading: by whom, when, and why."""

    reason: str
    by: str
    at: Timestamp


class PendingCommit(msgspec.Struct, frozen=True):
    """A change on its way to the disk: the order as it will be, and the word that it is.

    What comes next may be prepared from `order` at once; nothing with a consequence may be done
    before `durable`. It raises what `Store.commit` raises.
    """

    order: Order
    durable: asyncio.Future[Any]


class UnrecordedTransactions(msgspec.Struct, frozen=True):
    """How many executed attempts a store does not have, and the newest of them."""

    total: int
    newest: tuple[ExecutedTransaction, ...] = ()


class Store(DailyFillsStore, Protocol):
    """The truth. Every method that writes returns when the write is durable, or raises.

    All may raise PortDown: then nothing is known, and the same call may be made again.
    """

    async def ping(self) -> None:
        """Return when the store answers."""

    async def add(self, new_order: NewOrder) -> None:
        """Write a new order. Raises KeyTaken, or PortFull when the intake lane has no room."""

    async def add_all(self, new_orders: Sequence[NewOrder]) -> tuple[IdempotencyRecord | None, ...]:
        """Write new orders in one transaction: all of them, or none.

        An order whose key is taken is not written again: its place in the answer holds what the
        key remembers, and None stands for an order that is new. Raises PortFull.
        """

    async def halt(self, halt: Halt) -> None:
        """Stop trading: once this returns, no order is added and no attempt is recorded.

        Whatever tries raises Halted, from the transaction it would have been written in. What is
        in flight is still watched to its end. A second halt takes the place of the first.
        """

    async def resume(self, by: str, reason: str, now: Timestamp) -> None:
        """Let trading go on; without a halt it changes nothing."""

    async def halted(self) -> Halt | None:
        """Return the halt in force."""

    async def find_by_key(self, principal: Principal, key: str) -> IdempotencyRecord | None:
        """Return what a key remembers."""

    async def get(self, order_id: OrderId) -> Order | None:
        """Return an order as it stands, without claiming it. Raises Unreadable."""

    async def reload(self, order_id: OrderId) -> Order | None:
        """Return an order as it stands, with what was noted of it from beside this process."""

    async def current_terms(self, order_ids: Sequence[OrderId]) -> dict[OrderId, CurrentTerms]:
        """Return the cancel notes and amended terms of orders, all that are durable by now.

        An order that is not there, or cannot be read, is left out.
        """

    async def list_orders(self, query: OrderQuery) -> OrderPage:
        """Return orders newest first. Raises ReadInterrupted.

        A row that cannot be read takes its place in the page, and hides no other.
        """

    def unreadable(self) -> int:
        """Return how many orders were met, since this process began, that cannot be read."""

    async def count_orders(self, principal: Principal, now: Timestamp) -> OrderCounts:
        """Count orders by status; `delayed` are those whose wake-up lies after `now`."""

    async def backlog(self) -> int:
        """Return how many orders are open and do not rest.

        Those whose sender went away while they were being written are among them.
        """

    async def claim(self, order_id: OrderId) -> Order | None:
        """Take the right to move an order; None when it has nothing to do or is not to be had."""

    async def claim_due(self, now: Timestamp, limit: int) -> tuple[Order, ...]:
        """Take the orders whose wake-up is due, oldest first.

        One that lies further ahead than any wait (`BACKOFF_MAX_MS`) was set before the clock
        stepped back, and is due too.
        """

    def begin_commit(self, order: Order, change: Decision, now: Timestamp) -> PendingCommit:
        """Begin to write a change of a claimed order; changes begun in turn are made in turn.

        Raises IllegalFact when the lifecycle does not allow the change, and PortFull.
        """

    async def commit(self, order: Order, change: Decision, now: Timestamp) -> Order:
        """Write a change of a claimed order: row, journal, attempt and fill in one transaction.

        Returns the order after it. Raises StaleClaim when the order is not at this version or
        this lease any more, and IllegalFact when the lifecycle does not allow the change.
        """

    async def renew(self, orders: Sequence[Order]) -> None:
        """Keep the claims of orders that rest in flight; never raises their version."""

    async def release(self, order: Order) -> None:
        """Give up the right to move an order until its `wake_at`."""

    async def request_cancel(self, order_id: OrderId, now: Timestamp) -> Order | None:
        """Note that the user wants the order no more; None when there is no such order.

        Takes no lease and changes no status; on a closed order it writes nothing.
        """

    async def read_journal(
        self, order_id: OrderId, after_seq: int, limit: int
    ) -> tuple[JournalEntry, ...]:
        """Return journal entries with a seq greater than `after_seq`, in order."""

    async def read_journals(self, order_ids: Sequence[OrderId]) -> tuple[JournalEntry, ...]:
        """Return all journal entries of a few orders: order by order, each in order."""

    async def feed(self, principal: Principal, after: int, limit: int) -> tuple[FeedEntry, ...]:
        """Return where the lines of a principal's orders stand, in order of their places."""

    async def feed_all(self, after: int, limit: int) -> tuple[FeedEntry, ...]:
        """Return where the lines of everyone's orders stand, in order of their places."""

    async def pruned_position(self) -> int:
        """Return the place up to which lines may be gone: orders long closed were put away."""

    async def last_position(self) -> int:
        """Return the place of the newest line of all; 0 when there is none."""

    # ---------------------------------------------------------------- comparison with the chain

    async def reconciled_to(self) -> Slot | None:
        """Return the slot up to which the chain's record was held against the attempts."""

    async def mark_reconciled(self, slot: Slot) -> None:
        """Remember that everything executed up to a slot is an attempt, or noted as missing."""

    async def unrecorded(self, signatures: Sequence[Signature]) -> frozenset[Signature]:
        """Return those that neither an attempt has nor a note of what is missing."""

    async def halt_for_unrecorded(
        self, missing: Sequence[ExecutedTransaction], halt: Halt, now: Timestamp
    ) -> None:
        """Halt, and note executed attempts that are not there, in one transaction.

        Orders they moved funds for are given to nobody from then on: what became of them only
        the chain knows.
        """

    async def list_unrecorded(self, limit: int) -> UnrecordedTransactions:
        """Return what was noted as missing, newest first."""
