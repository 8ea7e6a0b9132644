"""Hold every table to telling ids, amounts and words whole, at every width of a screen."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cambist.cli.tables import Column, lay_out, print_table
from tests.acceptance.process import Process
from tests.cli.conftest import Cambist
from tests.cli.terminal import on_a_terminal

WIDTHS = (80, 100, 120)
KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
cells = st.text("abcdef 0123456789", max_size=40)


@st.composite
def sheets(draw_: st.DrawFn) -> tuple[list[Column], list[list[str]], int]:
    count = draw_(st.integers(1, 7))
    columns = [
        Column(f"c{place}", draw_(st.integers(0, 4)), folds=draw_(st.booleans()))
        for place in range(count)
    ]
    rows = draw_(st.lists(st.lists(cells, min_size=count, max_size=count), min_size=1, max_size=4))
    return columns, rows, draw_(st.integers(10, 160))


def printed(columns: list[Column], rows: list[list[str]], width: int) -> list[str]:
    paper = io.StringIO()
    screen = Console(file=paper, width=width, force_terminal=True, color_system=None)
    print_table(screen, columns, rows)
    return paper.getvalue().splitlines()


@given(sheets())
def test_no_column_that_stays_loses_a_letter_and_those_that_left_are_named(
    sheet: tuple[list[Column], list[list[str]], int],
) -> None:
    columns, rows, width = sheet
    layout = lay_out(columns, rows, width)
    lines = printed(columns, rows, width)
    assert all(len(line.rstrip()) <= width for line in lines)
    told = "".join("".join(lines).split())
    if not layout.is_stacked:
        assert sum(layout.widths) + 2 * (len(layout.widths) - 1) <= width
    for place, column in enumerate(columns):
        if place in layout.kept:
            if not column.folds and not layout.is_stacked:
                for row in rows:
                    assert row[place].rstrip() in "\n".join(lines)
        else:
            assert column.rank > 0
            assert column.name in told
    for row in rows:
        for place in layout.kept:
            assert all(word in told for word in row[place].split()) or columns[place].folds


def test_columns_leave_by_their_rank_the_greatest_first() -> None:
    columns = [Column("id"), Column("a", rank=1), Column("b", rank=2), Column("c", rank=2)]
    row = ["x" * 10, "a" * 10, "b" * 10, "c" * 10]
    kept = [lay_out(columns, [row], width).kept for width in (46, 45, 33, 21, 9)]
    assert kept == [(0, 1, 2, 3), (0, 1, 2), (0, 1), (0,), (0, 1, 2, 3)]
    assert lay_out(columns, [row], 9).is_stacked
    assert "not shown here: b, c " in " ".join(printed(columns, [row], 33))


def test_long_text_is_folded_at_words_before_a_column_leaves() -> None:
    columns = [Column("id"), Column("why", folds=True), Column("when", rank=1)]
    lines = printed(columns, [["a" * 8, "the pool holds less than was asked for", "now"]], 36)
    assert "when" in lines[0]
    words = " ".join(line[10:].replace("now", "") for line in lines[1:]).split()
    assert " ".join(words) == "the pool holds less than was asked for"


def test_what_may_not_leave_and_does_not_fit_becomes_a_block() -> None:
    lines = printed([Column("id"), Column("amount")], [["a" * 30, "1" * 30], ["b", "2"]], 40)
    assert lines == [f"id      {'a' * 30}", f"amount  {'1' * 30}", "", "id      b", "amount  2"]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_table_is_whole_on_a_terminal(
    cambist: Cambist, house: Process, placed: str, tmp_path: Path, width: int
) -> None:
    # A name of its own for each width, since its orders and keys are looked for below.
    home = str(house.home)
    keys = tmp_path / "keys"
    made = cambist("keys", "create", "--name", "a bot that trades for a desk", "--home", str(keys))
    key_id = made.stdout.split("_")[1]
    wallet = "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"
    cambist("order", "12.5", "RAY", "USDC", "--wallet", wallet)
    got = cambist("show", placed).stdout.split("got")[1].split()[0]
    commands = [
        ["list"], ["show", placed], ["order", "12.5", "SOL", "USDC"], ["watch", placed],
        ["quote", "3000", "SOL", "USDC"], ["quote", "3000", "SOL", "USDC", "--explain"],
        ["pools", "SOL", "USDC"], ["report"], ["balances", "--home", home],
        ["orders", "stuck", "--for", "0", "--home", home], ["keys", "list", "--home", str(keys)],
        ["doctor", "--home", home], ["verify", "--home", home],
    ]  # fmt: skip
    told = on_a_terminal(commands, width, {"CAMBIST_URL": house.url})
    assert set(told) == {" ".join(words) for words in commands}
    for words, lines in told.items():
        assert all(len(line.rstrip()) <= width for line in lines), words
        assert not any("…" in line for line in lines), words
    every = {words: "\n".join(lines) for words, lines in told.items()}
    assert {placed, "confirmed", got} <= set(every["list"].split())
    assert placed in every[f"show {placed}"]
    assert f"{got} USDC" in " ".join(every[f"show {placed}"].split())
    first, *_ = told["order 12.5 SOL USDC"]
    assert KEY.match(first)
    assert re.search(r"12\.5 → \d+\.\d+", " ".join(every["order 12.5 SOL USDC"].split()))
    assert re.search(r"1 → " + re.escape(got), " ".join(every[f"watch {placed}"].split()))
    for words in ("quote 3000 SOL USDC", "pools SOL USDC"):
        assert len(re.findall(r"\d+\.\d+ USDC", every[words])) >= 6, words
    assert re.search(rf"{wallet}\s+RAY\s+\d+(\.\d+)?", every[f"balances --home {home}"])
    assert key_id in every[f"keys list --home {keys}"]
    assert "in force" in every[f"keys list --home {keys}"]
    assert re.search(r"SOL to USDC.*\d+ USDC|SOL to USDC", every["report"])


@pytest.mark.usefixtures("placed")
def test_a_column_that_left_is_named(house: Process) -> None:
    words = ["list", "--limit", "1"]
    told = on_a_terminal([words], 80, {"CAMBIST_URL": house.url})[" ".join(words)]
    assert told[0].split() == ["order", "status", "in", "out", "tries"]
    (note,) = (line for line in told if line.startswith("not shown here: "))
    assert "venue" in note
