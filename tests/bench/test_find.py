"""Prove that the bench of routes asks both sides the same, and tells what was not measured."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from bench.find import ROOT, Side, Task, side, tasks, write, written
from bench.report import Reading
from bench.sample_pools import NOW, market
from cambist.values.ids import Address
from cambist.venues.registry import PROGRAMS
from cambist.venues.snapshot import Account, Snapshot


class _Told(Side):
    """A side whose figures are known."""

    def __init__(self, told: dict[Task, list[Reading]]) -> None:
        self.told = told


def test_the_accounts_that_both_sides_get_decode_to_the_pools_of_the_market() -> None:
    first, second = written(6)["markets"]
    assert first != second
    for pool, (program, address, accounts) in zip(market(6, 1), first, strict=True):
        read = {
            at: Account(Address(at), Address(owner), b64decode(data))
            for at, owner, data in accounts
        }
        assert PROGRAMS[program].decode(address, Snapshot(read, NOW)) == pool


def test_every_size_is_asked_for_every_order_in_every_market() -> None:
    todo = list(tasks((6, 20)))
    assert len(set(todo)) == len(todo) == 2 * 3 * 2 * 3 + 2 * 2
    assert todo[0].row == "6 pools, 1 SOL, market 1"
    assert todo[-1].row == "20 pools, market 2"


def test_the_table_has_a_ratio_where_there_is_another_checkout_and_a_verdict() -> None:
    todo = [Task(what, 0, 500, 1) for what in ("known", "fresh", "next slot")]
    todo += [Task(what, 0, 500) for what in ("decode", "decode next slot")]
    now = _Told({task: [Reading(task.row, 4_000.0)] for task in todo})
    before = _Told({task: [Reading(task.row, 8_000.0)] for task in todo})
    before.told[todo[0]] = [Reading(todo[0].row, None, "it fell")]
    text = write(todo, [now, before])
    assert "| not measured: it fell | 4,000 |  | 8,000 | 4,000 | 0.50 |" in text
    assert "under 5,000: met" in text
    alone = write(todo, [now])
    assert "| 500 pools, 1 SOL, market 1 | 4,000 | 4,000 | 4,000 | under 5,000: met |" in alone
    assert "ratio" not in alone


def test_a_worker_measures_its_own_checkout_and_says_what_it_cannot(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps(written(6)))
    with side(ROOT, accounts) as here:
        tasks_of = [Task("fresh", 0, 6, 1), Task("decode next slot", 1, 6), Task("known", 0, 0, 1)]
        for task in tasks_of:
            here.measure(task)
        routed, decoded, impossible = (here.told[task][0] for task in tasks_of)
    assert routed.value is not None
    assert routed.value > 0
    assert decoded.value is not None
    assert (impossible.value, impossible.why.split(":")[0]) == (None, "LookupError")
    other = tmp_path / "other"
    with pytest.raises(SystemExit, match="was to be measured"), side(other, accounts):
        pass


@pytest.mark.slow
def test_the_bench_writes_its_tables_into_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    words = ["-m", "bench.find", "--quick", "--base", str(ROOT), "--markdown", str(page)]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert page.read_text() == done.stdout.removesuffix("\n")
    assert "| 20 pools, 1,000 SOL, market 2 |" in done.stdout
    assert "not measured" not in done.stdout


def test_the_page_of_benchmarks_has_a_place_for_routes() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert text.index("<!-- bench find -->") < text.index("<!-- /bench find -->")
