"""Applies a batch of write commands to the SQLite file in one durable transaction."""

# One transaction per batch, and one connection that writes. Three things can go wrong, and each
# has its own answer:
#
# - An item is rejected for what it holds: a key that is taken, an order of another version, a
#   number that no column holds, a halt. A batch is written table by table without savepoints,
#   since nearly every batch is good. If an item is rejected, all is rolled back and each item is
#   written again within a savepoint of its own, so that the bad one fails alone.
#
# - The disk fails, before the COMMIT or in it. SQLite does not say whether such a COMMIT became
#   durable: the bytes may stand in the log and come back with the next recovery. Every sender
#   gets PortUnavailable, which says that the outcome is unknown. The connection is closed, and
#   the next batch opens another, which reads what really is there.
#
# - The failed batch turns out to be durable. Its events have positions, and nobody has published
#   them. FeedPositions knows the last position that was published. The next batch that succeeds
#   looks behind it first, and its first result carries the events that were found, so that they
#   are published before its own and subscribers see every position once and in order.
#
# Positions are assigned by the database, in the order in which the journal is written. The
# journal is written last in a transaction, after all rows that its events changed.

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, assert_never

from msgspec.structs import replace

from cambist.failpoints import failpoint
from cambist.orders import events
from cambist.orders.decide import Decision
from cambist.orders.journal import RecordedEvent, append, replay
from cambist.orders.lifecycle import IllegalTransition
from cambist.ports.errors import (
    DuplicateIdempotencyKey,
    PortUnavailable,
    TradingHalted,
    Unreadable,
    VersionConflict,
)
from cambist.ports.store import IdempotencyRecord, NewOrder
from cambist.stores import rows
from cambist.stores.commands import (
    AmendOrder,
    ApplyDecision,
    CommittedEvents,
    FillsSummed,
    InsertOrder,
    InsertOrders,
    RecordReconciliation,
    RecoveredEvents,
    RequestCancel,
    SetHalt,
    SumFills,
    Write,
    WriteProbe,
    Written,
    apply_terms,
    needs_trading,
)
from cambist.stores.rows import RowConflict, WriteBatch, read_entry
from cambist.stores.sqlite import daily_fills, halts, reader
from cambist.stores.sqlite.connection import SQL, connect, write_many
from cambist.stores.sqlite.migrations import migrate_sqlite
from cambist.values.time_units import Timestamp

_OWN_FAULTS: Final = (
    # A number or a text that no column holds is its item's fault, not the disk's.
    sqlite3.IntegrityError,
    sqlite3.DataError,
    OverflowError,
    ValueError,
    VersionConflict,
    RowConflict,
    Unreadable,
    TradingHalted,
    IllegalTransition,
)


class SqliteBatchWriter:
    """The one connection that writes."""

    def __init__(
        self, path: Path, open_now: Callable[[Path], sqlite3.Connection] = connect
    ) -> None:
        self._path = path
        self._open = open_now
        self._failed = False
        self._connection: sqlite3.Connection | None = open_now(path)
        try:
            migrate_sqlite(self._connection)
            self._positions = FeedPositions(self._connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, folding the write-ahead log into it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def failed(self) -> bool:
        """Whether a batch failed, and none has written anything since.

        One that only asked, or was refused, says nothing of the disk.
        """
        return self._failed

    def void_leases(self, leased: Timestamp) -> None:
        """Make due what an earlier process held in flight; it held this home's lock alone."""
        if self._connection is not None:
            self._connection.execute(SQL["void_leases"], (leased,))

    def apply(self, batch: Sequence[Write]) -> list[Written | BaseException]:
        """Write a batch; each result is what became true, or why its item was refused."""
        try:
            if self._connection is None:
                self._connection = self._open(self._path)
            results = self._commit(self._connection, batch)
        except Exception as error:  # noqa: BLE001 -- whatever it is, every sender must be told
            self._failed = True
            self._positions.mark_unknown()
            self._reopen()
            return [PortUnavailable(f"the store failed: {error}") for _ in batch]
        if any(map(_has_written, batch, results)):
            self._failed = False
        return results

    def _reopen(self) -> None:
        """Let go of a connection that failed; the next batch opens another."""
        broken, self._connection = self._connection, None
        if broken is not None:
            try:
                broken.close()
            except sqlite3.Error:
                return

    def _commit(
        self, db: sqlite3.Connection, batch: Sequence[Write]
    ) -> list[Written | BaseException]:
        db.execute("BEGIN IMMEDIATE")
        found = self._positions.unpublished(db)
        results: list[Written | BaseException]
        try:
            results = [*_together(db, batch)]
        except _OWN_FAULTS:
            db.execute("ROLLBACK")
            db.execute("BEGIN IMMEDIATE")
            results = [_alone(db, write) for write in batch]
        results = self._positions.assign(db, results, found)
        failpoint("store.before_commit")
        db.execute("COMMIT")
        failpoint("store.after_commit")
        self._positions.confirm()
        return results


def _together(db: sqlite3.Connection, batch: Sequence[Write]) -> list[Written]:
    """Write a whole batch table by table, where its items do not build on one another."""
    if any(_begins(write) for write in batch):
        _refuse_when_halted(db)
    sheet, written = SqliteWriteBatch(), list[Written]()
    for write in batch:
        match write:
            case InsertOrder(birth):
                sheet.add_order(birth)
                written.append(CommittedEvents((birth.event,)))
            case ApplyDecision(before, after, recorded, change):
                sheet.add_decision(before, after, recorded, change)
                written.append(CommittedEvents(recorded))
            case (
                InsertOrders()
                | RequestCancel()
                | AmendOrder()
                | SetHalt()
                | RecordReconciliation()
                | WriteProbe()
                | SumFills()
            ):
                return [_write(db, one) for one in batch]
            case _:
                assert_never(write)
    sheet.write(db)
    return written


def _begins(write: Write) -> bool:
    """Whether a write begins something that a halt forbids: an order, an attempt, a trigger."""
    match write:
        case InsertOrder() | InsertOrders():
            return True
        case ApplyDecision():
            return needs_trading(write.decision)
        case _:
            return False


def _refuse_when_halted(db: sqlite3.Connection) -> None:
    halt = halts.halted(db)
    if halt is not None:
        raise TradingHalted(halt)


def _alone(db: sqlite3.Connection, write: Write) -> Written | BaseException:
    """Write one item so that, if it is a bad one, it fails alone."""
    db.execute("SAVEPOINT item")
    try:
        written = _write(db, write)
    except _OWN_FAULTS as error:
        db.execute("ROLLBACK TO item")
        db.execute("RELEASE item")
        return _explain(db, write, error)
    db.execute("RELEASE item")
    return written


def _write(db: sqlite3.Connection, write: Write) -> Written:
    if _begins(write):
        _refuse_when_halted(db)
    sheet = SqliteWriteBatch()
    match write:
        case InsertOrder(birth):
            sheet.add_order(birth)
            sheet.write(db)
            return CommittedEvents((birth.event,))
        case InsertOrders(births):
            return add_all(db, births)
        case ApplyDecision(before, after, recorded, change):
            sheet.add_decision(before, after, recorded, change)
            try:
                sheet.write(db)
            except RowConflict:
                raise VersionConflict(reader.order(db, after.id)) from None
            return CommittedEvents(recorded)
        case RequestCancel():
            return _cancel(db, write)
        case AmendOrder():
            return _amend(db, write)
        case _:
            return _write_apart(db, write)


def _write_apart(
    db: sqlite3.Connection, write: SetHalt | RecordReconciliation | WriteProbe | SumFills
) -> Written:
    """Write what is no order's."""
    match write:
        case SetHalt(halt, by, reason, now):
            if halt is None:
                halts.resume(db, by, reason, now)
            else:
                halts.halt(db, halt)
            return CommittedEvents(())
        case RecordReconciliation():
            halts.note_comparison(db, write)
            return CommittedEvents(())
        case WriteProbe():
            # What fits into a gap of the log would say that all is well, and orders would not fit.
            db.execute(SQL["take_room"])
            return CommittedEvents(())
        case SumFills():
            return FillsSummed(is_more=daily_fills.add_up(db))
        case _:
            assert_never(write)


def _cancel(db: sqlite3.Connection, write: RequestCancel) -> Written:
    order = reader.order(db, write.order_id)
    if order is None or order.is_closed or order.cancel_requested_at is not None:
        return CommittedEvents(())
    recorded = append(order, (events.CancelRequested(),), write.now)
    wake_at = order.wake_at if order.in_flight is not None else write.now
    after = replace(recorded[-1].order, version=order.version + 1, wake_at=wake_at)
    sheet = SqliteWriteBatch()
    sheet.add_decision(order, after, recorded, Decision((), wake_at))
    sheet.write(db)
    return CommittedEvents((*recorded[:-1], replace(recorded[-1], order=after)))


def _amend(db: sqlite3.Connection, write: AmendOrder) -> Written:
    order = reader.order(db, write.order_id)
    if order is None or order.last_seq != write.at_seq:
        raise VersionConflict(order)
    move = apply_terms(order, write.terms, write.now)
    sheet = SqliteWriteBatch()
    sheet.add_decision(move.before, move.after, move.events, move.decision)
    sheet.write(db)
    return CommittedEvents(move.events)


def _explain(db: sqlite3.Connection, write: Write, error: BaseException) -> BaseException:
    """Say what a refused item ran into, in the port's own words."""
    if isinstance(write, InsertOrder) and isinstance(error, sqlite3.IntegrityError):
        known = keyed(db, write.new_order)
        return PortUnavailable(str(error)) if known is None else DuplicateIdempotencyKey(known)
    if isinstance(write, ApplyDecision) and isinstance(error, sqlite3.IntegrityError):
        return IllegalTransition(write.before.status, f"written so: {error}")
    return error


def _has_written(write: Write, result: Written | BaseException) -> bool:
    """Whether an item is on the disk, and not only done with."""
    return isinstance(result, CommittedEvents) and (
        bool(result.events) or isinstance(write, WriteProbe)
    )


def add_all(db: sqlite3.Connection, new_orders: Sequence[NewOrder]) -> CommittedEvents:
    """Write the orders whose keys are free; of two with one key in here, the first is new."""
    sheet, recorded, taken = (
        SqliteWriteBatch(),
        list[RecordedEvent](),
        list[IdempotencyRecord | None](),
    )
    fresh: dict[str, IdempotencyRecord] = {}
    for birth in new_orders:
        known = keyed(db, birth) or (fresh.get(birth.key) if birth.key is not None else None)
        taken.append(known)
        if known is not None:
            continue
        if birth.key is not None:
            fresh[birth.key] = IdempotencyRecord(
                birth.event.order.id, birth.fingerprint, birth.reply
            )
        sheet.add_order(birth)
        recorded.append(birth.event)
    sheet.write(db)
    return CommittedEvents(tuple(recorded), taken=tuple(taken))


def keyed(db: sqlite3.Connection, new_order: NewOrder) -> IdempotencyRecord | None:
    """Return what a birth's key remembers already."""
    if new_order.key is None:
        return None
    key = (new_order.event.order.intent.principal, new_order.key)
    row = db.execute(SQL["keyed"], key).fetchone()
    return None if row is None else IdempotencyRecord(*row)


class SqliteWriteBatch(WriteBatch):
    """Rows to write together to a SQLite file."""

    def write(self, db: sqlite3.Connection) -> None:
        """Write every row.

        Raises RowConflict, and sqlite3.IntegrityError where an index refuses.
        """
        moves = [
            rows.update_row(after, rows.row_version(since)) for since, after in self.moves.values()
        ]
        if write_many(db, "move_orders", moves) != len(moves):
            raise RowConflict
        write_many(db, "add_orders", self.births)
        write_many(db, "add_entries", self.entries)
        write_many(db, "close_attempts", self.closings)
        write_many(db, "add_attempts", self.attempts)
        write_many(db, "add_fills", self.fills)


_NO_LIMIT: Final = -1
Results = list[Written | BaseException]


class FeedPositions:
    """The last position up to which all events were published."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._published_to = _end(db)
        self._reached: int | None = None
        self._unsure = False

    def mark_unknown(self) -> None:
        """Take note that a batch failed, and may be durable all the same."""
        self._unsure = True

    def unpublished(self, db: sqlite3.Connection) -> tuple[RecordedEvent, ...]:
        """Return what a failed batch made durable; ask before anything else is written."""
        return unpublished_after(db, self._published_to) if self._unsure else ()

    def assign(
        self, db: sqlite3.Connection, results: Results, found: tuple[RecordedEvent, ...]
    ) -> Results:
        """Give the events of a batch their positions: they were written last, in this order.

        What was found goes with the first result that is no error.
        """
        end, self._reached = _end(db), None
        position = (
            end
            - sum(len(result.events) for result in results if isinstance(result, CommittedEvents))
            + 1
        )
        numbered = list(results)
        for number, result in enumerate(results):
            if isinstance(result, BaseException):
                continue
            recovered = (
                RecoveredEvents(found, self._published_to + 1)
                if found and self._reached is None
                else None
            )
            self._reached = end
            if isinstance(result, CommittedEvents):
                numbered[number] = CommittedEvents(result.events, position, result.taken, recovered)
                position += len(result.events)
            else:
                numbered[number] = replace(result, recovered=recovered)
        return numbered

    def confirm(self) -> None:
        """Take note that the batch is durable."""
        if self._reached is not None:
            self._published_to, self._unsure = self._reached, False


def _end(db: sqlite3.Connection) -> int:
    return int(db.execute(SQL["feed_end"]).fetchone()[0])


def unpublished_after(db: sqlite3.Connection, position: int) -> tuple[RecordedEvent, ...]:
    """Return all events after a position, each with the order as it was then.

    Raises CorruptJournal when a journal is not what was written.
    """
    lines = db.execute(SQL["lines_after"], (position,)).fetchall()
    recorded: dict[str, tuple[RecordedEvent, ...]] = {}
    for order_id, _ in lines:
        if order_id not in recorded:
            rows = db.execute(SQL["entries"], (order_id, 0, _NO_LIMIT))
            recorded[order_id] = replay([read_entry(row) for row in rows])
    return tuple(recorded[order_id][seq - 1] for order_id, seq in lines)
