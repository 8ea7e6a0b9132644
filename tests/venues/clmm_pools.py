"""Draws CLMM pools of every spacing and fee, whole ones and such that lack an array."""

from __future__ import annotations

from hypothesis import strategies as st

from cambist.curves.tick_walk_state import FeeRates, TickState
from cambist.curves.ticks import TICK_MAX, sqrt_at_tick
from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC
from cambist.venues.raydium.clmm import ClmmPool
from cambist.venues.raydium.clmm.loaded_tick_arrays import load
from cambist.venues.snapshot import ChainTime
from cambist.venues.tokens import Mint

NOW = ChainTime(Slot(9), 1_790_000_000, 900)
KEYS = [Address(encode(bytes([n]) * 32)) for n in range(1, 9)]
SPACINGS = (1, 10, 60, 120)
HELD = 2**62

taken = st.sampled_from([NO_FEE, NO_FEE, TransferFee(50, 2**63), TransferFee(300, 1_000)])
amounts = st.one_of(st.integers(0, 10**6), st.integers(1, 2**50))
positions = st.lists(
    st.tuples(st.integers(-90, 60), st.integers(1, 150), st.integers(1, 2**50)),
    min_size=1,
    max_size=5,
)


def mint_of(address: Address, fee: TransferFee) -> Mint:
    """Return a mint that keeps this fee."""
    return Mint(address, TOKEN_2022_PROGRAM if fee.bps else TOKEN_PROGRAM, 6, fee)


@st.composite
def clmm_pools(draw: st.DrawFn, *, fees: bool = True) -> ClmmPool:
    """A pool with a few positions, and its price among or beside them."""
    spacing = draw(st.sampled_from(SPACINGS))
    middle = draw(st.sampled_from([-29_900, -18_000, 0, 60, 30_700, 93_000])) // spacing * spacing
    nets: dict[int, int] = {}
    for low, size, liquidity in draw(positions):
        for end, net in ((low, liquidity), (low + size, -liquidity)):
            number = middle + end * spacing
            nets[number] = nets.get(number, 0) + net
    tick = middle + draw(st.integers(-70 * spacing, 70 * spacing))
    low, high = sqrt_at_tick(tick), sqrt_at_tick(tick + 1)
    price = draw(st.one_of(st.just(low), st.integers(low, high - 1)))
    fee = draw(taken) if fees else NO_FEE, draw(taken) if fees else NO_FEE
    return pool_of(
        spacing, nets, TickState(price, tick, sum(net for n, net in nets.items() if n <= tick)),
        FeeRates(draw(st.sampled_from([0, 100, 2_500, 10_000])), 120_000, 40_000), fee,
    )  # fmt: skip


def pool_of(
    spacing: int,
    nets: dict[int, int],
    tick_state: TickState,
    rates: FeeRates,
    fees: tuple[TransferFee, TransferFee] = (NO_FEE, NO_FEE),
) -> ClmmPool:
    """Return a pool with these ticks, all arrays at hand."""
    numbers = tuple(sorted(nets))
    assert numbers[0] >= -TICK_MAX
    assert numbers[-1] <= TICK_MAX
    return ClmmPool(
        KEYS[0],
        mint_of(SOL.mint, fees[0]),
        mint_of(USDC.mint, fees[1]),
        KEYS[1],
        KEYS[2],
        HELD,
        HELD,
        KEYS[3],
        rates,
        KEYS[4],
        tick_state,
        load(spacing, nets),
        0,
        0,
        NOW,
    )
