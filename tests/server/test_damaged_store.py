"""Prove over HTTP that one order cannot spoil what is read of the others."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from cambist.values.ids import LOCAL
from tests.server.app_harness import ORDER, in_process, until_closed

FAR = "9999-12-31T23:59:59-23:59"
KEPT = 253_402_387_140_000


async def place(home: Path, many: int) -> list[str]:
    """Let some orders come to their ends."""
    async with in_process(home) as (_, _, client):
        taken = [(await client.post("/api/orders", json=ORDER)).json() for _ in range(many)]
        return [(await until_closed(client, record["orderId"]))["orderId"] for record in taken]


def change(home: Path, sql: str, values: Sequence[object]) -> None:
    with closing(sqlite3.connect(home / "cambist.db")) as store, store:
        assert store.execute(sql, values).rowcount > 0


async def test_a_deadline_that_cannot_be_written_is_refused_by_its_field(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        for text in (FAR, "2262-01-01T00:00:00Z", "1999-12-31T23:59:59Z"):
            for path in ("/api/orders", "/api/orders/execute", "/api/quotes"):
                answer = await client.post(path, json={**ORDER, "expiresAt": text})
                assert (answer.status_code, answer.json()["field"]) == (400, "expiresAt"), path
            listed = await client.get("/api/orders", params={"since": text})
            assert (listed.status_code, listed.json()["field"]) == (400, "since")
        assert (await client.get("/api/orders")).json()["total"] == 0


async def test_a_store_that_holds_such_a_deadline_can_be_read(tmp_path: Path) -> None:
    (order_id,) = await place(tmp_path, 1)
    change(
        tmp_path,
        """UPDATE engine_orders SET state = json_set(state, '$.terms', json(?)) WHERE id = ?""",
        (f'{{"deadline":{KEPT}}}', order_id),
    )
    async with in_process(tmp_path) as (_, _, client):
        (listed,) = (await client.get("/api/orders")).json()["orders"]
        assert listed["expiresAt"] == "9999-12-31T23:59:59.999Z"
        for path in ("", "/receipt", "/events"):
            assert (await client.get(f"/api/orders/{order_id}{path}")).status_code == 200


async def test_a_damaged_row_is_named_and_hides_no_other(tmp_path: Path) -> None:
    first, damaged, third = await place(tmp_path, 3)
    change(
        tmp_path,
        "UPDATE engine_orders SET state = substr(state, 1, 40) WHERE id = ?",
        (damaged,),
    )
    async with in_process(tmp_path) as (_, _, client):
        page = (await client.get("/api/orders")).json()
        assert [one["orderId"] for one in page["orders"]] == [third, first]
        assert (page["unreadable"], page["unreadableIds"]) == (1, [damaged])
        assert (page["count"], page["total"]) == (2, 3)
        paged = (await client.get("/api/orders?limit=2")).json()
        assert paged["nextCursor"] == damaged
        rest = (await client.get(f"/api/orders?limit=2&cursor={damaged}")).json()
        assert [one["orderId"] for one in rest["orders"]] == [first]
        assert "unreadable" not in rest
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/receipt"), ("GET", "/events")):
            answer = await client.request(method, f"/api/orders/{damaged}{path}")
            assert (answer.status_code, answer.json()["code"]) == (409, "order_unreadable"), path
        report = await client.get("/api/report")
        assert report.status_code == 200
        assert report.json()["orders"] + report.json().get("unreadable", 0) == 3
        health = await client.get("/health")
        assert (health.status_code, health.json()["unreadable"]) == (200, 1)
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.post("/api/orders", json=ORDER)).status_code == 202


async def test_whoever_owns_another_order_does_not_learn_of_a_damaged_one(tmp_path: Path) -> None:
    (damaged,) = await place(tmp_path, 1)
    spoil = "UPDATE engine_orders SET state = '{', principal = 'ann' WHERE id = ?"
    change(tmp_path, spoil, (damaged,))
    async with in_process(tmp_path) as (_, _, client):
        for method in ("GET", "DELETE"):
            answer = await client.request(method, f"/api/orders/{damaged}")
            assert answer.json()["code"] == "order_not_found"


async def test_a_damaged_journal_is_left_out_of_a_feed_and_named(tmp_path: Path) -> None:
    first, damaged, third = await place(tmp_path, 3)
    change(
        tmp_path,
        "UPDATE journal SET payload = '{}' WHERE order_id = ? AND seq = 2",
        (damaged,),
    )
    async with in_process(tmp_path) as (engine, _, client):
        for path in ("/events", "/receipt"):
            answer = await client.get(f"/api/orders/{damaged}{path}")
            assert (answer.status_code, answer.json()["code"]) == (409, "order_unreadable")
        told, unreadable = set(), set()
        async for heard in engine.follow_principal(LOCAL, 0, 1):
            told |= {event.event.order.id for event in heard.events}
            unreadable |= set(heard.unreadable)
            if not heard.events and told:
                break
        assert (told, unreadable) == ({first, third}, {damaged})
