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
"""Called on the event loop once for each committed batch, with its events and their positions.
Positions only grow, from batch to batch too."""


class IdempotencyRecord(msgspec.Struct, frozen=True, gc=False):
    """The record of an idempotency key: its order, the fingerprint of the request, the reply."""

    order_id: OrderId
    fingerprint: bytes
    reply: bytes


class NewOrder(msgspec.Struct, frozen=True):
    """A new order: its first event, and the idempotency key of its request."""

    event: RecordedEvent
    key: str | None = None
    fingerprint: bytes = b""
    reply: bytes = b""


class OrderQuery(msgspec.Struct, frozen=True):
    """Which orders to list, newest first. `before` is the id to continue after."""

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

    `last` is the id to continue after: that of the last row, whether it could be read or not.
    """

    orders: tuple[Order, ...]
    unreadable: tuple[OrderId, ...] = ()
    last: OrderId | None = None


class CurrentTerms(msgspec.Struct, frozen=True, gc=False):
    """What may forbid a send: the time of a cancel request, and the terms if they were amended."""

    cancel_requested_at: Timestamp | None = None
    terms: Terms | None = None


class FeedEntry(msgspec.Struct, frozen=True, gc=False):
    """The position of an event among all events of the store."""

    position: int
    order_id: OrderId
    seq: int
    principal: Principal


class OrderCounts(msgspec.Struct, frozen=True):
    """Numbers of a principal's orders by status."""

    by_status: dict[Status, int]
    delayed: int


class StuckOrders(msgspec.Struct, frozen=True):
    """Orders that do not move, longest first, and how many are open and in flight."""

    orders: tuple[Order, ...]
    open: int
    in_flight: int


class Halt(msgspec.Struct, frozen=True):
    """A stop of all trading: by whom, when, and why."""

    reason: str
    by: str
    at: Timestamp


class PendingCommit(msgspec.Struct, frozen=True):
    """A decision that is being written: the order as it will be, and a future of its durability.

    The next step may be prepared from `order` at once. A step with a consequence must wait for
    `durable`. It raises what `Store.commit` raises.
    """

    order: Order
    durable: asyncio.Future[Any]


class UnrecordedTransactions(msgspec.Struct, frozen=True):
    """Transactions that the chain executed and the store lacks: how many, and the newest."""

    total: int
    newest: tuple[ExecutedTransaction, ...] = ()


class Store(DailyFillsStore, Protocol):
    """Where orders are stored. A method that writes returns when the write is durable, or raises.

    All may raise PortUnavailable: then the outcome is unknown, and the same call may be made again.
    """

    async def ping(self) -> None:
        """Return when the store answers."""

    async def add(self, new_order: NewOrder) -> None:
        """Write a new order.

        Raises DuplicateIdempotencyKey, or PortOverloaded when the queue of new orders is full.
        """

    async def add_all(self, new_orders: Sequence[NewOrder]) -> tuple[IdempotencyRecord | None, ...]:
        """Write new orders in one transaction: all of them, or none.

        An order whose key is taken is not written again: the answer has the record of the key for
        it, and None for a new order. Raises PortOverloaded.
        """

    async def halt(self, halt: Halt) -> None:
        """Stop trading: once this returns, no order is added and no attempt is recorded.

        Whatever tries raises TradingHalted, from the transaction of its write. Attempts in flight
        are still watched. A second halt replaces the first.
        """

    async def resume(self, by: str, reason: str, now: Timestamp) -> None:
        """Resume trading; without a halt it changes nothing."""

    async def halted(self) -> Halt | None:
        """Return the halt in force."""

    async def find_by_key(self, principal: Principal, key: str) -> IdempotencyRecord | None:
        """Return what is stored for an idempotency key."""

    async def get(self, order_id: OrderId) -> Order | None:
        """Return an order, without claiming it. Raises Unreadable."""

    async def reload(self, order_id: OrderId) -> Order | None:
        """Return an order from the store itself, with what others wrote about it."""

    async def current_terms(self, order_ids: Sequence[OrderId]) -> dict[OrderId, CurrentTerms]:
        """Return the durable cancel requests and amended terms of orders.

        An order that does not exist or cannot be read is left out.
        """

    async def list_orders(self, query: OrderQuery) -> OrderPage:
        """Return orders newest first. Raises ReadInterrupted.

        A row that cannot be read counts in the page, and does not hide others.
        """

    def unreadable(self) -> int:
        """Return how many unreadable orders this process has met."""

    async def count_orders(self, principal: Principal, now: Timestamp) -> OrderCounts:
        """Count orders by status; `delayed` are those whose wake-up lies after `now`."""

    async def backlog(self) -> int:
        """Return how many orders are open and do not rest.

        Orders whose client disconnected while they were being written are included.
        """

    async def claim(self, order_id: OrderId) -> Order | None:
        """Claim the lease of an order; None when it has nothing to do or another has the lease."""

    async def claim_due(self, now: Timestamp, limit: int) -> tuple[Order, ...]:
        """Claim the orders whose wake-up is due, oldest first.

        One that lies further ahead than any wait (`BACKOFF_MAX_MS`) was set before the clock
        stepped back, and is due too.
        """

    async def resting_orders(self, after: OrderId | None, limit: int) -> Sequence[Order]:
        """Return orders that wait for a price, by id; None begins with the first."""

    def begin_commit(self, order: Order, change: Decision, now: Timestamp) -> PendingCommit:
        """Begin to write a decision about a leased order; decisions are written in this order.

        Raises IllegalTransition when the lifecycle does not allow an event, and PortOverloaded.
        """

    async def commit(self, order: Order, change: Decision, now: Timestamp) -> Order:
        """Write a decision about a leased order: row, journal, attempt and fill in one transaction.

        Returns the order after it. Raises VersionConflict when the order has another version or
        lease by now, and IllegalTransition when the lifecycle does not allow an event.
        """

    async def renew(self, orders: Sequence[Order]) -> None:
        """Renew the leases of orders in flight; their version does not change."""

    async def release(self, order: Order) -> None:
        """Release the lease of an order until its `wake_at`."""

    async def request_cancel(self, order_id: OrderId, now: Timestamp) -> Order | None:
        """Record that the user wants to cancel; None when there is no such order.

        Takes no lease and changes no status; on a closed order it writes nothing.
        """

    async def amend(self, order_id: OrderId, terms: Terms, at_seq: int, now: Timestamp) -> Order:
        """Record new terms of an order whose last event is `at_seq`; returns the order after it.

        Takes no lease and changes no status. Raises VersionConflict when another event was
        recorded since, and IllegalTransition when the order is closed: then nothing was written.
        """

    async def read_journal(
        self, order_id: OrderId, after_seq: int, limit: int
    ) -> tuple[JournalEntry, ...]:
        """Return journal entries with a seq greater than `after_seq`, in order."""

    async def read_journals(self, order_ids: Sequence[OrderId]) -> tuple[JournalEntry, ...]:
        """Return all journal entries of a few orders: order by order, each in order."""

    async def feed(self, principal: Principal, after: int, limit: int) -> tuple[FeedEntry, ...]:
        """Return the positions of a principal's events, in order."""

    async def feed_all(self, after: int, limit: int) -> tuple[FeedEntry, ...]:
        """Return the positions of all events, in order."""

    async def pruned_position(self) -> int:
        """Return the position up to which events may have been pruned."""

    async def last_position(self) -> int:
        """Return the position of the newest event; 0 when there is none."""

    # ---------------------------------------------------------------- comparison with the chain

    async def reconciled_to(self) -> Slot | None:
        """Return the slot up to which the chain was compared with the attempts."""

    async def mark_reconciled(self, slot: Slot) -> None:
        """Record that everything executed up to a slot is an attempt, or recorded as missing."""

    async def unrecorded(self, signatures: Sequence[Signature]) -> frozenset[Signature]:
        """Return those that are neither an attempt nor recorded as missing."""

    async def halt_for_unrecorded(
        self, missing: Sequence[ExecutedTransaction], halt: Halt, now: Timestamp
    ) -> None:
        """Halt trading and record missing transactions, in one database transaction.

        From then on nobody can claim their orders, because only the chain knows their outcome.
        """

    async def list_unrecorded(self, limit: int) -> UnrecordedTransactions:
        """Return the transactions recorded as missing, newest first."""
