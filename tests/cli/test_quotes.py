"""Hold `quote` to telling all that decides: every venue, the choice, the worst case, the costs."""

from tests.cli.conftest import Cambist
from tests.cli.stranger import stranger
from tests.client.test_shapes import QUOTE


def test_a_quote_tells_venues_choice_worst_case_and_costs(cambist: Cambist) -> None:
    done = cambist("quote", "10", "SOL", "USDC", "--slippage-bps", "100")
    assert done.exit_code == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[0].startswith("Sell exactly 10 SOL for USDC")
    assert told[0].endswith("at most 1 % below the quote")
    assert told[1].split() == ["venue", "in", "out", "price", "impact", "fee"]
    assert [line.split()[:3] for line in told[2:4]] == [
        ["raydium", "10", "SOL"],
        ["meteora", "10", "SOL"],
    ]
    assert told[4].startswith(("Choice: raydium. Raydium pays ", "Choice: meteora. Meteora pays "))
    assert told[5].startswith("At worst 10 SOL for ")
    assert told[6].startswith("Costs: 0.000005 SOL in all: network fee 0.000005, tip 0, rent ")


def test_a_quote_places_nothing(cambist: Cambist) -> None:
    before = cambist("list").stdout
    assert cambist("quote", "buy", "5", "AAPL").exit_code == 0
    assert cambist("list").stdout == before


def test_what_cannot_be_traded_exits_2_and_says_why(cambist: Cambist) -> None:
    done = cambist("quote", "1000001000", "SOL", "USDC")
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_venue_that_is_away_and_a_warning_are_told(cambist: Cambist) -> None:
    with stranger(200, QUOTE) as (url, _):
        told = cambist("quote", "1", "SOL", "USDC", "--url", url).stdout.splitlines()
    assert told[3].split()[0] == "meteora"
    assert told[3].endswith("away")
    assert told[-2:] == [
        "Costs: 0.00204428 SOL in all: network fee 0.000005, tip 0, rent 0.00203928",
        "note: careful",
    ]
