"""Hold the commands for orders that wait for a price to what they promise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cambist.cli.order_view import describe, line_of
from cambist.client import Event
from tests.acceptance.process import Process, engine
from tests.cli.conftest import Cambist
from tests.cli.terminal import on_a_terminal
from tests.cli.test_completion import proposed

STOP = ("stop", "10", "SOL", "USDC")
MET = (*STOP, "--at", "900", "--on-met", "fire")
LONG = "2026-11-20T20:00:00.250Z"


@pytest.fixture
def resting(cambist: Cambist) -> Iterator[list[str]]:
    """Yield a list of orders to end when the test is over."""
    ids: list[str] = []
    yield ids
    for order_id in ids:
        cambist("cancel", order_id)


def first_word(done: Any) -> str:
    word: str = done.stdout.split()[0]
    return word


def test_a_limit_rests_and_the_command_says_the_summary_and_the_price_now(
    cambist: Cambist, resting: list[str]
) -> None:
    done = cambist("limit", "10", "SOL", "USDC", "--at", "900")
    assert done.exit_code == 0, done.stderr
    first, armed = done.stdout.splitlines()
    resting.append(first_word(done))
    assert "Sell 10 SOL for USDC when all of it brings at least 900 USDC each, now 14" in first
    assert armed.split()[2] == "waiting"
    assert "armed: level 900, now 14" in armed


def test_a_stop_has_all_its_options_and_show_repeats_them(
    cambist: Cambist, resting: list[str]
) -> None:
    words = ("--at", "120", "--limit", "118", "--confirm-slots", "3", "--ladder", "50, 100,300")
    done = cambist(*STOP, *words)
    assert done.exit_code == 0, done.stderr
    resting.append(first_word(done))
    shown = cambist("show", resting[0])
    facts, journal = shown.stdout.split("\n\n")
    told = dict(line.split("  ", 1) for line in facts.splitlines())
    told = {name.strip(): value.strip() for name, value in told.items()}
    assert told["status"] == "waiting"
    assert told["kind"] == "stop 120"
    assert told["limit"] == "never worse than 118"
    assert told["confirmed by"] == "3 slots in a row"
    assert told["ladder"] == "0.5 %, 1 %, 3 %"
    assert told["asked"].startswith("Sell 10 SOL for USDC when all of it brings at most 120")
    assert "armed: level 120, now 14" in journal


def test_a_take_profit_by_symbol_and_its_times(cambist: Cambist, resting: list[str]) -> None:
    times = ("--expires", "2027-01-31T12:00:00Z", "--start", "2027-01-01T12:00:00+00:00")
    done = cambist("take-profit", "sell", "2", "SOL", "--at", "900", *times)
    assert done.exit_code == 0, done.stderr
    resting.append(first_word(done))
    assert "from 2027-01-01T12:00:00.000Z on" in done.stdout
    facts = cambist("show", resting[0]).stdout
    assert "take-profit 900" in facts
    assert "2027-01-31T12:00:00.000Z" in facts
    assert "2027-01-01T12:00:00.000Z" in facts


def test_a_purchase_waits_for_what_it_costs(cambist: Cambist, resting: list[str]) -> None:
    done = cambist("limit", "buy", "5", "SOL", "--at", "100")
    resting.append(first_word(done))
    assert "Buy 5 SOL with USDC when all of it costs at most 100 USDC each" in done.stdout


def test_a_list_says_the_kind_and_the_level(cambist: Cambist, resting: list[str]) -> None:
    resting.append(first_word(cambist(*STOP, "--at", "120")))
    done = cambist("list", "--limit", "1", "--status", "waiting")
    _, row, _ = done.stdout.splitlines()
    assert row.split()[:4] == [resting[0], "waiting", "10", "SOL"]
    assert "stop 120" in row


def test_wait_follows_to_the_end_and_says_why_each_step_happened(cambist: Cambist) -> None:
    done = cambist(*MET, "--wait")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()[1:]
    assert [line.split()[2] for line in lines] == [
        "pending", "waiting", "routing", "building", "submitted", "sent", "confirmed",
    ]  # fmt: skip
    assert "met 900 in 2 slots, the last " in lines[2]
    shown = cambist("show", first_word(done)).stdout
    assert "met 900 in 2 slots, the last " in shown
    watched = cambist("watch", first_word(done)).stdout
    assert watched.splitlines() == lines


def test_fill_or_kill_is_followed_to_its_end_and_exits_1(cambist: Cambist) -> None:
    done = cambist("limit", "10", "SOL", "USDC", "--at", "900", "--fok")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].split()[2] == "expired"
    shown = cambist("show", first_word(done)).stdout
    assert "fill or kill: all of it in one transaction, or nothing" in shown
    assert "to be filled at once, and was not" in shown
    assert cambist("order", "1", "SOL", "USDC", "--fok").exit_code == 0


def test_one_key_is_one_order_and_its_repeat_is_told_the_same(
    cambist: Cambist, resting: list[str]
) -> None:
    words = (*STOP, "--at", "110", "--key", "a-stop")
    first = cambist(*words)
    resting.append(first_word(first))
    assert cambist(*words).stdout == first.stdout


def test_json_is_a_line_for_the_answer_and_one_for_the_event(
    cambist: Cambist, resting: list[str]
) -> None:
    done = cambist(*STOP, "--at", "120", "--json")
    placed, armed = (json.loads(line) for line in done.stdout.splitlines())
    resting.append(placed["orderId"])
    assert placed["summary"].startswith("Sell 10 SOL")
    assert (armed["transition"], armed["level"]) == ("armed", "120")
    assert isinstance(armed["effectivePrice"], str)
    shown = json.loads(cambist("show", placed["orderId"], "--json").stdout)
    assert Decimal(shown["order"]["triggerPrice"]) == 120
    assert shown["order"]["status"] == "waiting"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*STOP, "--at", "900"), "triggerPrice: The price is "),
        (("limit", "10", "SOL", "USDC", "--at", "0.0069"), "limitPrice: limitPrice 0.0069 is far"),
        (("limit", "10", "SOL", "USDC", "--at", "cheap"), "limitPrice: "),
        ((*STOP, "--at", "0"), "triggerPrice: A price must be greater than zero."),
        ((*STOP, "--at", "120", "--confirm-slots", "21"), "confirmSlots: "),
        ((*STOP, "--at", "120", "--ladder", "300,50"), "slippageLadderBps: "),
        ((*STOP, "--at", "120", "--expires", "2020-01-01T00:00:00Z"), "The deadline has already"),
        ((*STOP, "--at", "120", "--ladder", "50,much"), "--ladder 50,much is no list"),
        ((*STOP, "--at", "120", "--on-met", "run"), "--on-met takes fire, not run"),
        ((*STOP, "--at", "120", "--expires", "tomorrow"), "--expires tomorrow is no time"),
        ((*STOP, "--at", "120", "--start", "2027-01-01T00:00:00"), "--start 2027-01-01T00:00:00"),
        (("stop", "10", "SOL", "--at", "120"), "say AMOUNT TOKEN_IN TOKEN_OUT"),
    ],
)
def test_what_is_refused_exits_2_in_a_line_that_names_it(
    cambist: Cambist, words: tuple[str, ...], said: str
) -> None:
    done = cambist(*words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_price_that_looks_inverted_is_taken_when_it_is_meant(cambist: Cambist) -> None:
    done = cambist("limit", "1", "SOL", "USDC", "--at", "0.0069", "--accept-far-price", "--wait")
    assert done.exit_code == 0
    assert "note: The limit is met already: the order trades at once." in done.stdout


def test_no_price_exits_2_and_no_engine_exits_69(cambist: Cambist) -> None:
    assert cambist(*STOP).exit_code == 2
    assert cambist(*STOP, "--at", "1", CAMBIST_URL="http://127.0.0.1:1").exit_code == 69


def test_an_order_that_is_cancelled_while_it_is_watched_exits_1(
    cambist: Cambist, resting: list[str]
) -> None:
    resting.append(first_word(cambist(*STOP, "--at", "120")))
    assert cambist("cancel", resting[0]).stdout.startswith("cancelled: ")
    done = cambist("watch", resting[0])
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].split()[2] == "cancelled"


def test_the_words_of_a_stop_are_proposed(house: Process) -> None:
    assert {"buy", "sell", "SOL"} <= set(proposed("cambist stop ").split())
    assert proposed("cambist stop 1 SOL USDC --on-met ").split() == ["fire"]
    assert "take-profit" in proposed("cambist take").split()
    assert "waiting" in proposed("cambist list --status wai", CAMBIST_URL=house.url).split()


def test_every_command_has_its_help(cambist: Cambist) -> None:
    for name in ("limit", "stop", "take-profit"):
        told = cambist(name, "--help", COLUMNS="80").stdout
        assert "--at" in told
        assert "It counts for the whole amount" in " ".join(told.split())
        assert all(len(line) <= 80 for line in told.splitlines())
        assert name in cambist("--help").stdout


def test_on_80_columns_nothing_runs_over(tmp_path: Path) -> None:
    running = engine(tmp_path / "home", paper_profile="instant").start()
    commands = [
        [*STOP, "--at", "120", "--limit", "118", "--ladder", "50,100"],
        ["show", "last"],
        ["list", "--status", "waiting"],
        ["cancel", "last"],
        [*MET, "--wait"],
        ["show", "last"],
        ["list"],
    ]
    try:
        told = on_a_terminal(commands, 80, {"CAMBIST_URL": running.url})
    finally:
        assert running.stop() == 0
    assert len(told) == len({" ".join(words) for words in commands})
    for words, lines in told.items():
        assert lines, words
        assert all(len(line.rstrip()) <= 80 for line in lines), words
    assert "stop 120" in "".join(told["list --status waiting"])


def event(transition: str | None, status: str, **more: Any) -> Event:
    """Return an event as a server sends it."""
    told = {"orderId": "a-74888051", "seq": 3, "status": status, "event": status,
            "timestamp": LONG, "transition": transition, **more}  # fmt: skip

    return msgspec.json.decode(json.dumps(told), type=Event)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (event("armed", "waiting", level=140, effectivePrice=144.5), "armed: level 140, now 144.5"),
        (event("armed", "waiting", level=140), "armed: level 140, now -"),
        (event("armed", "waiting", nextAttemptAt=LONG), f"armed: from {LONG} on"),
        (
            event("triggered", "routing", level=140, effectivePrice=139.9, observedSlot=7,
                  confirmedBy=2),
            "triggered: 139.9 met 140 in 2 slots, the last 7",
        ),
        (
            event("triggered", "routing", level=150, effectivePrice=150, observedSlot=7,
                  confirmedBy=1),
            "triggered: 150 met 150 in slot 7",
        ),
        (event("triggered", "routing"), "triggered: its time has come"),
        (
            event("touched", "waiting", level=150, effectivePrice=149.7, touchPrice=150.4),
            "touched: a part gets 150.4, all of it 149.7, level 150",
        ),
        (
            event("rearmed", "waiting", lastError="The best route is worse than the limit price.",
                  nextAttemptAt=LONG),
            "rearmed: The best route is worse than the limit price. "
            f"Next check {LONG}",
        ),
    ],
)  # fmt: skip
def test_each_step_is_told_with_its_reason(told: Event, said: str) -> None:
    assert describe(told) == said
    assert line_of(told).endswith(said)
