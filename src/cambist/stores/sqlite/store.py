"""Keeps orders in a SQLite file, for one process."""

# One process holds the lock on its home, so no other process can move an order, and no lease but
# its own can be alive when it starts. A lease is therefore an entry in memory (leases.py). It costs
# no write; the row gets its owner and epoch with the first commit of the execution.
#
# Orders that move are kept in memory as last committed, so that an execution begins without a read.
# A write whose outcome is unknown removes the order from memory, and the next one reads the file.

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from cambist.orders.decide import Decision
from cambist.orders.journal import JournalEntry, RecordedEvent
from cambist.orders.order import Order, Status
from cambist.orders.retry import BACKOFF_MAX_MS
from cambist.orders.terms import Terms
from cambist.ports.chain import ExecutedTransaction
from cambist.ports.daily_fills import FillSums
from cambist.ports.errors import (
    DuplicateIdempotencyKey,
    PortUnavailable,
    TradingHalted,
    Unreadable,
    VersionConflict,
)
from cambist.ports.store import (
    CommitListener,
    CurrentTerms,
    FeedEntry,
    Halt,
    IdempotencyRecord,
    NewOrder,
    OrderCounts,
    OrderPage,
    OrderQuery,
    PendingCommit,
    UnrecordedTransactions,
)
from cambist.stores.commands import (
    AmendOrder,
    ApplyDecision,
    CommittedEvents,
    FillsSummed,
    InsertOrder,
    InsertOrders,
    RecordReconciliation,
    RequestCancel,
    SetHalt,
    SumFills,
    Write,
    WriteProbe,
    Written,
    apply_decision,
)
from cambist.stores.daily_fills import FillQuery
from cambist.stores.paging import page_of
from cambist.stores.sqlite import daily_fills, halts, reader
from cambist.stores.sqlite.connection import SQL
from cambist.stores.sqlite.leases import LEASED, SqliteLeases
from cambist.stores.sqlite.reader import Readers
from cambist.stores.sqlite.status_counters import StatusCounters
from cambist.stores.sqlite.write_loop import SqliteWriteLoop
from cambist.stores.sqlite.writer import SqliteBatchWriter
from cambist.stores.unreadable_orders import UnreadableOrders
from cambist.values.ids import OrderId, Principal, Signature
from cambist.values.time_units import Slot, Timestamp, add_ms

WARM_ORDERS_MAX: Final = 20_000


class SqliteStore:
    """The embedded store. `owner` is written on the orders it moves, for people to see."""

    def __init__(
        self, path: Path, news: CommitListener, *, owner: str, inline: bool = False
    ) -> None:
        self._news = news
        self._owner = owner
        self._batches = SqliteBatchWriter(path)
        self._writer: SqliteWriteLoop[Write, Written] = SqliteWriteLoop(
            self._batches.apply, self._done, inline=inline
        )
        self._readers = Readers(path, inline=inline)
        self._cache: dict[OrderId, Order] = {}
        self._claimed = SqliteLeases()
        self._counts = StatusCounters()
        self._unreadable = UnreadableOrders()
        self._probing: asyncio.Future[Written] | None = None

    async def open(self) -> None:
        """Count what is there and begin to write."""
        self._batches.void_leases(LEASED)
        self._writer.start()
        await self._recount()
        # Only the chain knows the outcome of these orders, so nobody may move them.
        self._claimed.exclude(await self._readers.run(_excluded))

    async def _recount(self) -> None:
        """Count anew, by a reader: one that writes may have to wait for another process.

        What a failed write made durable all the same is told with the next one that succeeds: that
        is tried beside.
        """
        if self._counts.is_doubtful:
            self._probe()
        doubts = self._counts.begin()
        try:
            found = await self._readers.run(reader.count)
        except BaseException:
            self._counts.give_up()
            raise
        self._counts.load(found, doubts)

    async def close(self) -> None:
        """Write what waits, then close the file."""
        await self._writer.stop()
        self._readers.close()
        self._batches.close()

    async def ping(self) -> None:
        """Return when the file can be read, and nothing is known against writing to it.

        It never waits for a write. After one that failed it raises PortUnavailable until something
        was
        written again, and has that tried.
        """
        await self._readers.run(reader.ping)
        if self._batches.failed:
            self._probe()
            msg = "the last write failed, and none has succeeded since"
            raise PortUnavailable(msg)

    def _probe(self) -> None:
        """Try to write something, beside whoever asks."""
        if self._probing is None or self._probing.done():
            self._probing = self._writer.lanes.put_settlement(WriteProbe())
            self._probing.add_done_callback(_look_at)

    async def add(self, new_order: NewOrder) -> None:
        """Write a new order."""
        await self._writer.lanes.put_intake(InsertOrder(new_order))

    async def add_all(self, new_orders: Sequence[NewOrder]) -> tuple[IdempotencyRecord | None, ...]:
        """Write new orders in one transaction."""
        written = await self._writer.lanes.put_intake(
            InsertOrders(tuple(new_orders)), len(new_orders)
        )
        return written.taken if isinstance(written, CommittedEvents) else ()

    async def commit(self, order: Order, change: Decision, now: Timestamp) -> Order:
        """Write a change of a claimed order."""
        begun = self.begin_commit(order, change, now)
        await begun.durable
        return begun.order

    def begin_commit(self, order: Order, change: Decision, now: Timestamp) -> PendingCommit:
        """Begin to write a change of a claimed order."""
        move = apply_decision(order, change, now, owner=self._owner, leased=LEASED)
        return PendingCommit(move.after, self._writer.lanes.put_settlement(move))

    async def request_cancel(self, order_id: OrderId, now: Timestamp) -> Order | None:
        """Note that the user wants the order no more."""
        await self._writer.lanes.put_settlement(RequestCancel(order_id, now))
        return await self.get(order_id)

    async def amend(self, order_id: OrderId, terms: Terms, at_seq: int, now: Timestamp) -> Order:
        """Record new terms of an order."""
        written = await self._writer.lanes.put_settlement(AmendOrder(order_id, terms, at_seq, now))
        if not isinstance(written, CommittedEvents):
            raise TypeError(written)
        return written.events[-1].order

    async def halt(self, halt: Halt) -> None:
        """Stop trading."""
        await self._writer.lanes.put_settlement(SetHalt(halt, halt.by, halt.reason, halt.at))

    async def resume(self, by: str, reason: str, now: Timestamp) -> None:
        """Let trading go on."""
        await self._writer.lanes.put_settlement(SetHalt(None, by, reason, now))

    async def halted(self) -> Halt | None:
        """Return the halt in force."""
        return await self._readers.run(halts.halted)

    def _done(self, batch: Sequence[Write], results: Sequence[Written | BaseException]) -> None:
        """Cache what was committed, then publish it."""
        news: list[RecordedEvent] = []
        first = 0
        for write, result in zip(batch, results, strict=True):
            if isinstance(result, BaseException):
                self._evict(write, result)
                continue
            if result.recovered is not None:
                first = result.recovered.position
                news += result.recovered.events
            if isinstance(result, CommittedEvents) and result.events:
                first = first or result.position
                news += result.events
                self._keep_all(write, result)
        if news:
            self._news(news, range(first, first + len(news)))

    def _keep_all(self, write: Write, facts: CommittedEvents) -> None:
        recorded, last = facts.events, facts.position + len(facts.events) - 1
        match write:
            case ApplyDecision(before, after):
                self._cache_order(after, before.status, last)
            case InsertOrder() | InsertOrders():
                for position, one in enumerate(recorded, facts.position):
                    self._cache_order(one.order, None, position)
            case _:
                self._cache_order(recorded[-1].order, recorded[-1].order.status, last)

    def _cache_order(self, order: Order, before: Status | None, position: int) -> None:
        # Where it stood was not counted if that commit seemed to fail: all is counted anew.
        self._counts.move(order.intent.principal, before, order.status, position)
        if order.wake_at is None or order.status is Status.WAITING:
            # Resting orders may be very many, and most will not move for a long time.
            self._cache.pop(order.id, None)
        elif order.id in self._cache or len(self._cache) < WARM_ORDERS_MAX:
            self._cache[order.id] = order
        self._claimed.learn(order)

    def _evict(self, write: Write, error: BaseException) -> None:
        """Drop what memory says of an order whose write failed: the file knows better."""
        if isinstance(error, DuplicateIdempotencyKey | TradingHalted):
            return
        if isinstance(error, Unreadable):
            self._unreadable.note(((error.order_id, str(error)),))
        elif isinstance(error, PortUnavailable):
            self._counts.doubt()
        if isinstance(write, ApplyDecision):
            self._cache.pop(write.before.id, None)
            if isinstance(error, PortUnavailable):
                self._claimed.mark_unknown(write.before.id)
        elif isinstance(write, RequestCancel | AmendOrder):
            self._cache.pop(write.order_id, None)
        fresh = error.current if isinstance(error, VersionConflict) else None
        if fresh is not None and fresh.wake_at is not None:
            if fresh.status is not Status.WAITING:
                self._cache[fresh.id] = fresh
            self._claimed.learn(fresh)

    async def claim(self, order_id: OrderId) -> Order | None:
        """Take the right to move an order."""
        if order_id in self._claimed:
            return None
        self._claimed.acquire(order_id)
        order = self._cache.get(order_id)
        if order is None:
            try:
                with suppress(Unreadable):  # it is not to be had
                    order = await self._read(order_id)
            except PortUnavailable:
                self._claimed.release(order_id)
                raise
        if order is None or order.wake_at is None:
            self._claimed.release(order_id)
            return None
        self._claimed.acquire(order_id, order)
        return replace(order, lease_epoch=order.lease_epoch + 1)

    async def claim_due(self, now: Timestamp, limit: int) -> tuple[Order, ...]:
        """Take the orders whose wake-up is due, oldest first."""
        taken: list[Order] = []
        try:
            await self._take_due(now, limit, taken)
        except PortUnavailable:
            if not taken:  # what is taken already must not be lost with the answer
                raise
        return tuple(taken)

    async def _take_due(self, now: Timestamp, limit: int, taken: list[Order]) -> None:
        # Due orders that are being moved stand first: only the others are worth loading.
        due = await self._readers.run(reader.due, (now, 2 * limit + len(self._claimed)))
        free = [one for one in due if one not in self._claimed]
        while free and len(taken) < limit:  # one that cannot be read holds nobody else up
            loaded = await self._readers.run(reader.by_ids, free[:limit])
            taken += self._take(self._unreadable.note_all(loaded), limit - len(taken))
            free = free[limit:]
        await self._take_adrift(limit, taken)
        if len(taken) < limit:  # further off than any wait: set before the clock stepped back
            key = (add_ms(now, BACKOFF_MAX_MS), LEASED, limit)
            loaded = await self._readers.run(reader.ahead, key)
            taken += self._take(self._unreadable.note_all(loaded), limit - len(taken))

    async def resting_orders(self, after: OrderId | None, limit: int) -> tuple[Order, ...]:
        """Return orders that wait for a price, by id."""
        found = await self._readers.run(reader.resting_orders, (after or "", limit))
        return tuple(self._unreadable.note_all(found))

    async def _read(self, order_id: OrderId) -> Order | None:
        """Read an order from the file. Raises Unreadable."""
        with self._unreadable.noted():
            return await self._readers.run(reader.order, order_id)

    def _take(self, rows: Sequence[Order], most: int) -> list[Order]:
        """Claim those of some orders that nobody moves."""
        taken: list[Order] = []
        for order in rows:
            if order.id in self._claimed or len(taken) == most:
                continue
            current = self._cache.get(order.id, order)
            self._claimed.acquire(order.id, current)
            taken.append(replace(current, lease_epoch=current.lease_epoch + 1))
        return taken

    async def _take_adrift(self, limit: int, taken: list[Order]) -> None:
        for order_id in self._claimed.orphaned()[: limit - len(taken)]:
            order = self._cache.get(order_id)
            if order is None:
                with suppress(Unreadable):
                    order = await self._read(order_id)
            self._claimed.resolved(order_id)
            if order is not None and order.wake_at is not None:
                taken += self._take((order,), 1)

    async def renew(self, orders: Sequence[Order]) -> None:
        """Do nothing: the lock on the home is the lease."""

    async def release(self, order: Order) -> None:
        """Give up the right to move an order."""
        self._claimed.release(order.id)

    async def find_by_key(self, principal: Principal, key: str) -> IdempotencyRecord | None:
        """Return what a key remembers."""
        return await self._readers.run(reader.keyed, (principal, key))

    async def get(self, order_id: OrderId) -> Order | None:
        """Return an order as it stands."""
        return self._cache.get(order_id) or await self._read(order_id)

    async def reload(self, order_id: OrderId) -> Order | None:
        """Return an order as the file has it; memory does not know who else wrote there."""
        self._cache.pop(order_id, None)
        return await self._read(order_id)

    async def current_terms(self, order_ids: Sequence[OrderId]) -> dict[OrderId, CurrentTerms]:
        """Return the cancel notes and amended terms of orders.

        All cancels go through this process, so that memory knows of each as soon as it is durable.
        """
        found: dict[OrderId, CurrentTerms] = {}
        for order_id in order_ids:
            order = self._cache.get(order_id)
            if order is not None:
                found[order_id] = CurrentTerms(order.cancel_requested_at, order.terms)
        missing = [order_id for order_id in order_ids if order_id not in found]
        if missing:
            found |= await self._readers.run(reader.current_terms, missing)
        return found

    async def list_orders(self, query: OrderQuery) -> OrderPage:
        """Return orders newest first."""
        return page_of(await self._readers.ask(reader.page, query), self._unreadable)

    def unreadable(self) -> int:
        """Return how many orders were found unreadable."""
        return len(self._unreadable)

    async def add_up_fills(self) -> bool:
        """Put some fills into the sums of their days; where none wait, nothing is written."""
        if not await self._readers.run(daily_fills.is_any_waiting):
            return False
        summed = await self._writer.lanes.put_settlement(SumFills())
        return isinstance(summed, FillsSummed) and summed.is_more

    async def fill_sums(self, principal: Principal, since_day: int, limit: int) -> FillSums:
        """Return a principal's sums from a day on."""
        asked = FillQuery(principal, since_day, limit)
        return await self._readers.ask(daily_fills.fill_sums, asked)

    async def count_orders(self, principal: Principal, now: Timestamp) -> OrderCounts:
        """Count orders by status."""
        _, pruned = await self._readers.run(reader.pruned)
        if self._counts.is_doubtful or self._counts.pruned != pruned:
            await self._recount()
        delayed = await self._readers.ask(reader.delayed, (now, principal))
        counts = self._counts.of(principal)
        return OrderCounts(counts, delayed + counts[Status.WAITING])

    async def backlog(self) -> int:
        """Return how many orders are open, as far as is known while the store is down."""
        if self._counts.is_doubtful:
            with suppress(PortUnavailable):
                await self._recount()
        return self._counts.open() + self._writer.lanes.abandoned.orders

    async def read_journal(
        self, order_id: OrderId, after_seq: int, limit: int
    ) -> tuple[JournalEntry, ...]:
        """Return journal entries in order."""
        return await self._readers.ask(reader.entries, (order_id, after_seq, limit))

    async def read_journals(self, order_ids: Sequence[OrderId]) -> tuple[JournalEntry, ...]:
        """Return all journal entries of a few orders."""
        return await self._readers.ask(reader.journals, order_ids)

    async def feed(self, principal: Principal, after: int, limit: int) -> tuple[FeedEntry, ...]:
        """Return the positions of the events of a principal's orders."""
        return await self._readers.ask(reader.feed, (after, principal, limit))

    async def feed_all(self, after: int, limit: int) -> tuple[FeedEntry, ...]:
        """Return the positions of the events of all orders."""
        return await self._readers.run(reader.feed_all, (after, limit))

    async def pruned_position(self) -> int:
        """Return the position up to which events may be pruned."""
        return (await self._readers.run(reader.pruned))[0]

    async def last_position(self) -> int:
        """Return the position of the newest event."""
        return await self._readers.run(reader.feed_end)

    async def reconciled_to(self) -> Slot | None:
        """Return the slot up to which the chain was held against the attempts."""
        return await self._readers.run(_compared)

    async def mark_reconciled(self, slot: Slot) -> None:
        """Remember how far the comparison went."""
        await self._writer.lanes.put_settlement(RecordReconciliation(slot))

    async def unrecorded(self, signatures: Sequence[Signature]) -> frozenset[Signature]:
        """Return those that neither an attempt has nor a note of what is missing."""
        return frozenset(signatures) - await self._readers.run(_recorded, signatures)

    async def halt_for_unrecorded(
        self, missing: Sequence[ExecutedTransaction], halt: Halt, now: Timestamp
    ) -> None:
        """Halt, and note what is missing."""
        await self._writer.lanes.put_settlement(
            RecordReconciliation(None, tuple(missing), halt, now)
        )
        self._claimed.exclude(await self._readers.run(_excluded))

    async def list_unrecorded(self, limit: int) -> UnrecordedTransactions:
        """Return what was noted as missing, newest first."""
        return await self._readers.run(unrecorded_transactions, limit)


def _look_at(probing: asyncio.Future[Written]) -> None:
    """Take an outcome that nobody waits for; a failed write is known by the writer."""
    if not probing.cancelled():
        probing.exception()


def _compared(db: sqlite3.Connection, _: None) -> Slot | None:
    row = db.execute(SQL["compared"]).fetchone()
    return None if row is None else Slot(row[0])


def _recorded(db: sqlite3.Connection, signatures: Sequence[Signature]) -> frozenset[Signature]:
    asked = msgspec.json.encode(list(signatures)).decode()
    return frozenset(Signature(row[0]) for row in db.execute(SQL["recorded"], (asked,)))


def _excluded(db: sqlite3.Connection, _: None) -> frozenset[OrderId]:
    return frozenset(OrderId(row[0]) for row in db.execute(SQL["barred"]))


def unrecorded_transactions(db: sqlite3.Connection, limit: int) -> UnrecordedTransactions:
    """Return what the chain executed and the store lacks, newest first."""
    (total,) = db.execute(SQL["count_missing"]).fetchone()
    rows = db.execute(SQL["missing"], (limit,))
    return UnrecordedTransactions(
        total,
        tuple(ExecutedTransaction(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows),
    )
