"""Hold `pools` to telling every pool and its depth: as text in a pipe, with bars on a screen."""

import io
import re
from decimal import Decimal

from rich.console import Console

from cambist.cli.commands.pools import BAR_CELLS_MAX, draw_depth
from cambist.cli.formatting import format_bps, format_short_amount
from cambist.client import Depth, Pool
from tests.cli.conftest import Cambist
from tests.cli.test_quote import POOLS, names

LEVELS = (10, 50, 100, 200)


def pool(program: str, *depth: int) -> Pool:
    """Return a pool that is so deep."""
    levels = zip(LEVELS, depth, strict=True)
    return Pool(
        dex="raydium",
        program=program,
        amount_in=Decimal(1),
        amount_out=Decimal(2),
        depth=tuple(Depth(bps=bps, amount_in=Decimal(amount)) for bps, amount in levels),
    )


def drawn(*pools: Pool, width: int = 120, screen: bool = True) -> list[str]:
    """Return what a screen shows of their depth."""
    paper = io.StringIO()
    told = Console(file=paper, width=width, force_terminal=screen, color_system=None)
    draw_depth(told, "SOL", pools)
    return paper.getvalue().splitlines()


def test_pools_tells_each_with_price_fee_impact_and_depth(cambist: Cambist) -> None:
    done = cambist("pools", "SOL", "USDC")
    assert done.exit_code == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[0] == "6 pools for 1 SOL in USDC"
    assert told[1].split() == ["pool", "out", "price", "fee", "impact"]
    assert set(names(told[2:8])) == set(names(told[11:17])) == POOLS
    paid = [Decimal(re.split(r"\s{2,}", line)[1].split()[0]) for line in told[2:8]]
    assert paid == sorted(paid, reverse=True)
    assert told[17].startswith("all of them")


def test_an_amount_that_some_cannot_carry_says_which_and_why(cambist: Cambist) -> None:
    done = cambist("pools", "SOL", "USDC", "--amount", "1000000")
    assert done.exit_code == 0, done.stderr
    assert re.search(r"^left out: meteora dlmm: The \w+.*\.$", done.stdout, re.MULTILINE)


def test_what_is_no_pair_or_no_amount_exits_2(cambist: Cambist) -> None:
    for words in (("SOL", "SOL"), ("S*L", "USDC"), ("SOL", "USDC", "--amount", "much")):
        done = cambist("pools", *words)
        assert (done.exit_code, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1


def test_bars_have_one_scale_and_a_shade_for_each_level() -> None:
    told = drawn(pool("clmm", 10, 50, 100, 200), pool("cpmm", 5, 25, 50, 100))
    wide, half = (re.findall("[█▓▒░]", line) for line in told[3:5])
    assert len(wide) == BAR_CELLS_MAX
    assert len(half) == BAR_CELLS_MAX // 2
    assert "".join(sorted(set(wide), key=wide.index)) == "█▓▒░"
    assert told[5].split() == ["all", "of", "them", "15.00", "75.00", "150.00", "300.00"]


def test_a_narrow_screen_has_short_bars_and_a_pipe_none() -> None:
    deep = pool("clmm", 10, 50, 100, 200)
    assert max(len(line) for line in drawn(deep, width=80)) <= 80
    assert re.search("[█▓▒░]", "".join(drawn(deep, width=80)))
    assert not re.search("[█▓▒░]", "".join(drawn(deep, screen=False)))


def test_pools_of_no_depth_are_no_reason_to_fail() -> None:
    assert drawn() == []
    assert "0" in drawn(pool("clmm", 0, 0, 0, 0))[3]


def test_numbers_are_as_short_as_they_can_be() -> None:
    assert [format_bps(bps) for bps in (0, 5, 10, 25, 100, 250)] == [
        "0 %", "0.05 %", "0.1 %", "0.25 %", "1 %", "2.5 %",
    ]  # fmt: skip
    amounts = ("0", "0.000012345678912", "1", "47.4831", "50", "999.999", "1204.5", "2500000")
    assert [format_short_amount(Decimal(amount)) for amount in amounts] == [
        "0", "0.000012345678", "1.00", "47.48", "50.00", "1,000", "1,204", "2,500,000",
    ]  # fmt: skip
