"""Prove that the bench counts what it says, against answers that are known beforehand."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.__main__ import attempt
from bench.cluster import compare
from bench.deployments import Kind
from bench.http_load import SWAPS, Crowd, Tally, Unreadable, orders, read_answer
from bench.open_loop_load import Event, lags_ms, moment_ns
from bench.order_stages import Timing
from bench.report import (
    CannotMeasure,
    Reading,
    Row,
    percentile,
    put,
    rows,
    table,
    write_number,
)
from bench.scenarios import MEASURES, Plan
from bench.stage_profile import write_stages
from cambist.wire.order_request import read_order

ROOT = Path(__file__).parents[2]
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nx: y\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"

# ------------------------------------------------------------------------------------ figures


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_covers_its_share(
    values: list[int], percent: int
) -> None:
    found = percentile(values, percent)
    covered = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert found in values
    assert covered * 100 >= percent * len(values) > below * 100


def test_percentiles_of_a_hundred_values_are_their_ranks() -> None:
    values = list(range(100, 0, -1))
    assert [percentile(values, p) for p in (1, 50, 99, 100)] == [1, 50, 99, 100]


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(CannotMeasure):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7.0, "7"), (0.126, "0.13"), (12.34, "12.3"), (4_726.6, "4,727"), (99.96, "100.0")],
)
def test_a_number_has_about_three_digits(value: float, text: str) -> None:
    assert write_number(value) == text


def test_a_row_is_the_median_with_the_least_and_the_greatest() -> None:
    found = rows([Reading("a", 3), Reading("b", 1), Reading("a", 1), Reading("a", 20)])
    assert found == [Row("a", "3 (1 - 20)"), Row("b", "1")]


def test_what_was_not_measured_says_so_in_place_of_a_number() -> None:
    assert rows([Reading("a", None, "no /proc")] * 2) == [Row("a", "not measured: no /proc")]


def test_a_row_tells_which_repetitions_it_lacks() -> None:
    (row,) = rows([Reading("a", 2), Reading("a", None, "it ended")])
    assert row.text == "2; 1 of 2 not measured: it ended"


async def test_a_measure_that_fails_leaves_the_others_alone() -> None:
    async def broken(_plan: Plan) -> list[Reading]:
        raise ConnectionResetError("gone")

    assert await attempt("push", broken, Plan()) == [Reading("push", None, "gone")]


def test_the_table_is_markdown_with_a_row_a_line() -> None:
    text = table("A machine.", [Row("a", "1"), Row("b", "x|y")])
    assert text.splitlines()[:2] == ["A machine.", ""]
    head, rule, *lines = text.splitlines()[2:]
    assert (head, rule) == ("| measure | median (min - max) |", "|---|---|")
    assert lines == ["| a | 1 |", "| b | x/y |"]


def test_the_table_goes_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    put(page, "new\n")
    put(page, "newer\n")
    assert page.read_text() == "before\n<!-- bench -->\nnewer\n<!-- /bench -->\nafter\n"


def test_of_several_tables_each_goes_between_its_own_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- bench a -->\n<!-- /bench a -->\n<!-- bench b -->\n<!-- /bench b -->\n")
    put(page, "one\n", "b")
    told = page.read_text()
    assert told == "<!-- bench a -->\n<!-- /bench a -->\n<!-- bench b -->\none\n<!-- /bench b -->\n"
    with pytest.raises(ValueError, match="<!-- bench c -->"):
        put(page, "one\n", "c")


def test_kinds_stand_side_by_side_and_what_one_lacks_is_left_open() -> None:
    kinds = (Kind("one"), Kind("two", 2))
    told = compare(
        "head", kinds, {"one": [Reading("x", 1)], "two": [Reading("x", 2), Reading("y", 3)]}
    )
    assert told.splitlines()[2:] == [
        "| measure, median (min - max) | one | two |",
        "|---|---|---|",
        "| x | 1 | 2 |",
        "| y |  | 3 |",
    ]


def test_the_page_of_scale_has_its_markers() -> None:
    text = (ROOT / "docs" / "scale.md").read_text()
    for name in ("transitions", "cluster"):
        assert text.index(f"<!-- bench {name} -->") < text.index(f"<!-- /bench {name} -->")


def test_a_page_with_half_a_marker_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before <!-- bench --> after")
    with pytest.raises(ValueError, match=r"page\.md"):
        put(page, "new")
    assert page.read_text() == "before <!-- bench --> after"


def test_a_fresh_file_holds_the_table_alone(tmp_path: Path) -> None:
    put(tmp_path / "new.md", "text\n")
    assert (tmp_path / "new.md").read_text() == "text\n"


def test_the_page_of_benchmarks_has_its_markers() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert text.index("<!-- bench -->") < text.index("<!-- /bench -->")


def test_stages_add_up_to_an_order() -> None:
    text = write_stages([Timing("a", 2, 1.5), Timing("b", 1, 4), Timing("c", 0, 9)])
    assert text.splitlines()[-1] == "| all of these | | | 7 |"


# ------------------------------------------------------------------------------------ client


@pytest.mark.parametrize("cut", range(len(ANSWER)))
def test_an_answer_is_read_once_it_is_whole(cut: int) -> None:
    assert read_answer(ANSWER[:cut]) is None
    assert read_answer(ANSWER) == (202, b"{}")


@pytest.mark.parametrize(
    "data",
    [ANSWER + b"x", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 abc\r\ncontent-length: 0\r\n\r\n"],
)
def test_an_answer_of_uncertain_length_is_not_guessed_at(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_answer(data)


def test_orders_go_there_and_back_and_are_read_by_the_server() -> None:
    pairs = [
        (read_order(body).request.token_in, read_order(body).request.token_out) for body in SWAPS
    ]
    assert pairs[0] == pairs[1][::-1]
    sent = [request.partition(b"\r\n\r\n")[2] for request in orders(4)]
    assert sent == [*SWAPS, *SWAPS]


def test_every_key_is_used_once() -> None:
    heads = [
        request.partition(b"\r\n\r\n")[0] for request in itertools.islice(orders(key="k-"), 500)
    ]
    keys = [line for head in heads for line in head.split(b"\r\n") if b"idempotency-key" in line]
    assert len(set(keys)) == len(heads)
    assert all(
        b"content-length: %d" % len(SWAPS[number % 2]) in head for number, head in enumerate(heads)
    )


class Answering(asyncio.Protocol):
    """Answers each request with the next of these, and hangs up when they are used up."""

    def __init__(self, answers: Iterator[bytes]) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, _data: bytes) -> None:
        answer = next(self._answers, None)
        if answer is None:
            self._transport.abort()
        else:
            self._transport.write(answer)


@asynccontextmanager
async def answering(answers: list[bytes]) -> AsyncIterator[int]:
    """Run a server that has these answers and no more."""
    left = iter(answers)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(left), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.sleep(0)  # the crowd's farewells reach the server


async def crowd(answers: list[bytes], count: int, connections: int) -> Tally:
    async with answering(answers) as port:
        return await Crowd(orders(count)).run(port, connections)


@pytest.mark.parametrize("connections", [1, 3, 7])
async def test_only_a_202_counts_as_accepted(connections: int) -> None:
    tally = await crowd([ANSWER, BUSY] * 10, 20, connections)
    assert (tally.taken, dict(tally.others), tally.lost) == (10, {503: 10}, 0)
    assert all(wait > 0 for wait in tally.waits_ns)


async def test_an_order_without_an_answer_is_counted_as_lost() -> None:
    tally = await crowd([ANSWER, ANSWER], 5, 1)
    assert (tally.taken, tally.lost, tally.not_taken) == (2, 1, 1)


# ------------------------------------------------------------------------------------ push


def test_an_instant_is_read_to_the_millisecond() -> None:
    assert moment_ns("2026-01-02T03:04:05.678Z") == 1_767_323_045_678_000_000


def test_only_what_came_after_the_stream_began_counts_as_pushed() -> None:
    at = moment_ns("2026-01-02T03:04:05.678Z")
    line = b"id: 2\ndata: " + json.dumps({"timestamp": "X"}, separators=(",", ":")).encode()
    line = line.replace(b"X", b"2026-01-02T03:04:05.678Z")
    live = Event(at + 2_500_000, line, begun_ns=at - 1)
    history = Event(at + 2_500_000, line, begun_ns=at + 1)
    assert lags_ms([live, history, Event(at, b": beat", 0)]) == [2.5]


# ------------------------------------------------------------------------------------ whole


@pytest.mark.slow
def test_a_real_server_is_measured_and_leaves_nothing_behind(tmp_path: Path) -> None:
    plan = Plan(seconds=0.3, orders=100, warm_up=20, folder=tmp_path)
    found = {one.label: one.value for one in asyncio.run(MEASURES["complete"](plan))}
    assert found["orders not confirmed (of 100 orders)"] == 0
    assert found["answers other than 202 (of 100 orders)"] == 0
    assert all(value is not None and math.isfinite(value) for value in found.values())
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_stages_of_an_order_can_all_be_timed(tmp_path: Path) -> None:
    words = ["-m", "bench.stage_profile", "--times", "1", "--folder", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert all(line.startswith("|") for line in lines)
    assert lines[-1].startswith("| all of these")


def test_the_stage_table_can_be_asked_for() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "bench.stage_profile", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--hands" in asked.stdout
