"""Breaks each part of an installation at each point it comes to: kills it, stops it, fails it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from cambist.failpoints import FAILPOINTS
from tests.acceptance.crash_matrix import (
    MATRIX,
    ORDERS,
    REACHED,
    Cell,
    one_for_each_point,
    run_cell,
)
from tests.acceptance.installation import Kind, Servers, servers_of
from tests.acceptance.load import Load, client
from tests.acceptance.process import engine
from tests.servers.fixtures import lend

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def alone() -> Servers:
    return Servers()


@pytest.fixture(scope="module")
def with_redis() -> Iterator[Servers]:
    yield from lend(servers_of("postgres"))


@pytest.fixture(scope="module")
def with_notify() -> Iterator[Servers]:
    yield from lend(servers_of("postgres-notify"))


FIXTURES: dict[Kind, str] = {
    "sqlite": "alone",
    "postgres": "with_redis",
    "postgres-notify": "with_notify",
}


async def hold(cell: Cell, home: Path, request: pytest.FixtureRequest) -> None:
    """Run a cell, and hold it to the promise."""
    verdict = await run_cell(cell, home, request.getfixturevalue(FIXTURES[cell.kind]))
    assert not verdict.broken
    assert verdict.twice == verdict.lost == 0
    assert verdict.orders == verdict.confirmed + verdict.failed + verdict.cancelled >= ORDERS


@pytest.mark.parametrize("cell", one_for_each_point(), ids=str)
async def test_no_point_loses_an_order_or_executes_one_twice(
    cell: Cell, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    await hold(cell, tmp_path, request)


@pytest.mark.proofs
@pytest.mark.parametrize("cell", MATRIX, ids=str)
async def test_no_part_at_any_point_loses_an_order_or_executes_one_twice(
    cell: Cell, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    await hold(cell, tmp_path, request)


def test_every_point_is_in_the_matrix() -> None:
    reached = {point for parts in REACHED.values() for points in parts.values() for point in points}
    assert reached == set(FAILPOINTS)
    assert {cell.point for cell in one_for_each_point()} == set(FAILPOINTS)


def test_a_restart_forgets_nothing_and_repeats_every_stream(tmp_path: Path) -> None:
    trader = engine(tmp_path, paper_profile="instant")
    load = Load("restart")
    load.url = trader.start().url

    async def trade() -> None:
        async with client() as http:
            ids = [await load.send(http) for _ in range(5)]
            for order_id in ids:
                assert order_id is not None
                await load.follow(http, order_id)

    asyncio.run(trade())
    before = {order_id: list(lines) for order_id, lines in load.streams.items()}
    assert trader.stop() == 0
    load.url = trader.start().url
    load.streams.clear()

    async def read_again() -> None:
        async with client() as http:
            for order_id in before:
                await load.follow(http, order_id)

    asyncio.run(read_again())
    assert load.streams == before
    assert trader.stop() == 0
