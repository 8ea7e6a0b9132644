"""Cut streams, kill their server, crowd it and stall it: no listener misses anything.

The small storms run always, the whole ones with `make proofs`; figures are for people to read and
nothing here asserts a time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.report import Reading
from bench.streams import measure_fan_out, measure_many, measure_slow
from tests.acceptance.stream_followers import Score, Storm

MEMORY_MIB_MAX = 400
GROWN_MIB_MAX = 100


async def storm(home: Path, clients: int, cuts: int, every_s: float, profile: str) -> Score:
    score = await Storm(home, 1, profile).run(clients, cuts, every_s)
    print(score)
    assert not score.broken
    assert score.cuts >= clients * cuts // 2
    assert score.kills
    return score


def shown(readings: list[Reading]) -> dict[str, float]:
    for reading in readings:
        print(f"{reading.label}: {reading.value}")
    return {one.label: one.value for one in readings if one.value is not None}


@pytest.mark.acceptance
@pytest.mark.timeout(300)  # about 70 s on two idle cores, and more beside other tests
async def test_streams_cut_at_random_miss_nothing_while_their_server_dies(tmp_path: Path) -> None:
    await storm(tmp_path, clients=15, cuts=80, every_s=0.4, profile="instant")


@pytest.mark.acceptance
async def test_readers_miss_nothing_beside_some_that_read_nothing(tmp_path: Path) -> None:
    figures = shown(await measure_slow(tmp_path, count=60, slow=20, orders_placed=10))
    assert figures["messages missed by readers (40 readers)"] == 0
    assert all(value < GROWN_MIB_MAX for name, value in figures.items() if "grown" in name)


@pytest.mark.acceptance
async def test_a_crowd_misses_nothing(tmp_path: Path) -> None:
    figures = shown(await measure_fan_out(100, tmp_path))
    assert figures["messages missed (100 listeners)"] == 0


@pytest.mark.proofs
@pytest.mark.timeout(1_800)
async def test_two_hundred_clients_cut_five_hundred_times_miss_nothing(tmp_path: Path) -> None:
    score = await storm(tmp_path, clients=200, cuts=500, every_s=5, profile="realistic")
    assert score.cuts >= 50_000


@pytest.mark.proofs
@pytest.mark.timeout(600)
async def test_a_hundred_that_read_nothing_harm_none_of_nine_hundred(tmp_path: Path) -> None:
    figures = shown(await measure_slow(tmp_path))
    assert figures["messages missed by readers (900 readers)"] == 0
    assert all(value < GROWN_MIB_MAX for name, value in figures.items() if "grown" in name)


@pytest.mark.proofs
@pytest.mark.timeout(600)
async def test_ten_thousand_sockets_are_held_and_told(tmp_path: Path) -> None:
    figures = shown(await measure_many(tmp_path))
    assert figures["messages missed (10,000 sockets)"] == 0
    assert figures["server (RSS), MiB (10,000 sockets)"] < MEMORY_MIB_MAX
