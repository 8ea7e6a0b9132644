"""Is one process's Store over the model database: its queue of writes, and a line that fails."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from msgspec.structs import replace

from cambist.orders.decide import Decision
from cambist.orders.journal import JournalEntry, append
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.ports.daily_fills import FillSums
from cambist.ports.errors import PortUnavailable
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
)
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import Timestamp
from tests.simulation.database import Database
from tests.simulation.writes import Amend, Births, Cancel, Move, Switch, Write, Written

T = TypeVar("T")

BATCH_MAX: Final = 8
UNKNOWN_ASKED_MAX: Final = 4
OPEN: Final = (Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED)


class LostReply(Exception):
    """The connection broke after the call was sent: it may have been carried out."""


class Wire:
    """The way to the server and back. This one never fails and takes no time."""

    async def there(self) -> None:
        """Carry a call. Raises PortUnavailable when it certainly did not arrive."""

    async def back(self) -> None:
        """Carry an answer. Raises LostReply."""


class _Queued(NamedTuple):
    write: Write
    done: asyncio.Future[Written]


class ModelStore:
    """The Store port over `Database`."""

    def __init__(self, database: Database, news: CommitListener, *, owner: str, wire: Wire) -> None:
        self._db, self._news, self._owner, self._wire = database, news, owner, wire
        self._queue: deque[_Queued] = deque()
        self._come = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self.calls = 0

    async def open(self) -> None:
        """Begin to write."""
        self._pump = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Give up every claim, and stop."""
        if self._pump is not None:
            self._pump.cancel()
        self._db.release_all(self._owner)

    async def _ask(self, work: Callable[[], T]) -> T:
        self.calls += 1
        await self._wire.there()
        found = work()
        try:
            await self._wire.back()
        except LostReply as lost:
            raise PortUnavailable("the connection broke") from lost
        return found

    # ------------------------------------------------------------------------------ writes

    def _send(self, write: Write) -> asyncio.Future[Written]:
        done: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._queue.append(_Queued(write, done))
        self._come.set()
        return done

    async def _run(self) -> None:
        """Write what waits, in order and together, batch after batch."""
        while True:
            while not self._queue:
                self._come.clear()
                await self._come.wait()
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_MAX))]
            results = await self._write([one.write for one in batch])
            self._tell(results)
            for one, result in zip(batch, results, strict=True):
                if one.done.done():
                    continue
                if isinstance(result, Exception):
                    one.done.set_exception(result)
                else:
                    one.done.set_result(result)

    async def _write(self, writes: Sequence[Write]) -> Sequence[Written | Exception]:
        """Write a batch; while it is unknown whether it was, write the same again."""
        self.calls += 1
        again = False
        for _ in range(UNKNOWN_ASKED_MAX):
            try:
                await self._wire.there()
                results = self._db.apply(writes, self._owner, again=again)
                await self._wire.back()
            except LostReply:
                again = True
                continue
            except PortUnavailable as down:
                if again:
                    continue
                return [down for _ in writes]
            return results
        return [PortUnavailable("whether it was written is unknown") for _ in writes]

    def _tell(self, results: Sequence[Written | Exception]) -> None:
        for result in results:
            if isinstance(result, Written) and result.events:
                self._news(result.events, range(result.place, result.place + len(result.events)))

    async def add(self, new_order: NewOrder) -> None:
        await self._send(Births((new_order,), strict=True))

    async def add_all(self, new_orders: Sequence[NewOrder]) -> tuple[IdempotencyRecord | None, ...]:
        return (await self._send(Births(tuple(new_orders), strict=False))).taken

    async def commit(self, order: Order, change: Decision, now: Timestamp) -> Order:
        begun = self.begin_commit(order, change, now)
        await begun.durable
        return begun.order

    def begin_commit(self, order: Order, change: Decision, now: Timestamp) -> PendingCommit:
        events = append(order, change.events, now)
        after = replace(
            events[-1].order if events else order,
            version=order.version + 1,
            lease_owner=self._owner,
            wake_at=change.wake_at,
        )
        if change.signed is not None and after.attempt is not None:
            kept = replace(after.attempt, transaction=change.signed.transaction)
            after = replace(after, attempt=kept)
        events = (*events[:-1], replace(events[-1], order=after)) if events else ()
        return PendingCommit(after, self._send(Move(order, after, events, change)))

    async def request_cancel(self, order_id: OrderId, now: Timestamp) -> Order | None:
        await self._send(Cancel(order_id, now))
        return await self.get(order_id)

    async def amend(self, order_id: OrderId, terms: Terms, at_seq: int, now: Timestamp) -> Order:
        return (await self._send(Amend(order_id, terms, at_seq, now))).events[-1].order

    async def halt(self, halt: Halt) -> None:
        await self._send(Switch(halt))

    async def resume(self, by: str, reason: str, now: Timestamp) -> None:
        await self._send(Switch(None))

    async def halted(self) -> Halt | None:
        return await self._ask(lambda: self._db.halt)

    # ------------------------------------------------------------------------------ claims

    async def claim(self, order_id: OrderId) -> Order | None:
        return await self._ask(lambda: self._db.claim(order_id, self._owner))

    async def claim_due(self, now: Timestamp, limit: int) -> tuple[Order, ...]:
        return await self._ask(lambda: self._db.claim_due(now, limit, self._owner))

    async def resting_orders(self, after: OrderId | None, limit: int) -> tuple[Order, ...]:
        def read() -> tuple[Order, ...]:
            rows = self._db.rows.values()
            found = [row for row in rows if row.status is Status.WAITING and row.id > (after or "")]
            return tuple(sorted(found, key=lambda row: row.id)[:limit])

        return await self._ask(read)

    async def renew(self, orders: Sequence[Order]) -> None:
        if orders:
            await self._ask(lambda: self._db.renew(orders, self._owner))

    async def release(self, order: Order) -> None:
        await self._ask(lambda: self._db.release(order, self._owner))

    # ------------------------------------------------------------------------------- reads

    async def ping(self) -> None:
        await self._ask(lambda: None)

    async def find_by_key(self, principal: Principal, key: str) -> IdempotencyRecord | None:
        return await self._ask(lambda: self._db.keys.get((principal, key)))

    async def get(self, order_id: OrderId) -> Order | None:
        return await self._ask(lambda: self._db.rows.get(order_id))

    async def reload(self, order_id: OrderId) -> Order | None:
        return await self.get(order_id)

    async def current_terms(self, order_ids: Sequence[OrderId]) -> dict[OrderId, CurrentTerms]:
        def read() -> dict[OrderId, CurrentTerms]:
            rows = {
                order_id: self._db.rows[order_id]
                for order_id in order_ids
                if order_id in self._db.rows
            }
            return {
                one: CurrentTerms(row.cancel_requested_at, row.terms) for one, row in rows.items()
            }

        return await self._ask(read)

    async def list_orders(self, query: OrderQuery) -> OrderPage:
        found = await self._ask(lambda: _page(self._db.rows.values(), query))
        return OrderPage(found, (), found[-1].id if found else None)

    def unreadable(self) -> int:
        return 0

    async def add_up_fills(self) -> bool:
        return False

    async def fill_sums(self, principal: Principal, since_day: int, limit: int) -> FillSums:
        return FillSums(())

    async def count_orders(self, principal: Principal, now: Timestamp) -> OrderCounts:
        def count() -> OrderCounts:
            mine = [row for row in self._db.rows.values() if row.intent.principal == principal]
            standing = [row.status for row in mine]
            late = [row for row in mine if row.wake_at is not None and row.wake_at > now]
            resting = (Status.CONFIRMED, Status.SUBMITTED)
            delayed = sum(one.status not in resting for one in late)
            return OrderCounts({status: standing.count(status) for status in Status}, delayed)

        return await self._ask(count)

    async def backlog(self) -> int:
        return await self._ask(lambda: sum(row.status in OPEN for row in self._db.rows.values()))

    async def read_journal(
        self, order_id: OrderId, after_seq: int, limit: int
    ) -> tuple[JournalEntry, ...]:
        def read() -> tuple[JournalEntry, ...]:
            return tuple(self._db.journals.get(order_id, ())[after_seq : after_seq + limit])

        return await self._ask(read)

    async def read_journals(self, order_ids: Sequence[OrderId]) -> tuple[JournalEntry, ...]:
        def read() -> tuple[JournalEntry, ...]:
            known = self._db.journals
            return tuple(line for order_id in sorted(order_ids) for line in known.get(order_id, ()))

        return await self._ask(read)

    async def feed(self, principal: Principal, after: int, limit: int) -> tuple[FeedEntry, ...]:
        def read() -> tuple[FeedEntry, ...]:
            mine = (line for line in self._db.lines[after:] if line.principal == principal)
            return tuple(mine)[:limit]

        return await self._ask(read)

    async def feed_all(self, after: int, limit: int) -> tuple[FeedEntry, ...]:
        return await self._ask(lambda: tuple(self._db.lines[after : after + limit]))

    async def pruned_position(self) -> int:
        return 0

    async def last_position(self) -> int:
        return await self._ask(lambda: self._db.lines[-1].position if self._db.lines else 0)


def _page(rows: Any, query: OrderQuery) -> tuple[Order, ...]:
    def fits(order: Order) -> bool:
        pair = order.intent.pair
        named = (
            pair.token_in.symbol,
            pair.token_out.symbol,
            pair.token_in.mint,
            pair.token_out.mint,
        )
        return (
            order.intent.principal == query.principal
            and (query.before is None or order.id < query.before)
            and (not query.statuses or order.status in query.statuses)
            and (query.wallet is None or order.intent.wallet == query.wallet)
            and (query.token is None or query.token in named)
            and (query.since is None or order.created_at >= query.since)
        )

    found = sorted((row for row in rows if fits(row)), key=lambda row: row.id, reverse=True)
    return tuple(found[query.offset : query.offset + query.limit])
