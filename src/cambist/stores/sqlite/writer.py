"""Applies a batch of write commands in one transaction.

Applies a batch of writes to the SQLite file in one durable transaction.

A batch is written straight; if an item is refused, all is undone and written again with a
savepoint around each, so that the bad one fails alone and good batches pay for none. What fails
the disk or the COMMIT fails the whole batch: the connection is closed and opened afresh, and
each sender is told that the outcome is unknown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, assert_never

from msgspec.structs import replace

from cambist.failpoints import faultpoint
from cambist.orders import events
from cambist.orders.decide import Change
from cambist.orders.journal import Told, append, retell
from cambist.orders.lifecycle import IllegalFact
from cambist.ports.errors import Halted, KeyTaken, PortDown, StaleClaim, Unreadable
from cambist.ports.store import Birth, Keyed
from cambist.stores import rows
from cambist.stores.commands import (
    Add,
    AddAll,
    AddUp,
    Cancel,
    Compared,
    Facts,
    Move,
    Probe,
    Summed,
    Switch,
    Untold,
    Write,
    Written,
)
from cambist.stores.rows import Sheet, StaleRows, read_entry
from cambist.stores.sqlite import daily_fills, halts, reader
from cambist.stores.sqlite.connection import SQL, connect, write_many
from cambist.stores.sqlite.migrations import migrate_sqlite
from cambist.values.time_units import Moment

_OWN_FAULTS: Final = (
    # A number or a text that no column holds is its item's fault, not the disk's.
    sqlite3.IntegrityError,
    sqlite3.DataError,
    OverflowError,
    ValueError,
    StaleClaim,
    StaleRows,
    Unreadable,
    Halted,
)


class BatchWriter:
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
            self._places = Places(self._connection)
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

    def void_leases(self, leased: Moment) -> None:
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
            self._places.doubt()
            self._reopen()
            return [PortDown(f"the store failed: {error}") for _ in batch]
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
        found = self._places.untold(db)
        results: list[Written | BaseException]
        try:
            results = [*_together(db, batch)]
        except _OWN_FAULTS:
            db.execute("ROLLBACK")
            db.execute("BEGIN IMMEDIATE")
            results = [_alone(db, write) for write in batch]
        results = self._places.give(db, results, found)
        faultpoint("store.before_commit")
        db.execute("COMMIT")
        faultpoint("store.after_commit")
        self._places.settle()
        return results


def _together(db: sqlite3.Connection, batch: Sequence[Write]) -> list[Written]:
    """Write a whole batch table by table, where its items do not build on one another."""
    if any(_begins(write) for write in batch):
        _refuse_when_halted(db)
    sheet, written = SqliteSheet(), list[Written]()
    for write in batch:
        match write:
            case Add(birth):
                sheet.bear(birth)
                written.append(Facts((birth.told,)))
            case Move(before, after, told, change):
                sheet.move(before, after, told, change)
                written.append(Facts(told))
            case AddAll() | Cancel() | Switch() | Compared() | Probe() | AddUp():
                return [_write(db, one) for one in batch]
            case _:
                assert_never(write)
    sheet.write(db)
    return written


def _begins(write: Write) -> bool:
    """Whether a write begins something that a halt forbids: an order, or an attempt of one."""
    match write:
        case Add() | AddAll():
            return True
        case Move():
            return write.change.signed is not None
        case _:
            return False


def _refuse_when_halted(db: sqlite3.Connection) -> None:
    halt = halts.halted(db)
    if halt is not None:
        raise Halted(halt)


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
    sheet = SqliteSheet()
    match write:
        case Add(birth):
            sheet.bear(birth)
            sheet.write(db)
            return Facts((birth.told,))
        case AddAll(births):
            return add_all(db, births)
        case Move(before, after, told, change):
            sheet.move(before, after, told, change)
            try:
                sheet.write(db)
            except StaleRows:
                raise StaleClaim(reader.order(db, after.id)) from None
            return Facts(told)
        case Cancel():
            return _cancel(db, write)
        case _:
            return _write_apart(db, write)


def _write_apart(db: sqlite3.Connection, write: Switch | Compared | Probe | AddUp) -> Written:
    """Write what is no order's."""
    match write:
        case Switch(halt, by, reason, now):
            if halt is None:
                halts.resume(db, by, reason, now)
            else:
                halts.halt(db, halt)
            return Facts(())
        case Compared():
            halts.note_comparison(db, write)
            return Facts(())
        case Probe():
            # What fits into a gap of the log would say that all is well, and orders would not fit.
            db.execute(SQL["take_room"])
            return Facts(())
        case AddUp():
            return Summed(is_more=daily_fills.add_up(db))
        case _:
            assert_never(write)


def _cancel(db: sqlite3.Connection, write: Cancel) -> Written:
    order = reader.order(db, write.order_id)
    if order is None or order.is_closed or order.cancel_requested_at is not None:
        return Facts(())
    told = append(order, (events.CancelRequested(),), write.now)
    wake_at = order.wake_at if order.in_flight is not None else write.now
    after = replace(told[-1].order, version=order.version + 1, wake_at=wake_at)
    sheet = SqliteSheet()
    sheet.move(order, after, told, Change((), wake_at))
    sheet.write(db)
    return Facts((*told[:-1], replace(told[-1], order=after)))


def _explain(db: sqlite3.Connection, write: Write, error: BaseException) -> BaseException:
    """Say what a refused item ran into, in the port's own words."""
    if isinstance(write, Add) and isinstance(error, sqlite3.IntegrityError):
        known = keyed(db, write.birth)
        return PortDown(str(error)) if known is None else KeyTaken(known)
    if isinstance(write, Move) and isinstance(error, sqlite3.IntegrityError):
        return IllegalFact(write.before.status, f"written so: {error}")
    return error


def _has_written(write: Write, result: Written | BaseException) -> bool:
    """Whether an item is on the disk, and not only done with."""
    return isinstance(result, Facts) and (bool(result.told) or isinstance(write, Probe))


def add_all(db: sqlite3.Connection, births: Sequence[Birth]) -> Facts:
    """Write the orders whose keys are free; of two with one key in here, the first is new."""
    sheet, told, taken = SqliteSheet(), list[Told](), list[Keyed | None]()
    fresh: dict[str, Keyed] = {}
    for birth in births:
        known = keyed(db, birth) or (fresh.get(birth.key) if birth.key is not None else None)
        taken.append(known)
        if known is not None:
            continue
        if birth.key is not None:
            fresh[birth.key] = Keyed(birth.told.order.id, birth.fingerprint, birth.reply)
        sheet.bear(birth)
        told.append(birth.told)
    sheet.write(db)
    return Facts(tuple(told), taken=tuple(taken))


def keyed(db: sqlite3.Connection, birth: Birth) -> Keyed | None:
    """Return what a birth's key remembers already."""
    if birth.key is None:
        return None
    key = (birth.told.order.intent.principal, birth.key)
    row = db.execute(SQL["keyed"], key).fetchone()
    return None if row is None else Keyed(*row)


class SqliteSheet(Sheet):
    """Rows to write together to a SQLite file."""

    def write(self, db: sqlite3.Connection) -> None:
        """Write every row. Raises StaleRows, and sqlite3.IntegrityError where an index refuses."""
        moves = [rows.move_row(after, rows.mark(since)) for since, after in self.moves.values()]
        if write_many(db, "move_orders", moves) != len(moves):
            raise StaleRows
        write_many(db, "add_orders", self.births)
        write_many(db, "add_entries", self.entries)
        write_many(db, "close_attempts", self.closings)
        write_many(db, "add_attempts", self.attempts)
        write_many(db, "add_fills", self.fills)


_NO_LIMIT: Final = -1
Results = list[Written | BaseException]


class Places:
    """Knows up to which place all lines were told."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._told_to = _end(db)
        self._reached: int | None = None
        self._unsure = False

    def doubt(self) -> None:
        """Take note that a batch failed, and may be durable all the same."""
        self._unsure = True

    def untold(self, db: sqlite3.Connection) -> tuple[Told, ...]:
        """Return what a failed batch made durable; ask before anything else is written."""
        return untold_after(db, self._told_to) if self._unsure else ()

    def give(self, db: sqlite3.Connection, results: Results, found: tuple[Told, ...]) -> Results:
        """Place the lines of a batch: they were written last, and in this order.

        What was found goes to the first who is answered.
        """
        end, self._reached = _end(db), None
        place = end - sum(len(one.told) for one in results if isinstance(one, Facts)) + 1
        placed = list(results)
        for number, one in enumerate(results):
            if isinstance(one, BaseException):
                continue
            untold = Untold(found, self._told_to + 1) if found and self._reached is None else None
            self._reached = end
            if isinstance(one, Facts):
                placed[number] = Facts(one.told, place, one.taken, untold)
                place += len(one.told)
            else:
                placed[number] = replace(one, untold=untold)
        return placed

    def settle(self) -> None:
        """Take note that the batch is durable."""
        if self._reached is not None:
            self._told_to, self._unsure = self._reached, False


def _end(db: sqlite3.Connection) -> int:
    return int(db.execute(SQL["feed_end"]).fetchone()[0])


def untold_after(db: sqlite3.Connection, place: int) -> tuple[Told, ...]:
    """Return all lines after a place, each with the order as it stood then.

    Raises BrokenJournal when a journal is not what was written.
    """
    lines = db.execute(SQL["lines_after"], (place,)).fetchall()
    told: dict[str, tuple[Told, ...]] = {}
    for order_id, _ in lines:
        if order_id not in told:
            rows = db.execute(SQL["entries"], (order_id, 0, _NO_LIMIT))
            told[order_id] = retell([read_entry(row) for row in rows])
    return tuple(told[order_id][seq - 1] for order_id, seq in lines)
