"""Breaks what is written and told, one promise at a time: transactions, keys, limits, streams."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any, Final

from cambist.engine import dispatcher, engine, event_following, intake
from cambist.engine.event_following import FeedBatch
from cambist.faults import Code, RequestRejected
from cambist.orders import steps
from cambist.orders.events import Accepted
from cambist.orders.journal import start_journal
from cambist.ports.event_bus import EventBus
from cambist.ports.store import FeedEntry, IdempotencyRecord, Store
from cambist.stores.sqlite import store as embedded
from cambist.stores.sqlite import writer
from cambist.stores.sqlite.connection import write_many
from cambist.values.ids import OrderId, Principal
from cambist.values.time_units import Timestamp
from tests.simulation import database
from tests.simulation.database import Database
from tests.simulation.model_store import ModelStore
from tests.simulation.wrong_decisions import swap

NEVER_MS: Final = 2**60
UNSEEN_MS: Final = 700


def lets_anybody_write(stack: ExitStack) -> None:
    swap(stack, Database, "checks_claims", False)


def compares_the_version_alone(stack: ExitStack) -> None:
    swap(stack, Database, "checks_hashes", False)


def writes_the_journal_in_a_second_transaction(stack: ExitStack) -> None:
    real = writer.SqliteWriteBatch.write

    def wrong(self: Any, db: sqlite3.Connection) -> None:
        entries, self.entries = self.entries, []
        real(self, db)
        db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        write_many(db, "add_entries", entries)

    swap(stack, writer.SqliteWriteBatch, "write", wrong)


def asks_again_under_a_new_id(stack: ExitStack) -> None:
    real = intake.Intake.submit

    async def wrong(self: Any, command: intake.SubmitOrder) -> intake.SubmitResult:
        try:
            return await real(self, command)
        except RequestRejected as refused:
            if refused.faults[0].code is not Code.STORE_UNAVAILABLE:
                raise
            return await real(self, command)

    swap(stack, intake.Intake, "submit", wrong)


def counts_the_backlog_without_those_who_enter(stack: ExitStack) -> None:
    blind = property(lambda _: 0, lambda *_: None)
    intake.Intake._pending_inserts = blind  # type: ignore[assignment]
    stack.callback(delattr, intake.Intake, "_pending_inserts")


def renders_a_reply_anew(stack: ExitStack) -> None:
    real = intake._replay

    def wrong(command: intake.SubmitOrder, known: IdempotencyRecord) -> intake.BatchResult:
        answered = real(command, known)
        if not isinstance(answered, intake.SubmitResult):
            return answered
        events = start_journal(known.order_id, Accepted(command.intent), Timestamp(1))
        return intake.SubmitResult(known.order_id, command.reply(events.order), replayed=True)

    swap(stack, intake, "_replay", wrong)


def resumes_by_numbers_drawn_before_the_commit(stack: ExitStack) -> None:
    """A number is drawn early, and its line is seen later than one with a greater number."""
    seen: dict[tuple[int, int], int] = {}

    def visible(self: Any, line: FeedEntry) -> bool:
        now = self._wire._place.loop.ms
        late = UNSEEN_MS if line.position % 3 == 0 else 0
        return now >= seen.setdefault((id(self._db), line.position), now + late)

    def lines(self: Any) -> list[FeedEntry]:
        return [line for line in self._db.lines if visible(self, line)]

    async def wrong(self: Any, who: Principal, after: int, limit: int) -> tuple[FeedEntry, ...]:
        rows = self._db.rows
        mine = (line for line in lines(self) if rows[line.order_id].intent.principal == who)
        return await self._ask(
            lambda: tuple(entry for entry in mine if entry.position > after)[:limit]
        )

    async def end(self: Any) -> int:
        return await self._ask(lambda: max((line.position for line in lines(self)), default=0))

    swap(stack, ModelStore, "feed", wrong)
    swap(stack, ModelStore, "last_position", end)


def announces_a_feed_before_it_listens(stack: ExitStack) -> None:
    real = event_following.PrincipalSubscription.follow

    async def wrong(
        self: Any, after: int | None, beat_ms: int = event_following.HEARTBEAT_MS
    ) -> AsyncIterator[FeedBatch]:
        if after is None:
            yield FeedBatch((), await self._store.last_position())
        first = after is None
        async for heard in real(self, after, beat_ms):
            if not first:
                yield heard
            first = False

    swap(stack, event_following.PrincipalSubscription, "follow", wrong)


def lets_a_follower_go_between_two_looks(stack: ExitStack) -> None:
    """Take an order that ended since its journal was read for one of which all was told."""
    real = event_following.follow_order

    async def wrong(
        store: Store, bus: EventBus, order_id: OrderId, after_seq: int = 0, beat_ms: int = 1
    ) -> AsyncIterator[event_following.EventBatch]:
        if after_seq and not await event_following.replay_events(store, order_id, after_seq):
            order = await store.get(order_id)
            if order is None or event_following._is_over(order):
                return
        async for heard in real(store, bus, order_id, after_seq, beat_ms):
            yield heard

    swap(stack, engine, "follow_order", wrong)


def ends_when_a_claim_cannot_be_given_up(stack: ExitStack) -> None:
    swap(stack, dispatcher.Dispatcher, "_release", lambda self, order: self._store.release(order))


def waits_for_a_clock_that_stepped_back(stack: ExitStack) -> None:
    swap(stack, steps, "BACKOFF_MAX_MS", NEVER_MS)
    swap(stack, database, "BACKOFF_MAX_MS", NEVER_MS)
    swap(stack, embedded, "BACKOFF_MAX_MS", NEVER_MS)


def never_tells_what_a_failed_commit_wrote(stack: ExitStack) -> None:
    swap(stack, writer, "unpublished_after", lambda *_: ())


ALL: Final = (
    lets_anybody_write,
    compares_the_version_alone,
    writes_the_journal_in_a_second_transaction,
    asks_again_under_a_new_id,
    counts_the_backlog_without_those_who_enter,
    renders_a_reply_anew,
    resumes_by_numbers_drawn_before_the_commit,
    announces_a_feed_before_it_listens,
    lets_a_follower_go_between_two_looks,
    ends_when_a_claim_cannot_be_given_up,
    waits_for_a_clock_that_stepped_back,
    never_tells_what_a_failed_commit_wrote,
)
