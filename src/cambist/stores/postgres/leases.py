"""Grants leases: the right of one process to move an order, for a limited time."""

# A lease is three columns of the order's row: `lease_owner`, `lease_epoch`, and `wake_at` as its
# end. The clock of the database decides whether it has expired, so the clocks of the machines
# need not agree. A process that dies keeps its leases until they expire, and then any worker
# claims the orders.
#
# A process may be paused for longer than its lease and then continue. It believes that it still
# holds the lease. Two things make that harmless. Every claim raises `lease_epoch`, and a write
# under an older epoch is rejected (a fencing token). And the only thing a worker does outside the
# database, sending, sends bytes that were recorded before: a second worker sends the same bytes,
# and the chain executes a signature at most once.
#
# Claims and releases wait for each other for a moment and are written together, apart from the
# decisions about orders. They have no position in the stream of events, so they never need the
# lock on `feed_end`.

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec
from msgspec.structs import replace

from cambist.failpoints import failpoint
from cambist.orders.order import Order
from cambist.orders.retry import BACKOFF_MAX_MS
from cambist.ports.errors import PortUnavailable
from cambist.stores.postgres import reader
from cambist.stores.postgres.errors import OutcomeUnknown, is_transient
from cambist.stores.postgres.pool import ConnectionPool
from cambist.stores.sql import queries
from cambist.stores.unreadable_orders import UnreadableOrders, read_rows
from cambist.stores.write_queue import PendingWrite, WriteQueue, resolve
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp

SQL: Final = queries("postgres")
PASSING_TRIES_MAX: Final = 5


class Claim(msgspec.Struct, frozen=True):
    """A request to move an order."""

    order_id: OrderId


class Release(msgspec.Struct, frozen=True):
    """The end of a claim."""

    order_id: OrderId
    epoch: int


Ask = Claim | Release


class PostgresLeases:
    """The claims of one process. `owner` names it to people; the epoch is what fences."""

    def __init__(
        self, pool: ConnectionPool, owner: str, lease_ms: int, unreadable: UnreadableOrders
    ) -> None:
        self._pool = pool
        self._owner = owner
        if lease_ms > BACKOFF_MAX_MS:
            msg = f"a lease of {lease_ms} ms is longer than any wait ({BACKOFF_MAX_MS} ms)"
            raise ValueError(msg)
        self._lease_ms = lease_ms
        self._unreadable = unreadable
        # A wake-up or a lease that ends later than this was set before the database's clock stepped
        # back. Twice the lease: a step that is shorter than a lease takes no lease that is alive.
        self._ahead_ms = max(BACKOFF_MAX_MS, 2 * lease_ms)
        self._wake_event = asyncio.Event()
        self._lanes: WriteQueue[Ask, Order | None] = WriteQueue(self._wake_event.set)
        self._held: dict[OrderId, int] = {}
        self._pending_releases: dict[OrderId, int] = {}
        self.clock_skew_ms = 0
        """How far the database's clock is ahead of ours, as seen when we last asked."""

    async def run(self) -> None:
        """Write claims and releases until closed."""
        while not self._lanes.drained:
            await self._wake_event.wait()
            self._wake_event.clear()
            while batch := self._lanes.batch():
                asked = [waiting.item for waiting in batch]
                try:
                    results = await self._apply(asked)
                except PortUnavailable as down:
                    self._owe(asked)
                    resolve(
                        batch, [down if isinstance(request, Claim) else None for request in asked]
                    )
                    continue
                self._pending_releases.clear()
                resolve(batch, results)
                self._give_back(batch, results)

    def _owe(self, asked: Sequence[Ask]) -> None:
        """Remember the releases that could not be written: they go with the next ones.

        Nobody waits for them: a lease that is not given back runs out.
        """
        self._pending_releases |= {
            request.order_id: request.epoch for request in asked if isinstance(request, Release)
        }

    async def close(self) -> None:
        """Give all claims back, as far as the database can be reached, and take no more."""
        held, self._held = self._held, {}
        for order_id, epoch in held.items():
            self._lanes.put_settlement(Release(order_id, epoch)).add_done_callback(_no_matter)
        self._lanes.close()

    def _give_back(
        self, batch: Sequence[PendingWrite[Ask, Order | None]], got: Sequence[Any]
    ) -> None:
        """Release what somebody claimed who is gone by now."""
        for waiting, order in zip(batch, got, strict=True):
            if waiting.future.cancelled() and isinstance(order, Order):
                self._held.pop(order.id, None)
                gone = Release(order.id, order.lease_epoch)
                self._lanes.put_settlement(gone).add_done_callback(_no_matter)

    # ------------------------------------------------------------------------------ asking

    async def claim(self, order_id: OrderId) -> Order | None:
        """Take the right to move an order."""
        return await self._lanes.put_settlement(Claim(order_id))

    async def release(self, order: Order) -> None:
        """Give up the right to move an order; what was not ours, or is over, is not touched.

        Raises nothing: what cannot be given back at the moment is given back later, or runs out.
        """
        if self._held.get(order.id) == order.lease_epoch:
            del self._held[order.id]
            await self._lanes.put_settlement(Release(order.id, order.lease_epoch))

    def forget(self, order: Order) -> None:
        """Forget a claim that ended with the order's last change."""
        if self._held.get(order.id) == order.lease_epoch:
            del self._held[order.id]

    async def renew(self, orders: Sequence[Order]) -> None:
        """Keep these claims, and all others we hold: an order may wait long for its turn."""
        held = self._held | {order.id: order.lease_epoch for order in orders}
        if held:
            failpoint("claims.before_renew")
            values = (list(held), list(held.values()), self._owner, self._lease_ms)
            await self._pool.read(lambda line: line.execute(SQL["renew"], *values))

    async def claim_due(self, now: Timestamp, limit: int) -> tuple[Order, ...]:
        """Take the orders whose wake-up is due by the database's clock, oldest first."""

        async def take(line: Any) -> tuple[Sequence[Any], Sequence[Any], int]:
            taken = (self._owner, self._lease_ms)
            won = await line.fetch(SQL["claim_due"], limit, *taken)
            if len(won) < limit:
                won += await line.fetch(SQL["claim_resting_due"], limit - len(won), *taken)
            if len(won) < limit:
                late = (limit - len(won), *taken, self._ahead_ms)
                won += await line.fetch(SQL["claim_ahead"], *late)
            rows = await line.fetch(SQL["orders_by_id"], [row[0] for row in won]) if won else ()
            return won, rows, await line.fetchval(SQL["engine_now"])

        won, rows, then = await self._pool.read(take)
        if won:
            failpoint("claims.swept")
        self.clock_skew_ms = then - now
        return tuple(sorted(self._record(won, rows), key=_turn))

    # ----------------------------------------------------------------------------- writing

    async def _apply(self, asked: Sequence[Ask]) -> list[Order | None]:
        """Write releases, then claims. Raises PortUnavailable: then nobody knows who holds what."""
        for tried in range(1, PASSING_TRIES_MAX + 1):
            try:
                return await self._pool.run(lambda line: self._write(line, asked))
            except OutcomeUnknown as error:
                msg = f"the database failed: {error}"
                raise PortUnavailable(msg) from error
            except asyncpg.PostgresError as error:
                if not is_transient(error) or tried == PASSING_TRIES_MAX:
                    msg = f"the database refused: {error}"
                    raise PortUnavailable(msg) from error
        raise AssertionError

    async def _write(self, line: Any, asked: Sequence[Ask]) -> list[Order | None]:
        over = self._pending_releases | {
            request.order_id: request.epoch for request in asked if isinstance(request, Release)
        }
        wanted = list({one.order_id for one in asked if isinstance(one, Claim)})
        if over:
            await line.execute(SQL["release"], list(over), list(over.values()), self._owner)
            failpoint("claims.released")
        if not wanted:
            return [None] * len(asked)
        taken = (self._owner, self._lease_ms, self._ahead_ms)
        failpoint("claims.before_commit")
        won = await line.fetch(SQL["claim"], wanted, *taken)
        failpoint("claims.after_commit")
        rows = await line.fetch(SQL["orders_by_id"], [row[0] for row in won]) if won else ()
        got = {order.id: order for order in self._record(won, rows)}
        return [got.pop(one.order_id, None) if isinstance(one, Claim) else None for one in asked]

    def _record(self, won: Sequence[Any], rows: Sequence[Any]) -> list[Order]:
        """Return the orders just claimed, and remember that we hold them."""
        epochs = {OrderId(row[0]): int(row[1]) for row in won}
        seated: list[Order] = []
        loaded = read_rows(rows)
        for order in self._unreadable.note_all(loaded):
            epoch = epochs[order.id]
            self._held[order.id] = epoch
            seated.append(
                replace(
                    reader.with_clock_skew(order, self.clock_skew_ms),
                    lease_owner=self._owner,
                    lease_epoch=epoch,
                )
            )
        return seated


def _turn(order: Order) -> tuple[int, OrderId]:
    return (order.wake_at or 0, order.id)


def _no_matter(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
