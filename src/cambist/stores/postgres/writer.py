"""Writes batches to PostgreSQL and finds out the outcome of every write."""

# One batch is one call of the function `write_batch`, and so one statement, which is its own
# transaction (docs/adr/0008). It updates known orders by compare-and-set on version, last hash and
# lease, and inserts new ones. What follows from those that succeeded comes next, then the row
# `feed_end`, and the journal last. `feed_end` is locked for the insert of the entries and the
# flush, and never during a round trip, so that positions have the order of commits in the whole
# cluster. The migration that adds the function states all locks and their order.
#
# Three things can go wrong, and each has its own answer:
#
# - A row is rejected for what it holds: a constraint, a number that does not fit. The whole
#   statement fails with it. Its writes are sent again one by one, so that only the bad one fails.
#
# - The statement loses to a deadlock or waits too long for a lock. Nothing was written. It is
#   sent again, a few times.
#
# - No answer comes: the connection broke between COMMIT and its answer. The outcome is unknown,
#   and an error would be a lie either way. The same statement is sent again until an answer
#   comes. If it had succeeded the first time, its compare-and-set fails now, and its entries are
#   found in the journal by number and hash, with their positions.
#
# Nothing is published and nobody is answered before the outcome is known. After five seconds
# callers are told that it is unknown, and they may send the same idempotency key again.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import asyncpg

from cambist.failpoints import failpoint
from cambist.orders.journal import RecordedEvent
from cambist.orders.lifecycle import IllegalTransition
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import Halt
from cambist.stores.commands import ApplyDecision, CommittedEvents
from cambist.stores.postgres.batch_partition import Statement, Write, partition
from cambist.stores.postgres.errors import OutcomeUnknown, is_row_error, is_transient
from cambist.stores.postgres.outcome import Result, RetryAlone, StatementResult, resolve_outcomes
from cambist.stores.postgres.pool import ConnectionPool
from cambist.stores.sql import queries

SQL: Final = queries("postgres")
PASSING_TRIES_MAX: Final = 5
"""How often a statement that lost to a deadlock, or waited too long for a lock, is sent again."""

Publish = Callable[[Sequence[RecordedEvent], Sequence[int]], None]
Again = Callable[[BaseException], Awaitable[None]]
"""Called before a statement of unknown outcome is sent again: waits, or raises to give up."""


class _OwnFault(Exception):
    """A row was refused for what it holds, and with it the statement."""

    def __init__(self, error: asyncpg.PostgresError, *, unsure: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.unsure = unsure


class PostgresBatchWriter:
    """Applies batches, one statement after the other. `publish` gets the events of each."""

    def __init__(self, pool: ConnectionPool, publish: Publish, again: Again, lease_ms: int) -> None:
        self._pool = pool
        self._publish = publish
        self._again = again
        self._lease_ms = lease_ms
        self.backlog: int | None = None
        self.failed = False

    async def apply(self, writes: Sequence[Write]) -> list[Result]:
        """Write a batch; each result is what became true, or why its item was refused."""
        results: list[Result] = [PortUnavailable("the write was not tried")] * len(writes)
        for one in partition(writes, range(len(writes))):
            await self._write(one, writes, results)
        return results

    async def _write(
        self,
        one: Statement,
        writes: Sequence[Write],
        results: list[Result],
        *,
        unsure: bool = False,
    ) -> None:
        """Write a round, or its items one by one when some row of it is refused.

        `unsure` says that it may have been written before.
        """
        try:
            done = await self._until_known(one, writes, unsure=unsure)
        except _OwnFault as fault:
            if len(one.parts) > 1:
                await self._one_by_one(one.parts, writes, results, unsure=fault.unsure)
                return
            done = {index: _refused(writes[index], fault.error) for index in one.parts}
        except PortUnavailable as down:
            done = dict.fromkeys(one.parts, down)
        self.failed = any(isinstance(result, PortUnavailable) for result in done.values())
        committed = [
            one for one in done.values() if isinstance(one, CommittedEvents) and one.events
        ]
        for index, result in done.items():
            results[index] = result
        self._publish_all(committed)
        undone = [index for index, result in done.items() if isinstance(result, RetryAlone)]
        await self._one_by_one(undone, writes, results, unsure=False)

    async def _one_by_one(
        self,
        indexes: Iterable[int],
        writes: Sequence[Write],
        results: list[Result],
        *,
        unsure: bool,
    ) -> None:
        for index in indexes:
            for alone in partition(writes, [index]):
                await self._write(alone, writes, results, unsure=unsure)

    def _publish_all(self, facts: list[CommittedEvents]) -> None:
        """Publish what was committed, in the order of positions."""
        facts.sort(key=_first_place)
        if facts:
            self._publish(
                [line for event in facts for line in event.events],
                [one.position + nth for one in facts for nth in range(len(one.events))],
            )

    async def _until_known(
        self, one: Statement, writes: Sequence[Write], *, unsure: bool
    ) -> dict[int, Result]:
        """Send a round until it is known what became of it.

        Raises PortUnavailable when nothing was written, and _OwnFault when a row was refused.
        """
        passing = 0
        while True:
            try:
                return await resolve_outcomes(
                    self._pool, one, writes, await self._send(one), unsure=unsure
                )
            except OutcomeUnknown as error:
                unsure = True
                await self._again(error)
            except PortUnavailable as down:
                if not unsure:
                    raise
                await self._again(down)
            except asyncpg.PostgresError as error:
                if is_row_error(error):
                    raise _OwnFault(error, unsure=unsure) from error
                passing += is_transient(error)
                if unsure:
                    await self._again(error)
                elif not is_transient(error) or passing == PASSING_TRIES_MAX:
                    raise PortUnavailable(f"the database refused: {error}") from error

    async def _send(self, one: Statement) -> StatementResult:
        rows = one.sheet.rows()
        failpoint("store.before_commit")
        row = await self._pool.run(
            lambda line: line.fetchrow(SQL["write_batch"], self._lease_ms, *rows)
        )
        failpoint("store.after_commit")
        lost, position, backlog, *stop = row
        if backlog is not None:
            self.backlog = int(backlog)
        halt = None if stop[0] is None else Halt(*stop)
        return StatementResult(frozenset(lost or ()), position or 0, halt)


def _first_place(facts: CommittedEvents) -> int:
    return facts.position


def _refused(write: Write, error: asyncpg.PostgresError) -> BaseException:
    """Say what a refused item ran into, in the port's own words."""
    if isinstance(write, ApplyDecision) and is_row_error(error):
        return IllegalTransition(write.before.status, f"written so: {error}")
    return PortUnavailable(f"the database refused: {error}")
