"""Hold the doors to letting in who has a key in force, and to telling others nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from cambist.bootstrap import open_keys
from cambist.config import Settings
from cambist.ports.api_keys import Permission
from cambist.stores.api_key_pepper import FILE
from cambist.values.api_key import read_key_id
from cambist.values.ids import Address
from cambist.values.time_units import Timestamp
from tests.server.app_harness import ORDER, in_process
from tests.server.authenticated_app import BORN, OTHER, Locked, locked, locked_on_a_port

WALLET = Address("So11111111111111111111111111111111111111112")
NOT_ITS = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"


def same_but_for_the_date(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    kept = [
        (name, value)
        for name, value in answer.headers.items()
        if name not in ("date", "x-request-id")
    ]
    return answer.status_code, kept, answer.content


async def test_without_keys_everyone_may_trade_and_with_one_nobody_without(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        assert (await rooms.client.post("/api/orders", json=ORDER)).status_code == 202
        key = await rooms.key()
        rooms.app._authenticator._look_at = 0  # as if half a second had passed
        refused = await rooms.client.get("/api/orders")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["code"] == "unauthorized"
        seen = await rooms.client.get("/api/orders", headers=key)
        assert seen.json()["total"] == 1
        await rooms.keys.revoke(read_key_id(key["authorization"][7:]) or "", BORN)
        assert (await rooms.client.get("/api/orders", headers=key)).status_code == 401
        assert (await rooms.client.get("/api/orders")).status_code == 401


async def test_all_that_is_wrong_with_a_key_is_told_in_the_same_bytes(tmp_path: Path) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        good = await rooms.key_text()
        revoked = await rooms.key_text(revoked_at=BORN)
        expired = await rooms.key_text(expires_at=Timestamp(BORN + 1))
        wrong = {
            "none": None,
            "no scheme": good,
            "another scheme": f"Basic {good}",
            "nothing": "Bearer",
            "a word": "Bearer hello",
            "another's secret": f"Bearer {good[:13]}{revoked[13:]}",
            "another's id": f"Bearer {revoked[:13]}{good[13:]}",
            "one letter more": f"Bearer {good}1",
            "one letter other": f"Bearer {good[:-1]}{'1' if good[-1] != '1' else '2'}",
            "revoked": f"Bearer {revoked}",
            "expired": f"Bearer {expired}",
            "two": f"Bearer {good},{good}",
            "quoted": f'Bearer "{good}"',
        }
        answers = []
        for shown in wrong.values():
            headers = {} if shown is None else {"authorization": shown}
            answers.append(await rooms.client.get("/api/orders", headers=headers))
        assert {answer.status_code for answer in answers} == {401}
        first = same_but_for_the_date(answers[0])
        assert [same_but_for_the_date(one) for one in answers] == [first] * len(answers)
        for scheme in ("Bearer", "bearer", "BEARER"):
            headers = {"authorization": f"{scheme} {good}"}
            assert (await rooms.client.get("/api/orders", headers=headers)).status_code == 200


async def test_a_bad_key_is_refused_before_the_body_is_looked_at(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        await rooms.key()
        for body in (b"", b"{", b"x" * 60_000):
            assert (await rooms.client.post("/api/orders", content=body)).status_code == 401


async def test_a_missing_scope_is_named(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        reader = await rooms.key(Permission.READ)
        refused = await rooms.client.post("/api/orders", json=ORDER, headers=reader)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert "`trade`" in refused.json()["detail"]
        assert (await rooms.client.get("/metrics", headers=await rooms.key())).status_code == 403


async def test_what_is_public_asks_for_nothing_and_tells_of_no_order(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        await rooms.key()
        for path in ("/", "/health", "/health/live", "/health/ready", "/openapi.json"):
            assert (await rooms.client.get(path)).status_code == 200
        bad = {"authorization": "Bearer hello"}
        assert (await rooms.client.get("/health", headers=bad)).status_code == 200


async def test_keys_of_one_account_see_the_same_orders_and_others_none(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        mine, too, theirs = (
            [await rooms.key() for _ in range(2)],
            0,
            await rooms.key(principal=OTHER),
        )
        placed = await rooms.client.post("/api/orders", json=ORDER, headers=mine[0])
        path = f"/api/orders/{placed.json()['orderId']}"
        assert (await rooms.client.get(path, headers=mine[1])).status_code == 200
        foreign = await rooms.client.get(path, headers=theirs)
        unknown = await rooms.client.get(f"{path[:-1]}{too}", headers=theirs)
        assert same_but_for_the_date(foreign) == same_but_for_the_date(unknown)
        assert foreign.status_code == 404
        assert (await rooms.client.get("/api/orders", headers=theirs)).json()["total"] == 0


async def test_a_name_for_an_order_is_one_accounts_own(tmp_path: Path) -> None:
    body = {**ORDER, "clientOrderId": "mine"}
    async with locked(tmp_path) as rooms:
        mine, theirs = await rooms.key(), await rooms.key(principal=OTHER)
        first = await rooms.client.post("/api/orders", json=body, headers=mine)
        second = await rooms.client.post("/api/orders", json=body, headers=theirs)
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json()["orderId"] != second.json()["orderId"]


@pytest.mark.parametrize("path", ["/api/orders", "/api/orders/batch", "/api/quotes"])
async def test_a_key_with_wallets_trades_for_no_other(tmp_path: Path, path: str) -> None:
    async def ask(rooms: Locked, key: dict[str, str], **more: Any) -> tuple[int, Any]:
        body: Any = {**ORDER, **more}
        if path.endswith("batch"):
            answer = await rooms.client.post(path, json={"orders": [body]}, headers=key)
            (result,) = answer.json()["results"]
            return result["status"], result["body"]
        answer = await rooms.client.post(path, json=body, headers=key)
        return answer.status_code, answer.json()

    async with locked(tmp_path) as rooms:
        key = await rooms.key(wallets=(WALLET,))
        for more in ({}, {"walletAddress": NOT_ITS}):
            status, told = await ask(rooms, key, **more)
            assert (status, told["code"], told["field"]) == (403, "forbidden", "walletAddress")
        assert (await ask(rooms, key, walletAddress=WALLET))[0] in (200, 202)
        assert (await ask(rooms, await rooms.key(), walletAddress=NOT_ITS))[0] in (200, 202)


async def test_a_use_is_noted_once_a_minute(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        key = await rooms.key()
        noted: list[str] = []
        note = rooms.keys.record_use

        async def spy(key_id: str, now: Timestamp) -> None:
            noted.append(key_id)
            await note(key_id, now)

        rooms.keys.record_use = spy  # type: ignore[method-assign]
        for _ in range(3):
            await rooms.client.get("/api/orders", headers=key)
        assert len(noted) == 1
    async with open_keys(Settings(home=str(tmp_path))) as keys:
        (kept,) = await keys.list()
        assert kept.last_used_at is not None


async def test_an_unfit_pepper_lets_nobody_in_and_nothing_out(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        key = await rooms.key()
        (tmp_path / FILE).chmod(0o644)
        refused = await rooms.client.get("/api/orders", headers=key)
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert FILE not in refused.text
        assert (await rooms.client.get("/health/live")).status_code == 200
        (tmp_path / FILE).chmod(0o600)
        assert (await rooms.client.get("/api/orders", headers=key)).status_code == 200


async def test_every_answer_is_guarded(tmp_path: Path) -> None:
    async with locked_on_a_port(tmp_path) as rooms:
        key = await rooms.key()
        asked = [
            await rooms.client.get(path, headers=headers)
            for path in ("/", "/api/orders", "/api/orders/x", "/nowhere", "/openapi.json")
            for headers in ({}, key)
        ]
        asked.append(await rooms.client.post("/api/orders", json=ORDER, headers=key))
        asked.append(await rooms.client.get("/", headers={"x": "x" * 20_000}))
        for request in asked:
            assert request.headers["x-content-type-options"] == "nosniff"
            assert request.headers["referrer-policy"] == "no-referrer"
            assert request.headers["cache-control"] == "no-store"
            assert "server" not in request.headers


async def test_no_answer_holds_a_key(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        key = await rooms.key()
        secret = re.compile(key["authorization"].rpartition("_")[2])
        for path in ("/api/orders", "/api/orders/x", "/", "/nowhere", "/metrics"):
            assert not secret.search((await rooms.client.get(path, headers=key)).text)


async def test_an_application_without_locks_lets_everyone_in(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        headers = {"authorization": "Bearer hello"}
        assert (await rooms.client.get("/api/orders", headers=headers)).status_code == 200


async def test_a_key_that_may_not_read_gets_no_stream_on_its_post(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        writes, reads = (
            await rooms.key(Permission.TRADE),
            await rooms.key(Permission.TRADE, Permission.READ),
        )
        accept = {"accept": "text/event-stream"}
        placed = await rooms.client.post("/api/orders", json=ORDER, headers={**writes, **accept})
        assert placed.status_code == 202
        assert placed.headers["content-type"] == "application/json"
        order_id = placed.json()["orderId"]
        assert placed.headers["location"] == f"/api/orders/{order_id}"
        for path in (f"/api/orders/{order_id}", f"/api/orders/{order_id}/events", "/api/events"):
            assert (await rooms.client.get(path, headers=writes)).status_code == 403
        told = await rooms.client.post("/api/orders", json=ORDER, headers={**reads, **accept})
        assert told.headers["content-type"] == "text/event-stream"
