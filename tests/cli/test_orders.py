"""Hold the commands that place, show, list, watch and cancel to what they promise."""

from typing import Any

import msgspec

from cambist.cli.commands.orders import _journal_row
from cambist.cli.order_view import line_of
from cambist.client import Event
from cambist.wire.event_messages import message
from tests.cli.conftest import Cambist, events_of
from tests.wire.orders import life

PATH = ["pending", "routing", "building", "submitted", "sent", "confirmed"]
NOBODY = "01890000-0000-7000-8000-000000000000"


def test_an_order_that_is_confirmed_exits_0_and_was_told_step_by_step(cambist: Cambist) -> None:
    done = cambist("order", "2.5", "SOL", "USDC", "--slippage-bps", "100")
    assert done.exit_code == 0
    first, *lines = done.stdout.splitlines()
    assert first.endswith("at most 1 % below the quote")
    assert [line.split()[2] for line in lines] == PATH
    assert "2.5 →" in lines[-1]


def test_a_symbol_is_bought_the_other_way_round(cambist: Cambist) -> None:
    done = cambist("order", "buy", "5", "AAPL", "--no-follow")
    assert done.exit_code == 0
    assert "Buy 5 AAPL with USDC" in done.stdout


def test_an_order_that_fails_exits_1_and_says_why(cambist: Cambist) -> None:
    done = cambist("order", "1000001", "SOL", "USDC", "--slippage-bps", "5000")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].split()[2] == "failed"
    assert "The order would move the price by" in done.stdout


def test_one_key_is_one_order(cambist: Cambist) -> None:
    words = ("order", "1", "RAY", "USDC", "--key", "mine", "--no-follow")
    assert cambist(*words).stdout == cambist(*words).stdout


def test_a_refused_order_exits_2_and_names_the_field(cambist: Cambist) -> None:
    for words, field in (
        (("1", "SOL", "SOL"), "tokenOut: "),
        (("nine", "SOL", "USDC"), "amountIn: "),
        (("buy", "0", "AAPL"), "quantity: "),
        (("1", "SOL", "USDC", "--wallet", "me"), "walletAddress: "),
    ):
        done = cambist("order", *words)
        assert done.exit_code == 2
        assert field in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_an_order_of_two_words_is_no_order(cambist: Cambist) -> None:
    done = cambist("order", "1", "SOL")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)


def test_show_tells_the_order_and_every_line_of_its_journal(cambist: Cambist, placed: str) -> None:
    done = cambist("show", placed)
    assert done.exit_code == 0
    facts = dict(line.split(None, 1) for line in done.stdout.split("\n\n")[0].splitlines())
    assert facts["order"].strip() == placed
    assert facts["status"].strip().startswith("confirmed")
    assert facts["asked"].strip() == "sell 1 SOL for USDC, at most 0.5 % below the quote"
    assert facts["gave"].strip() == "1 SOL"
    assert not {"isFinal", "False", "None", "orderId"} & set(done.stdout.split())
    journal = done.stdout.split("\n\n")[1].splitlines()[1:]
    assert [line.split()[2] for line in journal][:6] == PATH


def test_a_list_is_newest_first_and_counts_all(cambist: Cambist, placed: str) -> None:
    done = cambist("list", "--limit", "1", "--status", "confirmed")
    assert done.exit_code == 0
    _, row, counts = done.stdout.splitlines()
    assert row.split()[:4] == [placed, "confirmed", "1", "SOL"]
    assert "total" in counts


def test_a_watch_goes_on_after_the_line_it_is_given(cambist: Cambist, placed: str) -> None:
    assert events_of(cambist, placed) == PATH
    rest = cambist("watch", placed, "--from-seq", "4")
    assert rest.exit_code == 0
    assert [line.split()[2] for line in rest.stdout.splitlines()] == PATH[4:]


def test_a_watch_past_the_end_still_exits_with_how_it_ended(cambist: Cambist, placed: str) -> None:
    assert cambist("watch", placed, "--from-seq", "1000").exit_code == 0


def test_a_watch_says_nothing_but_the_order(cambist: Cambist, placed: str) -> None:
    assert cambist("watch", placed).stderr == ""


def test_a_cancel_that_comes_too_late_exits_1(cambist: Cambist, placed: str) -> None:
    done = cambist("cancel", placed)
    assert done.exit_code == 1
    assert done.stdout == "too_late: The order is confirmed already.\n"


def test_an_unknown_order_exits_2_for_every_command(cambist: Cambist) -> None:
    for command in ("show", "watch", "cancel"):
        for order_id in (NOBODY, "nonsense"):
            done = cambist(command, order_id)
            assert done.exit_code == 2
            assert done.stderr == "cambist: Order not found\n"


def test_no_engine_exits_69_for_every_command(cambist: Cambist) -> None:
    for words in (
        ("order", "1", "SOL", "USDC"),
        ("show", NOBODY),
        ("list",),
        ("watch", NOBODY),
        ("cancel", NOBODY),
    ):
        done: Any = cambist(*words, "--url", "http://127.0.0.1:1")
        assert done.exit_code == 69
        assert "no engine answers at http://127.0.0.1:1" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_what_is_no_url_exits_2(cambist: Cambist) -> None:
    for url in ("foo", "ftp://127.0.0.1", "http://", "http://a:b"):
        done = cambist("list", "--url", url)
        assert done.exit_code == 2
        assert len(done.stderr.splitlines()) == 1


def test_the_error_of_a_try_stands_on_its_line_alone() -> None:
    events = [msgspec.json.decode(message(one), type=Event) for one in life()]
    said = events[2].last_error
    assert said
    for number, event in enumerate(events):
        assert (said in line_of(event)) is (number == 2)
        assert (said in " ".join(_journal_row(event))) is (number == 2)
