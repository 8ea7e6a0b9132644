"""Prove that an order nobody can prove dead waits for an operator, and ends by its word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from cambist.faults import Code
from cambist.orders.attempt import Attempt, NodeObservation
from cambist.orders.events import WrittenOff
from cambist.orders.order import Status
from cambist.paper.adapters import PaperChain
from cambist.stores.sqlite.maintenance import list_stuck_in_file, write_off_in_file
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.time_units import Timestamp
from tests.engine.engine_harness import rig, sell

WORD = WrittenOff("me", "the explorer has nothing of it")


class Forgetful(PaperChain):
    """A chain that loses what is sent, and whose endpoint says that its blockhash is still good."""

    async def send(self, transaction: bytes) -> None:
        pass

    async def observe(self, attempts: Sequence[Attempt]) -> tuple[tuple[NodeObservation, ...], ...]:
        answers = await super().observe(attempts)
        return tuple(tuple(replace(one, blockhash_valid=True) for one in each) for each in answers)


async def test_an_operator_ends_what_nobody_can_prove(tmp_path: Path) -> None:
    async with rig(tmp_path, kinds=(SqliteStore, Forgetful)) as r:
        order_id = await r.send(sell())
        await r.push(60_000)
        assert (await r.order(order_id)).status is Status.SUBMITTED
        store = tmp_path / "cambist.db"
        still = list_stuck_in_file(store, r.clock.now(), 10)
        assert [one.id for one in still.orders] == [order_id]
        assert (still.open, still.in_flight) == (1, 1)
        noted = write_off_in_file(store, order_id, WORD, r.clock.now())
        assert noted is not None
        assert noted.written_off_at is not None
        order = await r.until_closed(order_id, 20_000)
        assert order.status is Status.FAILED
        assert order.fault is not None
        assert order.fault.code is Code.WRITTEN_OFF
        assert (await r.kinds(order_id))[-3:] == ["written_off", "lapsed", "failed"]


async def test_a_word_given_too_early_changes_nothing_that_lands(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        order_id = await r.send(sell())
        while (await r.order(order_id)).in_flight is None:
            await r.push(50)
        assert write_off_in_file(tmp_path / "cambist.db", order_id, WORD, r.clock.now())
        assert (await r.until_closed(order_id)).status is Status.CONFIRMED


async def test_a_word_about_an_order_at_rest_is_not_written(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        order_id = await r.send(sell())
        closed = await r.until_closed(order_id)
        now = r.clock.now()
        kept = write_off_in_file(tmp_path / "cambist.db", order_id, WORD, now)
        assert kept is not None
        assert (kept.written_off_at, kept.last_seq) == (None, closed.last_seq)
        assert write_off_in_file(tmp_path / "cambist.db", order_id[::-1], WORD, now) is None  # type: ignore[arg-type]
        assert list_stuck_in_file(tmp_path / "cambist.db", Timestamp(now), 10).orders == ()
