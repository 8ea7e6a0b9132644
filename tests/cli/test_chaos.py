"""Set, show and take back the switches of a paper world from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cambist.cli.main import app
from cambist.paper.fault_switches import FaultConfig, FaultSwitch, read


def run(home: Path, *words: str, **settings: str) -> tuple[int, str]:
    env = {"CAMBIST_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1", **settings}
    done = CliRunner().invoke(app, ["chaos", *words], env=env)
    return done.exit_code, done.output


def test_switches_add_up_are_shown_and_taken_back(tmp_path: Path) -> None:
    assert run(tmp_path) == (0, "calm: no switch is set\n")
    assert run(tmp_path, "set", "drop=0.2", "delay=1s")[0] == 0
    code, told = run(tmp_path, "set", "busy=12.5%", "quote-error=1")
    assert code == 0
    assert told.splitlines() == [
        "drop         20 %", "delay        1000 ms", "busy         12.5 %", "quote_error  100 %"
    ]  # fmt: skip
    assert run(tmp_path) == (0, told)
    assert run(tmp_path, "set", "delay=0", "drop=off")[0] == 0
    assert read(tmp_path / "chaos.json") == FaultConfig(
        busy=FaultSwitch(125_000), quote_error=FaultSwitch(1_000_000)
    )
    assert run(tmp_path, "off") == (0, "calm: no switch is set\n")
    assert read(tmp_path / "chaos.json") == FaultConfig()


def test_an_end_is_of_one_switch_or_of_all(tmp_path: Path) -> None:
    code, told = run(tmp_path, "set", "drop=0.2", "fork=0.1@1h", "--for", "30s")
    assert code == 0
    assert told.count("until 20") == 2
    chaos = read(tmp_path / "chaos.json")
    assert chaos.drop is not None
    assert chaos.fork is not None
    assert (chaos.fork.until or 0) - (chaos.drop.until or 0) == 3_600_000 - 30_000


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("rain=1", "rain is no switch: there are drop, delay, fork"),
        ("drop=2", "a rate lies between 0 and 1"),
        ("drop=-0.1", "a rate lies between 0 and 1"),
        ("drop=nan", "a rate lies between 0 and 1"),
        ("drop=1e9", "a rate lies between 0 and 1"),
        ("drop", "a rate lies between 0 and 1"),
        ("drop=0.1@soon", "soon is no length"),
        ("delay=1d", "1d is no length"),
        ("delay=99h", "99h is no length"),
        ("crash=nowhere:1", "crash is point:count"),
    ],
)
def test_what_cannot_be_read_exits_2_and_changes_nothing(
    tmp_path: Path, word: str, told: str
) -> None:
    code, said = run(tmp_path, "set", "busy=0.5", word)
    assert code == 2
    assert told in " ".join(said.split())
    assert not (tmp_path / "chaos.json").exists()


def test_a_lie_needs_somebody_to_contradict_it(tmp_path: Path) -> None:
    code, told = run(tmp_path, "set", "lie=0.5")
    assert (code, "CAMBIST_PAPER_WITNESSES=2" in told) == (78, True)
    assert run(tmp_path, "set", "lie=0.5", CAMBIST_PAPER_WITNESSES="2")[0] == 0


def test_a_home_that_is_not_there_exits_78(tmp_path: Path) -> None:
    assert run(tmp_path / "none")[0] == 78
    assert run(tmp_path / "none", "set", "drop=1")[0] == 78
