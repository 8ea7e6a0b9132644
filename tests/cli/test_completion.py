"""Hold the completion of shells to proposing what is there, and never to an error."""

import os
import subprocess
import sys

import pytest

from cambist.orders.order import Status
from tests.acceptance.process import Process
from tests.cli.conftest import Cambist

PROGRAM = "from cambist.cli.main import app; app(prog_name='cambist')"
WAIT_S = 30


def proposed(line: str, shell: str = "bash", **environment: str) -> str:
    """Return what a shell is told for a line of which the last word is not finished."""
    words = line.split(" ")
    asked = {
        "_CAMBIST_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **asked, **environment},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert told.stderr == ""
    return told.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_told_the_statuses(shell: str) -> None:
    told = proposed("cambist list --status c", shell)
    assert "confirmed" in told
    assert "cancelled" in told
    assert "failed" not in told


def test_a_second_status_is_proposed_after_a_comma() -> None:
    assert proposed("cambist list --status failed,e").split() == ["failed,expired"]
    assert proposed("cambist list --status ").split() == [str(Statu) for Statu in Status]


def test_the_words_of_an_order_are_proposed() -> None:
    assert {"buy", "sell", "SOL", "AAPL"} <= set(proposed("cambist order ").split())
    assert proposed("cambist quote 1 SOL US").split() == ["USDC", "USDT"]


def test_the_newest_orders_are_proposed(house: Process, placed: str) -> None:
    for command in ("show", "watch", "cancel"):
        assert placed in proposed(f"cambist {command} 0", CAMBIST_URL=house.url).split()
    assert placed in proposed(f"cambist show --url {house.url} 0").split()
    told = proposed("cambist show 0", "zsh", CAMBIST_URL=house.url)
    assert "confirmed, 1 SOL to " in told


def test_an_engine_that_is_away_proposes_nothing() -> None:
    for url in ("http://127.0.0.1:1", "nonsense"):
        assert proposed("cambist show 0", CAMBIST_URL=url).split() == []


def test_a_shell_is_told_how_to_ask(cambist: Cambist) -> None:
    told = cambist("--help").stdout
    assert "--install-completion" in told
    assert "--show-completion" in told
