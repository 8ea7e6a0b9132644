"""Hold DLMM quotes to the compiled program in every mode: amounts, end state, event and error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.venues.meteora.dlmm import Dlmm
from cambist.venues.meteora.dlmm.accounts import Bin
from cambist.venues.tokens import Mint
from tests.onchain.counts import Count, SwapCount
from tests.onchain.dlmm_pairs import (
    Pair,
    Terms,
    lay,
    load,
    need_extension,
    open_pair,
    place_orders,
    plain_mints,
    provide,
)
from tests.onchain.dlmm_swaps import Swapper, read
from tests.onchain.machine import SYSTEM
from tests.onchain.releases import DLMM, DLMM_0_11, DLMM_2026_03, Release

pytestmark = pytest.mark.timeout(600)

SWAPS: Final = 1_000
"""How many swaps prove a mode."""

OTHERS: Final[Mapping[Release, int]] = {DLMM_2026_03: 300, DLMM_0_11: SWAPS}
"""The releases before limit orders, and how many swaps a mode is tried with at each."""
RELEASES: Final[Mapping[Release, int]] = {DLMM: SWAPS, **OTHERS}

LIQUIDITY_MINING: Final = 1
Find = Callable[[str], Path]
Record = Callable[[str, object], None]
FEES: Final = {
    "x": (TransferFee(50, 10**15), NO_FEE),
    "y": (NO_FEE, TransferFee(9_999, 10**12)),
    "both": (TransferFee(100, 5_000), TransferFee(300, 10**12)),
    "whole": (TransferFee(10_000, 777), TransferFee(1, 1)),
}


def stocked(file: Path, terms: Terms, fees: Sequence[TransferFee] = (), active: int = -700) -> Pair:
    """Return a pair with three positions, and a gap of empty bins between two of them."""
    machine = load(file)
    mints = plain_mints(machine)
    if fees:
        programs = [TOKEN_2022_PROGRAM if fee.bps else TOKEN_PROGRAM for fee in fees]
        blanks = [Mint(SYSTEM, programs[n], 0, fee) for n, fee in enumerate(fees)]
        mints = machine.mint("x", 9, blanks[0]), machine.mint("y", 6, blanks[1])
    pair = open_pair(machine, *mints, terms, active)
    provide(pair, active - 35, 70, 50_000_000_000, 5_000_000_000)
    provide(pair, active - 140, 70, 0, 5_000_000_000)
    provide(pair, active + 60, 70, 50_000_000_000, 0)
    return pair


def adapter(release: Release) -> Dlmm:
    """Return what trades a release."""
    return Dlmm(orders=release == DLMM)


def function_of(release: Release) -> int:
    """Return what makes pairs without limit orders; that of 2026-03 knows no such word yet."""
    return LIQUIDITY_MINING if release == DLMM else 0


def proved(
    swappers: Sequence[Swapper], record: Record, mode: str, swaps: int = SWAPS
) -> Counter[str]:
    """Add up what was proved, tell it, and hold it to the number asked."""
    counted: Counter[str] = sum((swapper.counted for swapper in swappers), Counter())
    record(mode, dict(counted))
    assert counted["swaps"] >= swaps
    for way in ("exact_in down", "exact_in up", "exact_out down", "exact_out up"):
        assert counted[way] > swaps // 10
    return counted


def wandered(
    pair: Pair, seed: int, times: int, count: SwapCount, program: Dlmm | None = None
) -> Swapper:
    """Return what a trader who swaps at random has seen."""
    swapper = Swapper(pair, seed, program or Dlmm(), count)
    swapper.wander(times)
    return swapper


@pytest.mark.parametrize("collect", [0, 1])
def test_quotes_with_a_fee_that_moves_with_time_and_bins_crossed(
    program: Find, record_property: Record, count: Count, collect: int
) -> None:
    terms, tried = Terms(collect=collect, function=LIQUIDITY_MINING), count(DLMM)
    kinds = (
        terms,
        terms._replace(step=80, base_factor=5_000),
        terms._replace(step=25, control=2_000_000, volatility_max=800_000),
        terms._replace(step=5, filter_s=0, decay_s=120, reduction=9_000),
    )
    pairs = [stocked(program(DLMM.file), kind) for kind in kinds]
    swappers = [wandered(pair, 10 * n + collect, 320, tried) for n, pair in enumerate(pairs)]
    counted = proved(swappers, record_property, f"collect_fee_mode {collect}")
    assert counted["bins"] > SWAPS


@pytest.mark.parametrize("release", RELEASES, ids=lambda one: one.name)
def test_quotes_with_a_fee_that_does_not_move(
    program: Find, record_property: Record, count: Count, release: Release
) -> None:
    pair = stocked(program(release.file), Terms(control=0, function=function_of(release)))
    swaps = RELEASES[release]
    wide = swaps + swaps // 20
    swapper = wandered(pair, 5, wide, count(release), adapter(release))
    proved([swapper], record_property, "base fee alone", swaps)


@pytest.mark.parametrize("collect", [0, 1])
def test_quotes_through_limit_orders(
    program: Find, record_property: Record, count: Count, collect: int
) -> None:
    pair = stocked(program(DLMM.file), Terms(collect=collect))
    swapper = Swapper(pair, 40 + collect, count=count(DLMM))
    dice = swapper.rng
    for turn in range(90):
        active = read(pair).pair.active_id
        for ask, way in ((True, 1), (False, -1)):
            bins = {
                active + way * away: dice.randint(1, 10 ** dice.randint(1, 9))
                for away in dice.sample(range(1, 8), 3)
            }
            # A bin may still hold what is left of orders of the other side: it takes no more.
            place_orders(pair, ask, bins, f"{turn} {ask}", may_fail=True)
        swapper.wander(12)
    proved([swapper], record_property, f"limit orders, collect_fee_mode {collect}")


@pytest.mark.parametrize("collect", [0, 1])
def test_quotes_through_bins_and_orders_of_a_few_units(
    program: Find, record_property: Record, count: Count, collect: int
) -> None:
    """Where every rounding counts: what is refused, and why, counts as well."""
    swappers, tried = [], count(DLMM)
    for terms in (Terms(collect=collect), Terms(collect=collect, step=80, base_factor=60_000)):
        pair = stocked(program(DLMM.file), terms)
        swapper = Swapper(pair, terms.step, count=tried)
        for _ in range(200):
            _scatter(swapper)
            swapper.wander(5, 10**5)
        swappers.append(swapper)
    counted = proved(swappers, record_property, f"bins of dust, collect_fee_mode {collect}")
    assert counted["refused: rounds_short"]
    assert counted["refused: pays_nothing"]


@pytest.mark.parametrize("active", [35_830, -35_835])
@pytest.mark.parametrize("release", RELEASES, ids=lambda one: one.name)
def test_quotes_where_the_bitmap_goes_on_elsewhere(
    program: Find, record_property: Record, count: Count, release: Release, active: int
) -> None:
    pair = beyond_the_bitmap(program(release.file), active)
    swapper = Swapper(pair, 3, adapter(release), count(release))
    swaps = RELEASES[release]
    swapper.wander(swaps + swaps // 6, 10**12)
    proved([swapper], record_property, f"bitmap extension about bin {active}", swaps)
    assert {abs(index) >= 512 for index in read(pair, swapper.program).marked} == {True, False}


@pytest.mark.parametrize("collect", [0, 1])
def test_quotes_of_mints_that_keep_a_fee(
    program: Find, record_property: Record, count: Count, collect: int
) -> None:
    swappers, tried = [], count(DLMM)
    for n, fees in enumerate(FEES.values()):
        pair = stocked(program(DLMM.file), Terms(collect=collect), fees)
        swappers.append(wandered(pair, 70 + n, 380, tried))
    proved(swappers, record_property, f"transfer fees, collect_fee_mode {collect}")


@pytest.mark.parametrize("release", OTHERS, ids=lambda one: one.name)
def test_quotes_of_the_releases_before_limit_orders(
    program: Find, record_property: Record, count: Count, release: Release
) -> None:
    older, tried, swaps = adapter(release), count(release), OTHERS[release]
    swappers = []
    kinds = ((Terms(), ()), (Terms(step=80, base_factor=5_000), ()), (Terms(), FEES["both"]))
    for n, (terms, fees) in enumerate(kinds):
        pair = stocked(program(release.file), terms, fees)
        swappers.append(wandered(pair, 80 + n, 2 * swaps // 5, tried, older))
        # What such a release counts where orders are kept today is nothing to it.
        _scatter(swappers[-1])
        swappers[-1].wander(20, 10**5)
    proved(swappers, record_property, f"release {release.name}", swaps)


@pytest.mark.parametrize("release", RELEASES, ids=lambda one: one.name)
def test_amounts_about_what_drains_bins(
    program: Find, record_property: Record, count: Count, release: Release
) -> None:
    """Before 0.12 a drained bin takes its whole price, and a unit more goes on."""
    trader, tried, swappers = adapter(release), count(release), []
    kinds = ((10, 10_000, 40_000), (80, 5_000, 40_000), (100, 60_000, 0))
    for n, (step, base, control) in enumerate(kinds):
        terms = Terms(step, base, control=control, function=function_of(release))
        swapper = Swapper(stocked(program(release.file), terms), 700 + n, trader, tried)
        for turn in range(35 * RELEASES[release] // 100):
            pool = read(swapper.pair, trader)
            down = turn % 2 == 0
            lengths = [
                segment[4] for segment in pool.segments(pool.mint_a if down else pool.mint_b)
            ]
            drained = sum(lengths[: swapper.rng.randint(1, 4)])
            swapper.swap("exact_in", drained + swapper.rng.randint(-1, 3), down=down)
            swapper.swap("exact_out", swapper.rng.randint(1, 10**9), down=not down)
        swappers.append(swapper)
    mode = f"about what drains bins, {release.name}"
    proved(swappers, record_property, mode, RELEASES[release])


def test_a_quote_at_a_later_time_is_what_the_program_does_then(
    program: Find, record_property: Record, count: Count
) -> None:
    pair = stocked(program(DLMM.file), Terms(function=LIQUIDITY_MINING))
    swapper = Swapper(pair, 90, count=count(DLMM))
    for _ in range(1_050):
        pool, wait = read(pair), swapper.rng.choice((1, 29, 30, 31, 300, 599, 600, 601, 5_000))
        amount, down = swapper.rng.randint(10**4, 10**9), swapper.rng.random() < 0.5
        mint_in = pool.mint_a if down else pool.mint_b
        said = pool.at(pool.time.later(wait, 1)).amount_out(mint_in, amount)
        pair.machine.wait(wait)
        done = swapper.swap("exact_in", amount, down=down)
        assert said == (done.amount_out if done else 0)
        swapper.swap("exact_out", amount // 4, down=not down)
    proved([swapper], record_property, "quoted before, swapped later")


def beyond_the_bitmap(file: Path, active: int) -> Pair:
    """Return a pair whose bins lie about the end of its own bitmap."""
    machine = load(file)
    pair = open_pair(machine, *plain_mints(machine), Terms(step=1), active)
    need_extension(pair)
    for lower in (active - 35, active - 140, active + 60, active - 105, active + 36):
        amount_x = 10**11 if lower + 69 >= active else 0
        provide(pair, lower, 70, amount_x, 10**12 if lower <= active else 0)
    return pair


def _scatter(swapper: Swapper) -> None:
    """Leave a few units, and orders of a few units, in the bins about the active one."""
    dice, pool = swapper.rng, read(swapper.pair, swapper.program)
    known, active = {index for index, _ in pool.arrays}, pool.pair.active_id

    def some() -> int:
        return dice.choice((0, 0, 1, dice.randint(1, 9), dice.randint(1, 10 ** dice.randint(1, 4))))

    bins = []
    for away in range(-6, 7):
        asks = away > 0 or (away == 0 and dice.random() < 0.5)
        x, y = some() if away >= 0 else 0, some() if away <= 0 else 0
        bins.append(Bin(active + away, 0, x, y, some(), some(), asks))
    lay(swapper.pair, (bin_ for bin_ in bins if bin_.id // 70 in known))
