"""Prove that a follower sees every line once and in order, however often it is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cambist.clock import ManualClock
from cambist.coordination.memory import SUBSCRIPTION_FACTS_MAX, InMemoryEventBus
from cambist.engine.event_following import follow_order, replay_events
from cambist.orders import events
from cambist.orders.journal import JournalEntry, RecordedEvent
from cambist.orders.order import Order, Status
from cambist.stores.sqlite.store import SqliteStore
from cambist.values.ids import OrderId, order_id
from tests import order_factory
from tests.contracts.store_harness import change

BEAT_MS = 600_000


class Stage:
    """One order in a store whose news go over a bus, which may lose some."""

    def __init__(self, store: SqliteStore, bus: InMemoryEventBus, order: Order) -> None:
        self.store, self.bus, self.order = store, bus, order
        self.clock = ManualClock()
        self.seen: list[int] = []
        self._task: asyncio.Task[None] | None = None
        self.ended = False

    async def write(self, one: events.OrderEvent) -> None:
        tried = order_factory.attempt(1, self.order.id)
        self.order = await self.store.commit(self.order, change(one, tried), order_factory.START)

    def connect(self) -> None:
        """Follow from the last line seen."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow())

    async def cut(self) -> None:
        """Break the follower off, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _follow(self) -> None:
        after = self.seen[-1] if self.seen else 0
        lines = follow_order(self.store, self.bus, self.order.id, after, BEAT_MS)
        try:
            async for event in lines:
                self.seen += [one.entry.seq for one in event.events]
                await asyncio.sleep(0)
            self.ended = True
        finally:
            await lines.aclose()  # type: ignore[attr-defined]

    async def finish(self) -> None:
        """Follow to the end."""
        self.connect()
        assert self._task is not None
        await asyncio.wait_for(self._task, 10)


class Lossy(InMemoryEventBus):
    """Loses what it is told to lose."""

    def __init__(self) -> None:
        super().__init__()
        self.deaf = False

    def publish(self, news: Sequence[RecordedEvent], places: Sequence[int]) -> None:
        if not self.deaf:
            super().publish(news, places)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    bus = Lossy()
    store = SqliteStore(folder / "orders.db", bus.publish, owner="me", inline=True)
    await store.open()
    try:
        birth = order_factory.birth()
        await store.add(birth)
        held = await store.claim(birth.event.order.id)
        assert held is not None
        stage = Stage(store, bus, held)
        yield stage
        await stage.cut()
        assert bus._of_orders._by_topic == {}, "no follower leaves its subscription behind"
    finally:
        await store.close()


AGAIN = events.RetryScheduled(order_factory.PASSING, 2, order_factory.START)
LIFE = [
    events.Started(),
    events.Routed(order_factory.route()),
    AGAIN,
    events.Routed(order_factory.route()),
    "signed",
    events.Sent(),
    events.Seen(2_010),
    "landed",
    events.Finalized(2_050),
]
acts = st.lists(st.sampled_from(["write", "connect", "cut", "settle", "deafen"]), max_size=40)


def fact_of(stage: Stage, name: object) -> events.OrderEvent:
    tried = order_factory.attempt(1, stage.order.id)
    if name == "signed":
        return order_factory.signed(tried)
    return events.Landed(order_factory.fill(tried)) if name == "landed" else name  # type: ignore[return-value]


@settings(max_examples=60)
@given(acts)
async def test_every_line_is_seen_once_and_in_order_whatever_is_cut(script: list[str]) -> None:
    left = list(LIFE)
    with TemporaryDirectory() as folder:
        async with staged(Path(folder)) as stage:
            assert isinstance(stage.bus, Lossy)
            for act in script:
                if act == "write" and len(left) > 1:
                    await stage.write(fact_of(stage, left.pop(0)))
                    stage.bus.deaf = False
                elif act == "connect":
                    stage.connect()
                elif act == "cut":
                    await stage.cut()
                elif act == "settle":
                    await stage.clock.settle()
                elif act == "deafen":
                    # One batch is lost on the way; the one after it shows the gap.
                    stage.bus.deaf = True
            stage.bus.deaf = False
            stage.connect()
            await stage.clock.settle()
            for one in left:
                await stage.write(fact_of(stage, one))
            await stage.finish()
            assert stage.seen == list(range(1, len(LIFE) + 2))
            assert stage.ended


async def test_a_listener_that_overflowed_loses_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        lines = follow_order(stage.store, stage.bus, stage.order.id, 0, BEAT_MS)
        seen = [one.entry.seq for one in (await anext(lines)).events]
        for _ in range(SUBSCRIPTION_FACTS_MAX + 10):
            await stage.write(events.CancelRequested())
        caught_up = await anext(lines)
        assert caught_up.lagged
        seen += [one.entry.seq for one in caught_up.events]
        (listener,) = stage.bus._of_orders._by_topic[stage.order.id]
        assert not listener.lagged, "it listens again, and does not go on reading the journal"
        await stage.write(events.Cancelled())
        async for event in lines:
            assert not event.lagged
            seen += [one.entry.seq for one in event.events]
        assert seen == list(range(1, SUBSCRIPTION_FACTS_MAX + 13))


async def test_a_follower_of_a_finished_order_is_given_its_past_and_let_go(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as stage:
        await stage.write(events.CancelRequested())
        await stage.write(events.Cancelled())
        for after, wanted in ((0, [1, 2, 3]), (2, [3]), (3, [])):
            lines = follow_order(stage.store, stage.bus, stage.order.id, after, BEAT_MS)
            seen = [one.entry.seq async for event in lines for one in event.events]
            assert seen == wanted


async def test_a_follower_of_nothing_is_let_go(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        nobody = order_id(order_factory.START, 99)
        assert [event async for event in follow_order(stage.store, stage.bus, nobody)] == []


async def test_silence_is_a_heartbeat(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        lines = follow_order(stage.store, stage.bus, stage.order.id, 1, beat_ms=0)
        assert not (await anext(lines)).events
        assert not (await anext(lines)).events
        await lines.aclose()  # type: ignore[attr-defined]


async def test_a_landed_order_is_followed_until_it_is_final(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for one in LIFE[:-1]:
            await stage.write(fact_of(stage, one))
        assert stage.order.status is Status.CONFIRMED
        stage.connect()
        await stage.clock.settle()
        assert not stage.ended
        await stage.write(events.Finalized(2_050))
        await stage.finish()
        assert stage.seen[-1] == len(LIFE) + 1


async def test_an_order_that_ends_while_its_past_is_read_is_told_to_its_end(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as stage:
        looked, journal = list[int](), stage.store.read_journal

        async def early(order: OrderId, after: int, limit: int) -> tuple[JournalEntry, ...]:
            past = await journal(order, after, limit)
            if not looked:
                await stage.write(events.CancelRequested())
                await stage.write(events.Cancelled())
            looked.append(1)
            return past

        stage.store.read_journal = early  # type: ignore[method-assign]
        lines = follow_order(stage.store, stage.bus, stage.order.id, 1, BEAT_MS)
        assert [one.entry.seq async for event in lines for one in event.events] == [2, 3]


async def test_a_line_that_memory_does_not_know_yet_is_not_told_again(tmp_path: Path) -> None:
    """A reader sees a line in the file before the writer's memory and the news have it."""
    async with staged(tmp_path) as stage:
        old = stage.order

        async def get(_: OrderId) -> Order:
            return old

        stage.store.get = get  # type: ignore[method-assign]
        bus = Lossy()
        await stage.write(events.CancelRequested())
        told = await replay_events(stage.store, old.id)
        lines = follow_order(stage.store, bus, old.id, 2, 0)
        assert not (await anext(lines)).events
        bus.publish(told[1:], (2,))
        assert not (await anext(lines)).events
        await lines.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("came", [[2, 4], [3, 2, 4], [2, 2, 3, 4], [4, 3, 2], [3]])
async def test_news_that_come_with_gaps_doubled_or_out_of_order_are_set_right(
    tmp_path: Path, came: list[int]
) -> None:
    async with staged(tmp_path) as stage:
        lines = follow_order(stage.store, stage.bus, stage.order.id, 0, BEAT_MS)
        seen = [event.entry.seq for event in (await anext(lines)).events]
        stage.bus.deaf = True
        for one in LIFE[:3]:
            await stage.write(one)
        stage.bus.deaf = False
        told = await replay_events(stage.store, stage.order.id)
        stage.bus.publish([told[seq - 1] for seq in came], came)
        seen += [one.entry.seq for one in (await anext(lines)).events]
        assert seen == [1, 2, 3, 4]
        await lines.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("after", [0, 3, 9, 50])
async def test_history_goes_on_after_any_line(tmp_path: Path, after: int) -> None:
    async with staged(tmp_path) as stage:
        for one in LIFE:
            await stage.write(fact_of(stage, one))
        told = await replay_events(stage.store, stage.order.id, after)
        assert [event.entry.seq for event in told] == list(range(after + 1, len(LIFE) + 2))
        assert all(one.order.last_seq == one.entry.seq for one in told)
