"""Hold `quote` to telling all that decides: every pool, the choice, the worst case, the costs."""

import re

from tests.cli.conftest import Cambist
from tests.cli.fake_server import stranger
from tests.client.test_models import QUOTE

POOLS = {
    "raydium amm v4", "raydium cpmm", "raydium clmm",
    "meteora dlmm", "meteora damm v1", "meteora damm v2",
}  # fmt: skip


def names(lines: list[str]) -> list[str]:
    """Return the pools that a table's lines begin with."""
    return [re.split(r"\s{2,}", line.removeprefix("*").strip())[0] for line in lines]


def test_a_quote_tells_pools_choice_worst_case_and_costs(cambist: Cambist) -> None:
    # So little that no second swap pays for itself, whatever the market does.
    done = cambist("quote", "0.001", "SOL", "USDC", "--slippage-bps", "100")
    assert done.exit_code == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[0].startswith("Sell 0.001 SOL for USDC")
    assert told[0].endswith("at most 1 % below the quote")
    assert told[1].split() == ["venue", "in", "out", "price", "impact", "fee"]
    found = names(told[2:8])
    assert set(found) == POOLS
    # The best stands first, and is the choice.
    assert told[8].startswith(f"Choice: {found[0]}. ")
    assert told[8].split(". ")[1].lower().startswith(f"{found[0]} pays ")
    assert told[9].startswith("At worst 0.001 SOL for ")
    assert told[10].startswith("Costs: 0.000005 SOL in all: network fee 0.000005, tip 0, rent ")


def test_an_explained_quote_tells_depth_the_route_and_its_gain(cambist: Cambist) -> None:
    done = cambist("quote", "1000", "SOL", "USDC", "--explain")
    assert done.exit_code == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[1].split() == ["pool", "out", "price", "fee", "impact"]
    assert set(names(told[2:8])) == POOLS
    used = [line for line in told[2:8] if line.startswith("*")]
    assert told[9].startswith("Depth: the SOL that may be given")
    assert told[10].split() == ["pool", "-0.1", "%", "-0.5", "%", "-1", "%", "-2", "%"]
    assert set(names(told[11:17])) == POOLS
    assert told[17].startswith("all of them")
    # A way through a hub needs a little less than its share, at moments when there is one.
    route = next(place for place, line in enumerate(told) if line.startswith("Route: "))
    assert re.match(r"Route: (1000|999\.\d+) SOL for ", told[route])
    legs = [line for line in told[route:] if ", at least " in line or ", at most " in line]
    assert len(legs) >= len(used) >= 2
    shares = [
        float(found[1]) for line in told[route:] if (found := re.search(r"─ ([\d.]+) %", line))
    ]
    assert round(sum(shares), 1) == 100
    looked = told.index(next(line for line in told if line.startswith("looked at")))
    assert sum(" taken " in line for line in told[looked + 1 :]) >= len(used)
    (choice,) = (line for line in told if line.startswith("Choice: "))
    parts = [float(one) for one in re.findall(r"([\d.]+) % [A-Z]", choice)]
    assert round(sum(parts), 1) == 100
    (gain,) = (line for line in told if line.startswith("Gain: "))
    assert float(gain.split()[-2]) > 100, "the sharing of so much gains more than 1 %"
    assert not re.search("[█▓▒░]", done.stdout), "bars are for screens"


def test_an_explained_quote_of_one_pool_says_that_nothing_is_gained(cambist: Cambist) -> None:
    # So little that no second swap pays for itself, whatever the market does.
    told = cambist("quote", "buy", "0.0001", "AAPL", "--explain").stdout
    assert re.search(r"└── \w+ [\w ]+, at most [\d.]+ USDC", told)
    assert "Gain: none is to be had" in told
    assert "left out: meteora damm v1: The program cannot be asked for an exact amount out." in told


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
    assert told[3].startswith("left out: meteora")
    assert told[3].endswith("away")
    assert told[-2:] == [
        "Costs: 0.00204428 SOL in all: network fee 0.000005, tip 0, rent 0.00203928",
        "note: careful",
    ]


def test_a_mistyped_token_is_warned_of_on_the_screen(cambist: Cambist) -> None:
    told = "note: SOLL is a made-up token of the paper market; did you mean SOL?"
    for words in (("quote", "1", "SOLL", "USDC"), ("order", "1", "SOLL", "USDC", "--no-follow")):
        done = cambist(*words)
        assert done.exit_code == 0, done.stderr
        assert told in done.stdout.splitlines()
    assert "note:" not in cambist("quote", "1", "SOL", "AAPL").stdout
    native = cambist("quote", "1", "1" * 32, "USDC")
    assert native.stdout.startswith("Sell 1 SOL for USDC")
