"""Change orders that wait for a price over HTTP: what moves, what is rejected, what races."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cambist.ports.api_keys import Permission
from cambist.values.time_units import add_ms
from cambist.wire.rfc3339 import write_moment
from tests.server.app_harness import ORDER, Rooms, in_process, until_closed
from tests.server.authenticated_app import locked
from tests.server.test_resting_orders import (
    LIMIT,
    STOP,
    TAKE_PROFIT,
    fall,
    faults,
    place,
    resting,
    watch,
)

NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with in_process(tmp_path) as running:
        yield running


async def amend(rooms: Rooms, order_id: str, **body: Any) -> httpx.Response:
    return await rooms.client.patch(f"/api/orders/{order_id}", json=body)


async def kinds(rooms: Rooms, order_id: str) -> list[str]:
    receipt = (await rooms.client.get(f"/api/orders/{order_id}/receipt")).json()
    return [entry["kind"] for entry in receipt["journal"]]


def ahead(rooms: Rooms, milliseconds: int) -> str:
    return write_moment(add_ms(rooms.engine.clock.now(), milliseconds))


# ------------------------------------------------------------------------------ what moves


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (LIMIT, {"limitPrice": 600}),
        (LIMIT, {"targetPrice": 600, "slippageBps": 70}),
        (STOP, {"triggerPrice": 20, "limitPrice": 19, "confirmSlots": 3}),
        (STOP, {"slippageLadderBps": [50, 100], "slippage": 0.7}),
        (TAKE_PROFIT, {"triggerPrice": "600.5"}),
    ],
)
async def test_what_a_change_names_moves_and_the_rest_stays(
    rooms: Rooms, body: dict[str, Any], change: dict[str, Any]
) -> None:
    order_id = await resting(rooms, body)
    before = (await rooms.client.get(f"/api/orders/{order_id}")).json()
    answer = await amend(rooms, order_id, **change)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["amended"], told["appliesFrom"], told["status"]) == (True, "now", "waiting")
    after = (await rooms.client.get(f"/api/orders/{order_id}")).json()
    assert told["order"] == {name: after[name] for name in told["order"]}
    names = {"targetPrice": "limitPrice", "slippageBps": "slippage"}
    moved = {names.get(name, name) for name in change} | {"seq", "updatedAt", "summary"}
    moved |= {"slippageBps"} if "slippage" in moved else set()
    assert {name for name in after if after[name] != before.get(name)} <= moved
    for name, value in change.items():
        if name in after:
            assert float(after[name]) == float(value) if isinstance(value, str) else True
    assert await kinds(rooms, order_id) == ["accepted", "armed", "amended"]


async def test_a_new_level_is_the_one_that_triggers(rooms: Rooms) -> None:
    order_id = await resting(rooms, LIMIT)
    answer = await amend(rooms, order_id, limitPrice=100)
    assert "met already" in answer.json()["warnings"][0]
    order = await until_closed(rooms.client, order_id)
    assert (order["status"], order["limitPrice"]) == ("confirmed", 100)


async def test_a_new_level_is_what_watch_and_summary_say(rooms: Rooms) -> None:
    order_id = await resting(rooms, STOP)
    await amend(rooms, order_id, triggerPrice=100)
    seen = await watch(rooms, order_id)
    assert (seen["level"], seen["heldBackBy"]) == (100, [])
    assert "at most 100 USDC" in seen["summary"]


async def test_r115_a_deadline_is_set_moved_and_taken_away(rooms: Rooms) -> None:
    order_id = await resting(rooms, LIMIT)
    soon = ahead(rooms, 3_600_000)
    assert (await amend(rooms, order_id, expiresAt=soon)).json()["order"]["expiresAt"] == soon
    told = (await amend(rooms, order_id, expiresAt=None)).json()
    assert "expiresAt" not in told["order"]
    await amend(rooms, order_id, expiresAt=ahead(rooms, 300))
    order = await until_closed(rooms.client, order_id)
    assert order["status"] == "expired"
    assert faults(await amend(rooms, order_id, expiresAt=None)) == {("too_late", None)}


async def test_a_repeat_changes_nothing_and_is_never_told_that_things_moved_on(
    rooms: Rooms,
) -> None:
    order_id = await resting(rooms, STOP)
    first = await amend(rooms, order_id, triggerPrice=20, ifSeq=2)
    again = await amend(rooms, order_id, triggerPrice="20.0", ifSeq=2)
    assert (first.json()["amended"], again.json()["amended"]) == (True, False)
    assert again.json()["seq"] == first.json()["seq"] == 3
    other = await amend(rooms, order_id, triggerPrice=30, ifSeq=2)
    assert (other.status_code, faults(other)) == (409, {("moved_on", "ifSeq")})
    assert (await kinds(rooms, order_id)).count("amended") == 1


async def test_changes_at_once_all_stand(rooms: Rooms) -> None:
    order_id = await resting(rooms, STOP)
    changes: list[dict[str, Any]] = [
        {"triggerPrice": 20}, {"slippageBps": 70}, {"confirmSlots": 5}, {"limitPrice": 18},
        {"slippageLadderBps": [60, 90]}, {"expiresAt": ahead(rooms, 3_600_000)},
    ]  # fmt: skip
    answers = await asyncio.gather(*(amend(rooms, order_id, **change) for change in changes))
    assert {answer.status_code for answer in answers} == {200}
    order = (await rooms.client.get(f"/api/orders/{order_id}")).json()
    assert (order["triggerPrice"], order["limitPrice"], order["confirmSlots"]) == (20, 18, 5)
    assert (order["slippage"], order["slippageLadderBps"]) == (0.7, [60, 90])
    assert "expiresAt" in order


async def test_r1_a_change_that_races_the_trigger_says_which_terms_were_traded(
    rooms: Rooms,
) -> None:
    """Let a level that is met race one that never is: one of them is traded, and both agree."""
    outcomes = set()
    for delay in range(12):
        answer = await place(rooms, {**LIMIT, "limitPrice": 100})
        order_id = answer.json()["orderId"]
        await asyncio.sleep(delay / 1_000)
        changed = await amend(rooms, order_id, limitPrice=500)
        journal = await kinds(rooms, order_id)
        if changed.status_code == 200:
            order = (await rooms.client.get(f"/api/orders/{order_id}")).json()
            assert order["status"] in {"pending", "waiting"}
            assert "triggered" not in journal
            assert order["limitPrice"] == 500
            await rooms.client.delete(f"/api/orders/{order_id}")
        elif changed.status_code == 202:
            assert changed.json()["appliesFrom"] == "next_attempt"
            assert (await until_closed(rooms.client, order_id))["status"] == "confirmed"
        else:
            code = changed.json()["code"]
            assert code in {"already_triggered", "too_late"}
            assert "amended" not in journal
            assert (await until_closed(rooms.client, order_id))["status"] == "confirmed"
        outcomes.add(changed.status_code)
    assert outcomes <= {200, 202, 409}


# ------------------------------------------------------------------------------ what is rejected


@pytest.mark.parametrize(
    ("body", "change", "found"),
    [
        (STOP, {}, {("missing_field", None)}),
        (STOP, {"ifSeq": 1}, {("missing_field", None)}),
        (STOP, {"onMet": "fire"}, {("missing_field", None)}),
        (STOP, {"amount": 3}, {("conflicting_fields", "amount")}),
        (STOP, {"startAt": "2030-01-01T00:00:00Z"}, {("conflicting_fields", "startAt")}),
        (STOP, {"triggerprice": 3}, {("unknown_field", "triggerprice")}),
        (STOP, {"trailBps": 3}, {("not_yet_supported", "trailBps")}),
        (STOP, {"triggerPrice": None}, {("wrong_type", "triggerPrice")}),
        (STOP, {"triggerPrice": 0, "ifSeq": "x"},
         {("not_positive", "triggerPrice"), ("wrong_type", "ifSeq")}),
        (STOP, {"triggerPrice": 200}, {("trigger_already_met", "triggerPrice")}),
        (STOP, {"triggerPrice": 0.0069}, {("price_inverted", "triggerPrice")}),
        (STOP, {"limitPrice": 0.0069}, {("price_inverted", "limitPrice")}),
        (TAKE_PROFIT, {"triggerPrice": 100}, {("trigger_already_met", "triggerPrice")}),
        (LIMIT, {"triggerPrice": 100}, {("conflicting_fields", "triggerPrice")}),
        (LIMIT, {"slippageLadderBps": [1]}, {("conflicting_fields", "slippageLadderBps")}),
        (STOP, {"slippageLadderBps": [9_000]}, {("slippage_over_cap", "slippageLadderBps")}),
        (STOP, {"slippageBps": 9_000}, {("slippage_over_cap", "slippageBps")}),
        (STOP, {"confirmSlots": 21}, {("value_out_of_range", "confirmSlots")}),
        (STOP, {"expiresAt": "2090-01-01T00:00:00Z"}, {("value_out_of_range", "expiresAt")}),
        (STOP, {"expiresAt": "2020-01-01T00:00:00Z", "confirmSlots": 0},
         {("deadline_passed", "expiresAt"), ("value_out_of_range", "confirmSlots")}),
    ],
)  # fmt: skip
async def test_r103_a_rejected_change_names_its_fields_and_changes_nothing(
    rooms: Rooms, body: dict[str, Any], change: dict[str, Any], found: set[tuple[str, str]]
) -> None:
    order_id = await resting(rooms, body)
    before = await rooms.client.get(f"/api/orders/{order_id}")
    answer = await amend(rooms, order_id, **change)
    assert 400 <= answer.status_code < 500
    assert faults(answer) == found
    assert (await rooms.client.get(f"/api/orders/{order_id}")).content == before.content


async def test_on_met_fire_takes_a_level_that_is_met_already(rooms: Rooms) -> None:
    order_id = await resting(rooms, STOP)
    answer = await amend(rooms, order_id, triggerPrice=200, onMet="fire")
    assert answer.status_code == 200
    assert (await until_closed(rooms.client, order_id))["status"] == "confirmed"


async def test_a_change_of_the_tolerance_is_not_held_against_the_price(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await resting(rooms, STOP)
    fall(rooms, monkeypatch)
    assert (await amend(rooms, order_id, slippageBps=70)).status_code == 200
    assert (await amend(rooms, order_id, triggerPrice=10, slippageBps=80)).status_code == 200


async def test_what_rests_no_more_or_never_did_is_not_changed(rooms: Rooms) -> None:
    closed = await resting(rooms, STOP)
    await rooms.client.delete(f"/api/orders/{closed}")
    late = await amend(rooms, closed, triggerPrice=20)
    assert (late.status_code, faults(late)) == (409, {("too_late", None)})
    market = (await place(rooms, ORDER)).json()["orderId"]
    assert faults(await amend(rooms, market, slippageBps=1)) == {("not_yet_supported", None)}
    assert faults(await amend(rooms, NOBODY, slippageBps=1)) == {("order_not_found", None)}


async def test_r80_an_earlier_deadline_needs_the_permission_to_cancel(tmp_path: Path) -> None:
    async with locked(tmp_path) as rooms:
        trader = await rooms.key(permissions=frozenset((Permission.TRADE, Permission.READ)))
        placed = await rooms.client.post("/api/orders", json=STOP, headers=trader)
        path = f"/api/orders/{placed.json()['orderId']}"
        year = "2027-06-01T00:00:00Z"
        answer = await rooms.client.patch(path, json={"expiresAt": year}, headers=trader)
        assert (answer.status_code, faults(answer)) == (403, {("forbidden", "expiresAt")})
        answer = await rooms.client.patch(path, json={"triggerPrice": 20}, headers=trader)
        assert answer.status_code == 200
        both = await rooms.key()
        answer = await rooms.client.patch(path, json={"expiresAt": year}, headers=both)
        assert answer.status_code == 200
        later = await rooms.client.patch(path, json={"expiresAt": None}, headers=trader)
        assert later.status_code == 200
