"""Hold commands to taking the ids that they print: whole, by their end, or as the last one."""

from __future__ import annotations

import json

import pytest
import typer

from cambist.cli.order_ids import CANDIDATES_MAX, chosen, is_ending
from tests.acceptance.process import Process
from tests.cli.conftest import Cambist


def test_the_end_of_an_id_is_taken_by_every_command_and_in_either_case(
    cambist: Cambist, placed: str
) -> None:
    for ending in (placed[-6:], placed[-8:], placed[-8:].upper(), placed[-20:]):
        for command in ("show", "watch", "cancel"):
            assert cambist(command, ending).stdout == cambist(command, placed).stdout


def test_the_last_order_is_taken_by_that_word(cambist: Cambist, placed: str) -> None:
    assert placed in cambist("show", "last").stdout
    assert cambist("watch", "last").exit_code == 0
    assert json.loads(cambist("cancel", "last", "--json").stdout)["orderId"] == placed


def test_an_id_that_a_watch_prints_is_taken(cambist: Cambist, placed: str) -> None:
    short = cambist("watch", placed).stdout.split()[1]
    assert placed in cambist("show", short).stdout


@pytest.mark.usefixtures("placed")
def test_an_ending_of_no_order_exits_2_and_says_so(cambist: Cambist) -> None:
    done = cambist("show", "ffffffffffff")
    assert done.exit_code == 2
    assert "no order ends in ffffffffffff" in done.stderr


def test_of_several_the_candidates_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    many = [(f"{number:08x}-abcdef", "confirmed") for number in range(CANDIDATES_MAX + 2)]
    with pytest.raises(typer.Exit) as end:
        chosen("abcdef", many)
    assert end.value.exit_code == 2
    told = capsys.readouterr().err
    assert all(order_id in told for order_id, _ in many[:CANDIDATES_MAX])
    assert "and 2 more" in told
    assert chosen("abcdef", many[:1]) == many[0][0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("abcde", False),
        ("abcdef", True),
        ("-bcdef", False),
        ("nonsense", False),
        ("01890000-0000-7000-8000-000000000000", False),
        ("1890000-0000-7000-8000-000000000000", True),
    ],
)
def test_six_letters_of_an_id_are_an_ending(text: str, told: bool) -> None:
    assert is_ending(text) is told


def test_an_engine_without_scheme_is_http_on_the_loopback(cambist: Cambist, house: Process) -> None:
    bare = house.url.removeprefix("http://")
    assert cambist("list", CAMBIST_URL=bare).exit_code == 0
    assert cambist("list", "--url", bare.replace("127.0.0.1", "localhost")).exit_code == 0
    away = cambist("list", CAMBIST_URL="engine.example:3000")
    assert away.exit_code == 2
