"""Prove that a file that cannot be used is named in a sentence, and that damage halts trading."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
import structlog

from cambist.bootstrap import HomeInUse, StoreDamaged, StoreUnusable, audit_store, open_engine
from cambist.bootstrap.home import ensure_home
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.ports.store import Halt
from cambist.stores.sqlite import health
from cambist.stores.sqlite.connection import LOG_BYTES_MAX, connect
from cambist.stores.sqlite.integrity import (
    checked_after_crash,
    quick_check,
    was_shut_down_uncleanly,
)
from tests.contracts.store_harness import Shelf
from tests.stores.sqlite_stores import sqlite_at

ORDERS = 40
FILES = ("cambist.db", "paper-chain.db")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def fold(path: Path) -> None:
    path.unlink()
    path.mkdir()


def scribble(path: Path) -> None:
    path.write_bytes(b"no database at all, but as long as one " * 100)


async def start(home: Path) -> None:
    """Start an engine on a home, and end it."""
    async with open_engine(Settings(home=str(home), paper_profile="instant")):
        pass


@pytest.mark.parametrize("spoil", [cut, fold, scribble])
@pytest.mark.parametrize("name", FILES)
async def test_a_damaged_file_ends_a_start_with_a_sentence(
    tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    await start(tmp_path)
    spoil(tmp_path / name)
    with pytest.raises(Exception) as raised:  # noqa: PT011 -- it may stand in a group
        await start(tmp_path)
    error: BaseException = raised.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, StoreUnusable if spoil is scribble else StoreDamaged)
    assert name in str(error)
    assert "Move it away" in str(error)


@pytest.mark.parametrize("spoil", [cut, fold, scribble])
async def test_an_audit_of_a_damaged_file_says_so(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    await start(tmp_path)
    spoil(tmp_path / FILES[0])
    with pytest.raises(StoreUnusable if spoil is scribble else StoreDamaged, match=r"cambist\.db"):
        audit_store(Settings(home=str(tmp_path)), lambda _: None)


def test_an_audit_of_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="is not there"):
        audit_store(Settings(home=str(tmp_path)), lambda _: None)


@pytest.mark.parametrize("name", FILES)
async def test_a_file_that_another_process_writes_to_for_long_is_in_use(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cambist.stores.sqlite.connection.BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr("cambist.paper.chain_ledger.BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr(health, "LOCK_WITHIN_S", 0.05)
    await start(tmp_path)
    with closing(sqlite3.connect(tmp_path / name, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(Exception) as raised:  # noqa: PT011
            await start(tmp_path)
        error: BaseException = raised.value
        while isinstance(error, BaseExceptionGroup):
            (error,) = error.exceptions
        assert isinstance(error, HomeInUse)
        assert f"fuser {tmp_path / name}" in str(error)
        if name == FILES[0]:
            assert health.inspect_file(tmp_path / name, SystemClock().monotonic_ms).is_locked
        stranger.execute("ROLLBACK")
    await start(tmp_path)
    assert not health.inspect_file(tmp_path / FILES[0], SystemClock().monotonic_ms).is_locked


class Stop:
    """Hears that trading is to stop."""

    def __init__(self) -> None:
        self.halts: list[Halt] = []
        self.told = asyncio.Event()

    async def halt(self, halt: Halt) -> None:
        self.halts.append(halt)
        self.told.set()


async def filled(path: Path) -> None:
    async with Shelf(sqlite_at(path, inline=True)) as shelf:
        for _ in range(ORDERS):
            await shelf.add()


def spoil_a_page(path: Path) -> None:
    """Write over the end of a file: pages of the journal, which no start reads."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size - 8_192)
        file.write(b"\xee" * 4_096)


async def test_damage_that_no_start_meets_halts_trading(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    await filled(path)
    assert await quick_check(path) == ()
    spoil_a_page(path)
    stop = Stop()
    async with checked_after_crash(stop, path, SystemClock(), is_needed=True):
        await asyncio.wait_for(stop.told.wait(), 10)
    assert "cambist restore" in stop.halts[0].reason
    assert stop.halts[0].by == "cambist"


async def test_a_file_that_is_well_or_was_closed_cleanly_halts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    await filled(path)
    assert not was_shut_down_uncleanly(path)
    stop = Stop()
    async with checked_after_crash(stop, path, SystemClock(), is_needed=True):
        assert await quick_check(path) == ()
    spoil_a_page(path)
    async with checked_after_crash(stop, path, SystemClock(), is_needed=False):
        assert await quick_check(path) != ()
    assert not stop.halts


async def test_a_log_that_is_left_tells_of_an_end_that_was_not_clean(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    kept = tmp_path / "copy.db"
    async with Shelf(sqlite_at(path, inline=True)) as shelf:
        await shelf.add()
        kept.write_bytes(path.read_bytes())  # what a kill leaves: the file, and its log
        (tmp_path / "copy.db-wal").write_bytes((tmp_path / "orders.db-wal").read_bytes())
    assert not was_shut_down_uncleanly(path)
    assert was_shut_down_uncleanly(kept)


async def test_the_log_is_cut_once_a_long_reader_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    log = tmp_path / "orders.db-wal"
    with closing(connect(path)) as writer, closing(connect(path, read_only=True)) as reader:
        writer.execute("CREATE TABLE room (taken BLOB)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM room").fetchone()
        for _ in range(LOG_BYTES_MAX // 2**22 + 4):
            writer.execute("INSERT INTO room VALUES (zeroblob(4194304))")
        assert log.stat().st_size > LOG_BYTES_MAX
        with suppress(health.StoreFileUnusable):
            assert health.inspect_file(path, SystemClock().monotonic_ms).log_bytes > LOG_BYTES_MAX
        reader.execute("COMMIT")
        for _ in range(3):
            writer.execute("INSERT INTO room VALUES (zeroblob(33554432))")
        assert log.stat().st_size <= LOG_BYTES_MAX


def test_a_home_that_others_can_look_into_is_told_of_once(tmp_path: Path) -> None:
    shared, fresh = tmp_path / "shared", tmp_path / "fresh"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    with structlog.testing.capture_logs() as told:
        assert ensure_home(shared) == ensure_home(shared)
        ensure_home(fresh)
    assert [one["event"] for one in told] == ["home_readable_by_others"]
    assert told[0]["todo"] == f"chmod 700 {shared}"
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
