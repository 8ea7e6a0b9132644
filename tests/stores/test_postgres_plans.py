"""Prove that no lookup of the shared store reads a big table from end to end."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from cambist.stores.postgres.pool import ConnectionPool, Target
from cambist.stores.sql import queries
from tests.stores.postgres_stores import bring_up_to_date, database, talk

pytestmark = pytest.mark.postgres
SQL = queries("postgres")
BIG = {"engine_orders", "journal", "attempts", "fills", "order_filters", "daily_fills"}
FILL = """
INSERT INTO engine_orders
SELECT id, 'user ' || n % 50, id, '', '', CASE WHEN due THEN 'pending' ELSE 'confirmed' END, 6,
       NULL, 1, CASE WHEN due THEN n END, CASE WHEN due THEN n END, 7, n, sha256(id::bytea), n, 3,
       1, '{"tries":1}'
FROM (
    SELECT n, lpad(n::text, 36, '0') AS id, n % 100 = 0 AS due FROM generate_series(1, 10000) AS n
) AS o;
INSERT INTO journal
SELECT (n - 1) * 7 + seq, lpad(n::text, 36, '0'), seq, n, 'sent', '{"kind":"sent"}', sha256('x'),
       'user ' || n % 50
FROM generate_series(1, 10000) AS n, generate_series(1, 7) AS seq;
INSERT INTO attempts
SELECT lpad(n::text, 36, '0'), 1, 's' || n, 'landed', 'h', 1, 1, '', NULL
FROM generate_series(1, 10000) AS n;
INSERT INTO fills
SELECT lpad(n::text, 36, '0'), 's' || n, 1, 1, 1, 1 FROM generate_series(1, 10000) AS n;
INSERT INTO tallies SELECT principal, status, count(*) FROM engine_orders GROUP BY 1, 2;
INSERT INTO order_filters
SELECT principal, 'token', 'token ' || length(id) % 3, id FROM engine_orders;
INSERT INTO daily_fills SELECT 'user ' || n % 50, n, '', 1, 1, 1, 1, 1, 1, 1, 1
FROM generate_series(1, 10000) AS n;
ANALYZE;
"""
PAGES = ("page_ids", "page_ids_of", "page_ids_by", "page_ids_by_and", "day_sums")
WANTED = {
    "claim": {"engine_orders_id"},
    "claim_due": {"engine_orders_active_due", "engine_orders_id"},
    "claim_resting_due": {"engine_orders_resting_due", "engine_orders_id"},
    "claim_ahead": {"engine_orders_active_due", "engine_orders_id"},
    "resting_orders": {"engine_orders_resting", "engine_orders_id", "journal_order"},
    "renew": {"engine_orders_id"},
    "release": {"engine_orders_id"},
    "orders_by_id": {"engine_orders_id", "journal_order", "attempts_order", "fills_pkey"},
    "page_ids": {"engine_orders_page"},
    "page_ids_of": {"engine_orders_page"},
    "page_ids_by": {"order_filters_pkey"},
    "page_ids_by_and": {"order_filters_pkey", "engine_orders_id"},
    "fills_not_summed": {"fills_not_summed", "engine_orders_id", "journal_order"},
    "count_fills_unreadable": {"fills_unreadable", "engine_orders_id"},
    "day_sums": {"daily_fills_pkey"},
    "mark_fills": {"fills_pkey"},
    "keyed": {"engine_orders_key"},
    "all_keyed": {"engine_orders_key"},
    "places": {"journal_order"},
    "delayed": {"engine_orders_active_due"},
    "entries": {"journal_order"},
    "journals": {"journal_order"},
    "feed": {"journal_principal"},
    "feed_all": {"journal_pkey"},
}


@pytest.fixture
async def line(postgres_url: str) -> AsyncIterator[Any]:
    async with database(postgres_url) as url:
        await bring_up_to_date(url)
        async with talk(url) as opened:
            await opened.execute(FILL)
            await opened.execute("SET plan_cache_mode = force_generic_plan")
            yield opened


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk a plan."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps(part)


async def plan_of(line: Any, name: str) -> list[dict[str, Any]]:
    """Return the steps by which a query is carried out whatever it is asked for."""
    count = max((int(found) for found in re.findall(r"\$(\d+)", SQL[name])), default=0)
    await line.execute(f"PREPARE {name}_ AS {SQL[name]}")
    nothing = f"({', '.join(['NULL'] * count)})" if count else ""
    text = await line.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE {name}_{nothing}")
    return list(steps(json.loads(text)[0]["Plan"]))


async def test_every_lookup_uses_its_index_and_scans_nothing(line: Any) -> None:
    for name, wanted in WANTED.items():
        plan = await plan_of(line, name)
        used = {step["Index Name"] for step in plan if "Index Name" in step}
        scanned = [
            step["Relation Name"]
            for step in plan
            if step["Node Type"] == "Seq Scan" and step["Relation Name"] in BIG
        ]
        assert not scanned, (name, scanned)
        assert wanted <= used, (name, used)


async def test_a_connection_keeps_to_indexes_before_there_are_statistics(
    postgres_url: str,
) -> None:
    async with database(postgres_url) as url:
        await bring_up_to_date(url)
        pool = ConnectionPool(Target(url), 1)
        await pool.open()
        wanted = ("plan_cache_mode", "enable_seqscan", "enable_hashjoin", "enable_mergejoin")
        for name in wanted:
            value = await pool.read(partial(_setting, name=name))
            assert value in ("force_generic_plan", "off"), name
        for query in ("page_ids", "page_ids_by", "orders_by_id"):
            found = await pool.read(partial(plan_of, name=query))
            assert not [step for step in found if step["Node Type"] == "Seq Scan"], query
        await pool.close()


async def _setting(line: Any, name: str) -> str:
    return str(await line.fetchval("SELECT current_setting($1)", name))


async def test_the_newest_orders_are_read_in_turn_and_not_sorted(line: Any) -> None:
    for name in (
        *PAGES,
        "entries",
        "feed",
        "feed_all",
        "claim_due",
        "claim_resting_due",
        "claim_ahead",
    ):
        plan = await plan_of(line, name)
        assert not [step for step in plan if "Sort" in step["Node Type"]], name


async def test_a_view_of_one_order_scans_nothing(line: Any) -> None:
    for query in (
        "SELECT * FROM orders WHERE id = 'x'",
        "SELECT * FROM order_events WHERE order_id = 'x'",
    ):
        text = await line.fetchval(f"EXPLAIN (FORMAT JSON) {query}")
        plan = list(steps(json.loads(text)[0]["Plan"]))
        assert not [step for step in plan if step["Node Type"] == "Seq Scan"], query
