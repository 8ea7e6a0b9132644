"""Hold `quote` to telling all that decides: every venue, the choice, the worst case, the costs."""

from tests.cli.conftest import Cambist
from tests.cli.stranger import stranger
from tests.client.test_shapes import QUOTE


def test_a_quote_tells_venues_choice_worst_case_and_costs(cambist: Cambist) -> None:
    with stranger(200, QUOTE) as (url, _):
        done = cambist("quote", "1", "SOL", "USDC", "--url", url)
    assert done.exit_code == 0
    told = done.stdout.splitlines()
    assert told[0] == "Sell"
    assert told[1].split() == ["venue", "in", "out", "price", "impact", "fee"]
    assert told[2].split()[:5] == ["raydium", "1", "SOL", "144.9", "USDC"]
    assert told[3].split()[0] == "meteora"
    assert told[3].endswith("away")
    assert told[4:] == [
        "Choice: raydium. only one",
        "Worst case: at least 144.1755 USDC (0.5 % below the quote)",
        "Costs: 0.00204428 SOL in all: network fee 0.000005, tip 0, rent 0.00203928",
        "note: careful",
    ]


def test_a_quote_of_an_exact_purchase_bounds_what_is_paid(cambist: Cambist) -> None:
    quote = {**QUOTE, "mode": "exact_out", "maxAmountIn": "1.005", "minAmountOut": None}
    with stranger(200, quote) as (url, _):
        done = cambist("quote", "buy", "5", "AAPL", "--url", url)
    assert "Worst case: at most 1.005 SOL (0.5 % above the quote)" in done.stdout
