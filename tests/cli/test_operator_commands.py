"""Look after orders that stand still from the command line, beside an engine and without one."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from cambist.cli.commands.operator_commands import waits_for
from cambist.cli.main import app
from cambist.orders.order import Status
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.server.app_harness import ORDER, in_process, until_closed


def run(home: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words, "--home", str(home)])
    return result.exit_code, result.output


async def test_what_stands_still_is_listed_with_what_it_waits_for(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        code, said = await asyncio.to_thread(run, tmp_path, "orders", "stuck")
        assert (code, said.startswith("0 open, 0 with a transaction in flight")) == (0, True)
        await client.post("/api/orders", json=ORDER)
        code, said = await asyncio.to_thread(run, tmp_path, "orders", "stuck", "--for", "0")
        assert (code, "1 open" in said, "waits for" in said) == (1, True, True)


async def test_a_drain_halts_and_waits_for_what_is_in_flight(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        placed = [(await client.post("/api/orders", json=ORDER)).json() for _ in range(5)]
        code, said = await asyncio.to_thread(run, tmp_path, "drain", "a new disk")
        assert code == 0, said
        assert "Nothing is in flight" in said
        assert (await client.post("/api/orders", json=ORDER)).status_code == 503
        await asyncio.to_thread(run, tmp_path, "resume", "it is in")
        for one in placed:
            assert (await until_closed(client, one["orderId"]))["status"] == "confirmed"


async def test_what_has_nothing_in_flight_cannot_be_resolved(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        order_id = (await client.post("/api/orders", json=ORDER)).json()["orderId"]
        await until_closed(client, order_id)
        code, said = await asyncio.to_thread(run, tmp_path, "orders", "resolve", order_id, "why")
        assert (code, "nothing to resolve" in said) == (1, True)
    for words, code in (
        (("orders", "resolve", "nope", "why"), 2),
        (("orders", "resolve", order_id, " "), 2),
        (("orders", "resolve", order_id[::-1], "why"), 2),
        (("drain", " "), 2),
    ):
        assert run(tmp_path, *words)[0] == code


@pytest.mark.parametrize("words", [("orders", "stuck"), ("drain", "why")])
def test_a_home_where_nobody_trades_is_told(words: tuple[str, ...], tmp_path: Path) -> None:
    code, said = run(tmp_path, *words)
    assert (code, "nobody trades in this home" in said) == (78, True)


def test_it_says_what_each_order_waits_for() -> None:
    now = order_factory.START
    flying = order_factory.standing(Status.SUBMITTED)
    assert "seen by nobody" in waits_for(flying, now)
    assert "written off" in waits_for(replace(flying, written_off_at=now), now)
    assert "not yet final" in waits_for(order_factory.standing(Status.CONFIRMED), now)
    resting = replace(order_factory.standing(Status.ROUTING), wake_at=Timestamp(now + 90_000))
    assert waits_for(resting, now) == "its next try in 1 min 30 s"
    due = replace(resting, wake_at=now)
    assert waits_for(due, now).startswith("a worker: ")
    assert waits_for(replace(due, lease_owner="w1"), now).startswith("a worker, last had by w1: ")
