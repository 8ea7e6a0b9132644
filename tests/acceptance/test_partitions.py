"""Cut the links between processes, database and chain: nothing is lost, doubled or held up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.installation import Servers, servers_of
from tests.acceptance.partitions import LINKS, TROUBLES, Cut, suffer
from tests.servers.fixtures import lend

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.timeout(240)]

SHORT_S, LONG_S = 2.5, 30.0
FEW = (
    Cut("worker-postgres", "blackhole", SHORT_S),
    Cut("api-postgres", "half-open", SHORT_S),
    Cut("worker-chain", "refuse", SHORT_S),
)
ALL = tuple(Cut(link, trouble, LONG_S) for link in LINKS for trouble in TROUBLES)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    yield from lend(servers_of("postgres"))


@pytest.mark.parametrize("cut", FEW, ids=str)
async def test_a_link_that_fails_for_a_moment_costs_no_order(
    cut: Cut, tmp_path: Path, servers: Servers
) -> None:
    verdict = await suffer(cut, tmp_path, servers)
    assert not verdict.broken
    assert verdict.twice == verdict.lost == 0


@pytest.mark.proofs
@pytest.mark.parametrize("cut", ALL, ids=str)
async def test_a_link_that_fails_in_any_way_costs_no_order(
    cut: Cut, tmp_path: Path, servers: Servers
) -> None:
    verdict = await suffer(cut, tmp_path, servers)
    assert not verdict.broken
    assert verdict.twice == verdict.lost == 0
