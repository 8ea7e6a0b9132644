"""Break a shared store in every way there is, one by one, and see the audit notice it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from cambist.cli.main import app
from cambist.orders.order import Status
from cambist.ports.errors import PortUnavailable
from cambist.stores.audit import AuditReport
from cambist.stores.errors import DatabaseUnusable
from cambist.stores.postgres import Target
from cambist.stores.postgres.maintenance import audit
from tests import order_factory
from tests.contracts.store_harness import Shelf
from tests.stores.postgres_stores import database, postgres_at, still_database, talk

pytestmark = pytest.mark.postgres

IDS = {
    "CONFIRMED": "(SELECT id FROM engine_orders WHERE status = 'confirmed')",
    "LAPSED": "(SELECT order_id FROM attempts WHERE state = 'lapsed')",
    "PENDING": "(SELECT id FROM engine_orders WHERE status = 'pending')",
}
BREAKS = {
    "a payload": "UPDATE journal SET payload = replace(payload, '\"SOL\"', '\"SOM\"')"
    " WHERE seq = 1 AND order_id = CONFIRMED",
    "a line in the middle": "DELETE FROM journal WHERE seq = 3 AND order_id = CONFIRMED",
    "the last line": "DELETE FROM journal WHERE kind = 'landed' AND order_id = CONFIRMED",
    "a whole journal": "DELETE FROM journal WHERE order_id = PENDING",
    "an instant": "UPDATE journal SET at = at + 1 WHERE seq = 2 AND order_id = CONFIRMED",
    "a hash": "UPDATE journal SET hash = sha256('x') WHERE seq = 2 AND order_id = CONFIRMED",
    "a name": "UPDATE journal SET kind = 'sent' WHERE seq = 2 AND order_id = CONFIRMED",
    "an owner of a line": "UPDATE journal SET principal = 'eve'"
    " WHERE seq = 2 AND order_id = CONFIRMED",
    "the place of a line": "UPDATE journal SET n = -n"
    " WHERE kind = 'landed' AND order_id = CONFIRMED",
    "a count of tries": "UPDATE engine_orders SET state = '{\"tries\":2}' WHERE id = PENDING",
    "a route": "UPDATE engine_orders SET route_seq = 2 WHERE id = CONFIRMED",
    "a head": "UPDATE engine_orders SET head_hash = sha256('x') WHERE id = PENDING",
    "the next look": "UPDATE engine_orders SET wake_at = NULL WHERE id = PENDING",
    "a fill": "UPDATE fills SET amount_out = amount_out + 1",
    "a fill that is gone": "DELETE FROM fills",
    "a fill from nowhere": "INSERT INTO fills SELECT order_id, 'S', 1, 1, 1, 1 FROM fills",
    "signed bytes": "UPDATE attempts SET transaction_bytes = 'x' WHERE order_id = CONFIRMED",
    "an attempt that is gone": "DELETE FROM attempts WHERE order_id = CONFIRMED",
    "a proof": "UPDATE attempts SET evidence = '[]' WHERE order_id = LAPSED",
    "a proof that is gone": "UPDATE attempts SET evidence = NULL WHERE order_id = LAPSED",
    "a fate": "UPDATE attempts SET state = 'reverted' WHERE order_id = LAPSED",
    "a blockhash": "UPDATE attempts SET blockhash = 'x' WHERE order_id = CONFIRMED",
}
COUNTS = {
    "a status": ("UPDATE engine_orders SET status = 'failed' WHERE id = CONFIRMED", "tallies"),
    "an order that is gone": ("DELETE FROM engine_orders WHERE id = PENDING", "backlog"),
    "an owner": ("UPDATE engine_orders SET principal = 'eve' WHERE id = PENDING", "tallies"),
    "a tally": ("UPDATE tallies SET n = n + 1 WHERE status = 'failed'", "tallies"),
    "a tally that is gone": ("DELETE FROM tallies WHERE status = 'failed'", "tallies"),
    "the backlog": ("UPDATE feed_end SET backlog = backlog + 1", "backlog"),
    "the feed's end": ("UPDATE feed_end SET n = n - 1", "the feed"),
}


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    """A store with an order of each status, and one whose attempt lapsed."""
    async with still_database(postgres_url) as made:
        async with Shelf(postgres_at(made)) as shelf:
            for status in Status:
                await shelf.claimed(status)
            order = await shelf.claimed(Status.SUBMITTED)
            tried = order_factory.attempt(1, order.id)
            await shelf.commit(
                order, order_factory.events.Lapsed(tried.signature, (order_factory.witness(),))
            )
        yield made


async def spoil(url: str, sql: str) -> None:
    """Run a statement that changes something."""
    for word, ids in IDS.items():
        sql = sql.replace(word, ids)
    async with talk(url) as line:
        assert not (await line.execute(sql)).endswith(" 0")


async def look(url: str) -> AuditReport:
    return await audit(Target(url), lambda _: None)


async def test_an_untouched_store_is_all_as_written(url: str) -> None:
    report = await look(url)
    assert (report.orders, report.broken, report.empty_places) == (len(Status) + 1, 0, 0)
    async with talk(url) as line:
        assert report.entries == await line.fetchval("SELECT count(*) FROM journal")


@pytest.mark.parametrize("what", BREAKS)
async def test_a_change_behind_the_engines_back_is_noticed(url: str, what: str) -> None:
    await spoil(url, BREAKS[what])
    report = await look(url)
    assert report.broken == 1, report.breaks


@pytest.mark.parametrize("what", COUNTS)
async def test_counts_are_held_against_what_is_there(url: str, what: str) -> None:
    sql, where = COUNTS[what]
    await spoil(url, sql)
    assert any(where in one.order_id for one in (await look(url)).breaks)


async def test_a_line_of_nobody_is_noticed_as_an_empty_place_is_told(url: str) -> None:
    await spoil(url, "DELETE FROM journal WHERE order_id = PENDING")
    await spoil(url, "DELETE FROM engine_orders WHERE id = PENDING")
    report = await look(url)
    assert report.empty_places == 1
    assert {one.order_id for one in report.breaks} == {"the tallies", "the backlog"}


async def test_a_database_without_a_store_is_called_so(postgres_url: str) -> None:
    async with database(postgres_url) as empty:
        with pytest.raises(DatabaseUnusable, match="no store"):
            await look(empty)
    with pytest.raises(PortUnavailable):
        await look(empty)


async def test_the_command_reads_the_database_that_is_named(url: str) -> None:
    def run() -> tuple[int, str]:
        done = CliRunner().invoke(app, ["verify"], env={"CAMBIST_DATABASE_URL": url})
        return done.exit_code, done.output

    code, told = await asyncio.to_thread(run)
    assert (code, told.strip().endswith(": all as written")) == (0, True), told
    await spoil(url, "DELETE FROM fills")
    code, told = await asyncio.to_thread(run)
    assert code == 1
    assert "the fill" in told or "differs from its journal in fill" in told
