"""Hold the load script to placing what it says, once each, and to counting it right."""

import pytest

from cambist.client import Client
from scripts.load_orders import percentile
from tests.acceptance.process import Process
from tests.scripts.conftest import Script


async def total(house: Process) -> int:
    async with Client(house.url) as cambist:
        return (await cambist.page(limit=1)).total


def numbers(told: str, title: str) -> list[str]:
    """Return the first row below the heads of a table."""
    lines = told.splitlines()
    return lines[lines.index(next(line for line in lines if line.startswith(title))) + 2].split()


async def test_every_order_is_placed_once_and_counted(house: Process, script: Script) -> None:
    before = await total(house)
    done = script("load_orders", "--orders", "40", "--parallel", "8")
    assert (done.returncode, done.stderr) == (0, "")
    assert numbers(done.stdout, "Orders")[:5] == ["40", "40", "0", "0", "0"]
    assert "40/40" in done.stdout
    name, *shares = numbers(done.stdout, "Milliseconds")
    assert name == "accepted"
    assert sorted(map(float, shares)) == [float(share) for share in shares]
    assert await total(house) == before + 40


def test_what_failed_and_was_refused_is_told_by_its_code(script: Script) -> None:
    failed = script("load_orders", "--orders", "3", "--amount", "2000000")
    assert failed.returncode == 1
    assert numbers(failed.stdout, "Orders")[:5] == ["3", "0", "3", "0", "0"]
    assert numbers(failed.stdout, "Why not") == ["no_route", "3"]
    refused = script("load_orders", "--orders", "3", "--pair", "SOL/SOL")
    assert refused.returncode == 1
    assert numbers(refused.stdout, "Orders")[:5] == ["0", "0", "0", "3", "0"]
    assert numbers(refused.stdout, "Why not") == ["same_token", "3"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--orders", "0"), 2),
        (("--parallel", "many"), 2),
        (("--url", "nonsense"), 2),
        (("--url", "http://127.0.0.1:1"), 69),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    script: Script, words: tuple[str, ...], code: int
) -> None:
    done = script("load_orders", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.splitlines()[-1].startswith("load_orders: ")


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([], 50) == "-"
    assert [percentile([3.0, 1.0, 2.0], share) for share in (50, 99, 100)] == ["2.0", "3.0", "3.0"]
    assert percentile([float(number) for number in range(1, 101)], 90) == "90.0"
