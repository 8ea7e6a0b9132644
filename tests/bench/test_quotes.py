"""Prove that the bench of quotes asks what it says, and does without what is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.quote_timing import crossing, decoded
from bench.quotes import BARE, NAMES, SDK, WHOLE, Asked, questions, write
from bench.reference_sdks import Question, ours
from bench.report import Reading
from bench.sample_pools import many_ticks, market, site
from cambist.values.token import SOL, USDC
from cambist.venues.registry import PROGRAMS

ROOT = Path(__file__).parents[2]


def test_a_market_has_pools_of_every_program_and_none_twice() -> None:
    pools = market(18)
    assert {pool.program for pool in pools} == set(PROGRAMS) == set(NAMES)
    assert len({pool.address for pool in pools}) == len(pools)
    assert {(pool.mint_a, pool.mint_b) for pool in pools} == {(SOL.mint, USDC.mint)}
    assert all(pool.amount_out(SOL.mint, 10**6) for pool in pools)
    assert market(18) == pools


def test_a_question_crosses_as_many_ticks_or_bins_as_it_says() -> None:
    for _, (pool, mode, amount), crossed in questions((0, 3)):
        end = pool.swap(pool.mint_a, mode, amount).end
        if pool.program == "dlmm":
            assert pool.pair.active_id - end.pair.active_id == crossed
        if pool.program == "clmm":
            there = [
                number
                for number in pool.shelf.ticks.numbers
                if end.tick_state.tick < number <= pool.tick_state.tick
            ]
            assert len(there) == crossed


def test_a_pool_that_is_decoded_anew_answers_alike() -> None:
    pool = many_ticks(site("one"))
    amount = crossing(pool, "exact_in", 5)
    assert decoded(pool) == pool
    assert decoded(pool).amount_out(SOL.mint, amount) == ours(Question(pool, "exact_in", amount))
    assert pool.amount_out(SOL.mint, amount) < pool.amount_out(SOL.mint, 2 * amount)


def test_the_table_tells_where_an_sdk_differs_and_what_misses_its_aim() -> None:
    asked = [
        Asked(f"{program} {crossed}", question, crossed)
        for _, question, crossed in questions((0, 3))
        if (program := question.pool.program) in {"clmm", "dlmm", "cpmm"}
        and question.mode == "exact_in"
    ]
    labels = [request.label for request in asked]
    columns = {
        BARE: [Reading(label, 2.0) for label in labels],
        WHOLE: [Reading(label, 4.0) for label in labels],
        SDK: [Reading(label, 20.0) for label in labels[1:]] + [Reading(labels[0], None, "it fell")],
    }
    columns[BARE] += [Reading(f"{label}, just decoded", 3.0) for label in labels]
    lines = write("head", asked, columns, {"clmm 0": "tells +2 raw units"}).splitlines()
    cells = {line.split("|")[1].strip(): line for line in lines if line.startswith("|")}
    assert cells["cpmm 0"].endswith("| 2 | 4 | not measured: it fell |  | under 1: MISSED |")
    assert "| 20; tells +2 raw units | 10x | under 5: met; 5x: met |" in cells["clmm 0"]
    assert "under 11: met" in cells["dlmm 3, just decoded"]


@pytest.mark.slow
def test_without_node_and_sdks_our_half_is_measured_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    words = ["-m", "bench.quotes", "--quick", "--markdown", str(page)]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert "Our half alone, without the SDKs: node is not installed." in done.stdout
    assert page.read_text() == done.stdout.removesuffix("\n")
    for name in NAMES.values():
        assert f"| {name}, exact in" in done.stdout
    assert "| route over 20 pools of mixed programs, just decoded |" in done.stdout
    assert "not measured" not in done.stdout


def test_the_page_of_benchmarks_has_a_place_for_quotes() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert text.index("<!-- bench quotes -->") < text.index("<!-- /bench quotes -->")
