"""Hold swaps through as many arrays as are asked for to the compiled programs, to the unit."""

from __future__ import annotations

from typing import Final

import pytest
from msgspec.structs import replace

from cambist.curves.ticks import sqrt_at_tick
from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.venues.meteora.dlmm import DlmmPool
from cambist.venues.meteora.dlmm.accounts import BINS_PER_ARRAY, Bin
from cambist.venues.meteora.dlmm.program import ARRAYS_EACH_WAY
from cambist.venues.raydium.clmm import ClmmPool
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected
from tests.onchain.clmm_site import Find, Plan, Site, build
from tests.onchain.counts import Count
from tests.onchain.dlmm_pairs import Pair, Terms, lay, load, open_pair, plain_mints, provide
from tests.onchain.dlmm_swaps import Swapper, read
from tests.onchain.releases import CLMM, DLMM, Release
from tests.onchain.test_dlmm import RELEASES, adapter

pytestmark = pytest.mark.timeout(600)

MODES: Final[tuple[SwapMode, ...]] = ("exact_in", "exact_out")
ACTIVE: Final = 34
FEES: Final = {
    "spl": (NO_FEE, NO_FEE),
    "both": (TransferFee(37, 5_000), TransferFee(500, 10**15)),
}


def wide_pair(program: Find, release: Release) -> Pair:
    """Return a pair with three bins of market makers in each of many arrays either way."""
    machine = load(program(release.file))
    pair = open_pair(machine, *plain_mints(machine), Terms(), ACTIVE)
    for index in range(-ARRAYS_EACH_WAY, ARRAYS_EACH_WAY + 1):
        x, y = 10**6 if index >= 0 else 0, 10**6 if index <= 0 else 0
        provide(pair, BINS_PER_ARRAY * index + ACTIVE - 1, 3, x, y)
    return pair


def within_reach(pool: DlmmPool, *, down: bool) -> int:
    """Return what the arrays hold that one swap may go through."""
    active, near = pool.pair.active_id, pool.marked_ahead(down=down)[:ARRAYS_EACH_WAY]
    bins = [bin_ for index, held in pool.arrays if index in near for bin_ in held]
    ahead = [bin_ for bin_ in bins if (bin_.id <= active if down else bin_.id >= active)]
    orders = sum(bin_.begun_orders + bin_.open_orders for bin_ in ahead if bin_.asks != down)
    return orders + sum(bin_.y if down else bin_.x for bin_ in ahead)


@pytest.mark.parametrize("release", RELEASES, ids=lambda one: one.name)
def test_a_swap_through_sixteen_bin_arrays_is_equal_to_its_quote(
    program: Find, count: Count, release: Release
) -> None:
    pair = wide_pair(program, release)
    swapper = Swapper(pair, 1, adapter(release), count(release))
    for down in (True, False, True, False):
        pool = read(pair, swapper.program)
        swap = swapper.swap("exact_out", within_reach(pool, down=down) - 1, down=down)
        assert swap is not None
        assert len(swap.touched) == ARRAYS_EACH_WAY
    swapper.wander(60, 10**8)


def test_as_many_bins_as_a_transaction_pays_for_are_gone_through_in_sixteen_arrays(
    program: Find, count: Count
) -> None:
    """Beside the three bins of each array, four with limit orders: nearly what is affordable."""
    for down in (True, False):
        pair = wide_pair(program, DLMM)
        way = -1 if down else 1
        bins = [
            BINS_PER_ARRAY * way * index + ACTIVE + way * at
            for index in range(ARRAYS_EACH_WAY)
            for at in (5, 12, 19, 26)
        ]
        held = (0, 900) if down else (900, 0)
        lay(pair, [Bin(bin_, 0, *held, 1_000, 1_000, not down) for bin_ in bins])
        swapper = Swapper(pair, 1, count=count(DLMM))
        whole = within_reach(read(pair), down=down)
        swap = swapper.swap("exact_out", whole, down=down)
        assert swap is not None
        assert len(swap.touched) == ARRAYS_EACH_WAY


def stepped(program: Find, fees: tuple[TransferFee, TransferFee]) -> Site:
    """Return a pool with a tick in each quarter of an array, of many arrays either way."""
    ranges = tuple(
        (15 * number, 15 * number + 15, 10**9 + 7_000 * number) for number in range(-70, 70)
    )
    return build(program, Plan(1, 100, sqrt_at_tick(0) + 5, ranges, fees))


@pytest.mark.parametrize("fees", FEES.values(), ids=FEES)
def test_a_swap_through_sixteen_tick_arrays_is_equal_to_its_quote(
    program: Find, fees: tuple[TransferFee, TransferFee], count: Count
) -> None:
    """Over as many ticks as one transaction can pay for; what goes further is refused."""
    site, tried = stepped(program, fees), count(CLMM)
    for down in (True, False, True, False):
        pool = site.read()
        mint = pool.mint_a if down else pool.mint_b
        for mode in MODES:
            last = furthest(pool, mint, mode)
            with pytest.raises(PoolRejected) as refused:
                pool.swap(mint, mode, 2 * last)
            assert refused.value.refusal is RejectReason.TOO_FAR
            trade = replace(
                site.trade(pool, mint, mode, last),
                amount=2 * last,
                arrays=pool.ahead(mint),
            )
            tried.refused(RejectReason.TOO_FAR, site.swap(trade).ok)
        mode = MODES[down]
        last = furthest(pool, mint, mode)
        swap = pool.swap(mint, mode, last)
        assert len(swap.touched) >= 16
        with tried.quoted():
            site.agree(pool, replace(site.trade(pool, mint, mode, last), arrays=swap.touched), swap)


def furthest(pool: ClmmPool, mint: Address, mode: SwapMode) -> int:
    """Return the greatest amount of as many steps as are allowed."""
    fast = pool.amount_out if mode == "exact_in" else pool.amount_in
    low, high = 1, 1 << 62
    while low < high:
        middle = low + high + 1 >> 1
        low, high = (middle, high) if fast(mint, middle) else (low, middle - 1)
    return low
