"""Keeps orders in PostgreSQL, for any number of processes."""

# All processes share one database, and only the database knows what is true. A process that moves
# an order holds a lease in its row, on the clock of the database, so that the clocks of the
# machines need not agree. Nothing that another process could change is kept in memory, except the
# number of open orders, which may be some hundred milliseconds old: a backlog limit may be exceeded
# by as many orders as arrive meanwhile, and nothing else depends on it.
#
# There are three pools of connections. Readers serve the engine, and a second set of readers serves
# clients, so that a slow list cannot delay an order. Writers carry the batches of the write loop,
# the leases, and one statement of an operator.

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.decide import Decision
from cambist.orders.journal import JournalEntry
from cambist.orders.order import Order
from cambist.orders.terms import Terms
from cambist.ports.chain import ExecutedTransaction
from cambist.ports.clock import Clock
from cambist.ports.daily_fills import FillSums
from cambist.ports.errors import PortUnavailable, VersionConflict
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
    StuckOrders,
    UnrecordedTransactions,
)
from cambist.stores.commands import (
    AppendNote,
    CommittedEvents,
    InsertOrder,
    InsertOrders,
    apply_decision,
    apply_terms,
)
from cambist.stores.daily_fills import FillQuery
from cambist.stores.paging import page_of
from cambist.stores.postgres import daily_fills, reader
from cambist.stores.postgres.leases import PostgresLeases
from cambist.stores.postgres.migrations import migrate
from cambist.stores.postgres.pool import ConnectionPool, Target
from cambist.stores.postgres.write_loop import PostgresWriteLoop
from cambist.stores.unreadable_orders import UnreadableOrders, read_rows
from cambist.values.ids import OrderId, Principal, Signature
from cambist.values.time_units import Slot, Timestamp

log = structlog.get_logger("cambist.store")

LEASE_MS: Final = 15_000
BACKLOG_EVERY_MS: Final = 250
"""How old the backlog may be that is told; what we write ourselves is counted at once."""
NOTE_TRIES_MAX: Final = 20
READERS_MAX: Final = 4
ASKED_READERS_MAX: Final = 4
"""Connections that read: for the engine, and for what clients ask for, so that the one never
waits for the other."""
WRITERS_MAX: Final = 3
"""Connections that write: changes, claims, and one to spare for the sweep."""


class PostgresStore:
    """The shared store. `owner` is written on the orders it moves: a name for this process."""

    def __init__(
        self, target: Target, news: CommitListener, clock: Clock, *, owner: str, lease_ms: int
    ) -> None:
        self._clock = clock
        self._owner = owner
        self._readers = ConnectionPool(target, READERS_MAX)
        self._asked = ConnectionPool(target, ASKED_READERS_MAX, only_reads=True)
        self._unreadable = UnreadableOrders()
        self._writers = ConnectionPool(target, WRITERS_MAX)
        self._runner = PostgresWriteLoop(self._writers, news, clock, lease_ms)
        self._leases = PostgresLeases(self._writers, owner, lease_ms, self._unreadable)
        self._counted_at: int | None = None
        self._backlog = self._counted = 0

    async def open(self) -> None:
        """Bring the database up to date.

        Raises DatabaseUnusable, SchemaTooNew and PortUnavailable.
        """
        await self._writers.open()
        await migrate(self._writers)
        await self._readers.open()
        await self._asked.open()

    def begin_to_write(self, tasks: asyncio.TaskGroup) -> None:
        """Write from now on, until closed."""
        tasks.create_task(self._runner.run())
        tasks.create_task(self._leases.run())

    async def close(self) -> None:
        """Write what waits, give claims back, and let the connections go."""
        await self._runner.close()
        await self._leases.close()

    async def let_go(self) -> None:
        """Close the connections, once nothing writes any more."""
        await self._readers.close()
        await self._asked.close()
        await self._writers.close()

    async def ping(self) -> None:
        """Return when the database can be read, and written to if it lately could not."""
        if self._runner.failed:
            await self._writers.read(lambda line: line.execute(reader.SQL["probe"]))
        await reader.fetch(self._readers, "feed_end")

    # ------------------------------------------------------------------------------ writes

    async def add(self, new_order: NewOrder) -> None:
        """Write a new order."""
        await self._runner.lanes.put_intake(InsertOrder(new_order))

    async def add_all(self, new_orders: Sequence[NewOrder]) -> tuple[IdempotencyRecord | None, ...]:
        """Write new orders in one transaction."""
        written = await self._runner.lanes.put_intake(
            InsertOrders(tuple(new_orders)), len(new_orders)
        )
        return written.taken

    async def commit(self, order: Order, change: Decision, now: Timestamp) -> Order:
        """Write a change of a claimed order."""
        begun = self.begin_commit(order, change, now)
        await begun.durable
        return begun.order

    def begin_commit(self, order: Order, change: Decision, now: Timestamp) -> PendingCommit:
        """Begin to write a change of a claimed order."""
        move = apply_decision(order, change, now, owner=self._owner)
        durable = self._runner.lanes.put_settlement(move)
        if move.after.wake_at is None:
            durable.add_done_callback(lambda done: self._end(done, move.after))
        return PendingCommit(move.after, durable)

    def _end(self, durable: asyncio.Future[CommittedEvents], order: Order) -> None:
        if not durable.cancelled() and durable.exception() is None:
            self._leases.forget(order)

    async def request_cancel(self, order_id: OrderId, now: Timestamp) -> Order | None:
        """Note that the user wants the order no more."""
        return await self._note(order_id, events.CancelRequested(), now)

    async def amend(self, order_id: OrderId, terms: Terms, at_seq: int, now: Timestamp) -> Order:
        """Record new terms of an order."""
        order = await self.get(order_id)
        if order is None or order.last_seq != at_seq:
            raise VersionConflict(order)
        amended = apply_terms(order, terms, now)
        await self._runner.lanes.put_settlement(amended)
        return amended.after

    async def write_off(
        self, order_id: OrderId, word: events.WrittenOff, now: Timestamp
    ) -> Order | None:
        """Note that an attempt can never land; None when there is no such order.

        Writes nothing when nothing is in flight, or when it is noted already. Raises
        PortUnavailable.
        """
        return await self._note(order_id, word, now)

    async def _note(
        self, order_id: OrderId, note: events.OrderEvent, now: Timestamp
    ) -> Order | None:
        for _ in range(NOTE_TRIES_MAX):
            order = await self.get(order_id)
            if order is None or not _takes(order, note):
                return order
            wake_at = order.wake_at if order.in_flight is not None else now
            try:
                noted = apply_decision(order, Decision((note,), wake_at), now, command=AppendNote)
                await self._runner.lanes.put_settlement(noted)
            except VersionConflict:
                continue
            return await self.get(order_id)
        msg = f"order {order_id} moves too fast for a note"
        raise PortUnavailable(msg)

    async def list_stuck(self, since: Timestamp, limit: int) -> StuckOrders:
        """Return what has stood still since an instant. Raises PortUnavailable."""
        rows = await reader.fetch(self._readers, "orders_still", since, limit)
        standing = await reader.fetch(self._readers, "standing")
        return StuckOrders(read_rows(rows).orders, *standing[0])

    async def halt(self, halt: Halt) -> None:
        """Stop trading."""
        await reader.fetch(self._writers, "halt", halt.reason, halt.by, halt.at)

    async def resume(self, by: str, reason: str, now: Timestamp) -> None:
        """Let trading go on."""
        await reader.fetch(self._writers, "resume", by, reason, now)

    async def halted(self) -> Halt | None:
        """Return the halt in force."""
        return await reader.halted(self._readers)

    # --------------------------------------------------------------- comparison with the chain

    async def reconciled_to(self) -> Slot | None:
        """Return the slot up to which the chain was held against the attempts."""
        ((slot,),) = await reader.fetch(self._readers, "compared")
        return None if slot is None else Slot(slot)

    async def mark_reconciled(self, slot: Slot) -> None:
        """Remember how far the comparison went."""
        await reader.fetch(self._writers, "note_compared", slot)

    async def unrecorded(self, signatures: Sequence[Signature]) -> frozenset[Signature]:
        """Return those that neither an attempt has nor a note of what is missing."""
        rows = await reader.fetch(self._readers, "recorded", list(signatures))
        return frozenset(signatures) - {Signature(row[0]) for row in rows}

    async def halt_for_unrecorded(
        self, missing: Sequence[ExecutedTransaction], halt: Halt, now: Timestamp
    ) -> None:
        """Halt, and note what is missing."""
        columns = (
            [transaction.signature for transaction in missing],
            [transaction.order_id for transaction in missing],
            [transaction.attempt for transaction in missing],
            [transaction.slot for transaction in missing],
            [transaction.failed for transaction in missing],
        )

        async def write(line: Any) -> None:
            async with line.transaction():
                await line.execute(reader.SQL["halt"], halt.reason, halt.by, halt.at)
                await line.execute(reader.SQL["note_missing"], *columns, now)

        await self._writers.read(write)

    async def list_unrecorded(self, limit: int) -> UnrecordedTransactions:
        """Return what was noted as missing, newest first."""
        return await reader.unrecorded_transactions(self._readers, limit)

    # ------------------------------------------------------------------------------ leases

    async def claim(self, order_id: OrderId) -> Order | None:
        """Take the right to move an order."""
        return await self._leases.claim(order_id)

    async def claim_due(self, now: Timestamp, limit: int) -> tuple[Order, ...]:
        """Take the orders whose wake-up is due, oldest first."""
        return await self._leases.claim_due(now, limit)

    async def renew(self, orders: Sequence[Order]) -> None:
        """Keep these claims, and all others of this process."""
        await self._leases.renew(orders)

    async def release(self, order: Order) -> None:
        """Give up the right to move an order."""
        await self._leases.release(order)

    # ------------------------------------------------------------------------------ reads

    async def find_by_key(self, principal: Principal, key: str) -> IdempotencyRecord | None:
        """Return what a key remembers."""
        return await reader.keyed(self._readers, principal, key)

    async def get(self, order_id: OrderId) -> Order | None:
        """Return an order as it stands."""
        with self._unreadable.noted():
            order = await reader.get(self._readers, order_id)
        return None if order is None else reader.with_clock_skew(order, self._leases.clock_skew_ms)

    async def reload(self, order_id: OrderId) -> Order | None:
        """Return an order as it stands: nothing is remembered here."""
        return await self.get(order_id)

    async def current_terms(self, order_ids: Sequence[OrderId]) -> dict[OrderId, CurrentTerms]:
        """Return the cancel notes and amended terms of orders."""
        return await reader.current_terms(self._readers, order_ids)

    async def resting_orders(self, after: OrderId | None, limit: int) -> tuple[Order, ...]:
        """Return orders that wait for a price, by id."""
        found = await reader.resting_orders(self._readers, after or "", limit)
        return tuple(self._unreadable.note_all(found))

    async def list_orders(self, query: OrderQuery) -> OrderPage:
        """Return orders newest first."""
        page = page_of(await reader.page(self._asked, query), self._unreadable)
        by_ms = self._leases.clock_skew_ms
        return replace(
            page, orders=tuple(reader.with_clock_skew(order, by_ms) for order in page.orders)
        )

    def unreadable(self) -> int:
        """Return how many orders were found unreadable."""
        return len(self._unreadable)

    async def add_up_fills(self) -> bool:
        """Put some fills into the sums of their days."""
        return await self._writers.read(daily_fills.add_up)

    async def fill_sums(self, principal: Principal, since_day: int, limit: int) -> FillSums:
        """Return a principal's sums from a day on."""
        asked = FillQuery(principal, since_day, limit)
        return await self._asked.ask(lambda line: daily_fills.fill_sums(line, asked))

    async def count_orders(self, principal: Principal, now: Timestamp) -> OrderCounts:  # noqa: ARG002
        """Count orders by status; what is delayed, the database's clock says."""
        return await reader.census(self._asked, principal)

    async def backlog(self) -> int:
        """Return how many orders are open, as far as is known while the database is away."""
        backlog = self._runner.take_backlog()
        now = self._clock.monotonic_ms()
        if backlog is not None:
            self._backlog, self._counted_at = backlog, now
            self._counted += 1
        elif self._counted_at is None or now - self._counted_at >= BACKLOG_EVERY_MS:
            self._counted_at, before = now, self._counted
            try:
                ((_, read),) = await reader.fetch(self._readers, "feed_end")
            except PortUnavailable as down:
                log.warning("store_unavailable", error=str(down))
            else:
                # What our own write has told meanwhile is newer than what we read.
                self._backlog = read if self._counted == before else self._backlog
        return self._backlog + self._runner.lanes.abandoned.orders

    async def read_journal(
        self, order_id: OrderId, after_seq: int, limit: int
    ) -> tuple[JournalEntry, ...]:
        """Return journal entries in order."""
        return await reader.entries(self._asked, order_id, after_seq, limit)

    async def read_journals(self, order_ids: Sequence[OrderId]) -> tuple[JournalEntry, ...]:
        """Return all journal entries of a few orders."""
        return await reader.journals(self._asked, order_ids)

    async def feed(self, principal: Principal, after: int, limit: int) -> tuple[FeedEntry, ...]:
        """Return the positions of the events of a principal's orders."""
        return await reader.feed(self._asked, principal, after, limit)

    async def feed_all(self, after: int, limit: int) -> tuple[FeedEntry, ...]:
        """Return the positions of the events of all orders."""
        return await reader.feed_all(self._readers, after, limit)

    async def pruned_position(self) -> int:
        """Return the position up to which events may be pruned."""
        return await reader.fetch_number(self._readers, "pruned")

    async def last_position(self) -> int:
        """Return the position of the newest event."""
        return await reader.fetch_number(self._readers, "feed_end")


def _takes(order: Order, note: events.OrderEvent) -> bool:
    """Whether a note says anything new of an order."""
    if isinstance(note, events.WrittenOff):
        return order.in_flight is not None and order.written_off_at is None
    return not order.is_closed and order.cancel_requested_at is None


@asynccontextmanager
async def open_postgres(
    target: Target, news: CommitListener, clock: Clock, *, owner: str, lease_ms: int = LEASE_MS
) -> AsyncIterator[PostgresStore]:
    """Open the store of a database; leaving closes it. Raises what `open` raises."""
    store = PostgresStore(target, news, clock, owner=owner, lease_ms=lease_ms)
    try:
        await store.open()
        async with asyncio.TaskGroup() as tasks:
            store.begin_to_write(tasks)
            try:
                yield store
            finally:
                await store.close()
    finally:
        await store.let_go()
