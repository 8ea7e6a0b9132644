"""Draws DLMM pairs as the program leaves them: Y and bids below the active bin, X, asks above."""

from __future__ import annotations

from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.curves.bins import price_at
from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC
from cambist.venues.meteora.dlmm import DlmmPool
from cambist.venues.meteora.dlmm.accounts import Bin, DlmmPairAccount
from cambist.venues.snapshot import ChainTime
from cambist.venues.tokens import Mint

NOW = ChainTime(Slot(9), 1_790_000_000, 900)
X, Y = SOL.mint, USDC.mint
KEYS = [Address(encode(bytes([n]) * 32)) for n in range(1, 9)]
NOBODY = Address(encode(bytes(32)))

held = st.one_of(st.integers(0, 20), st.integers(0, 10**6), st.integers(0, 10**15))
orders = st.one_of(st.just(0), held)
taken = st.sampled_from([NO_FEE, TransferFee(50, 2**63), TransferFee(300, 1_000)])


def mint(address: Address, fee: TransferFee = NO_FEE) -> Mint:
    """Return a mint of six decimals."""
    return Mint(address, TOKEN_2022_PROGRAM if fee.bps else TOKEN_PROGRAM, 6, fee)


PLAIN = DlmmPairAccount(
    base_factor=10_000,
    filter_s=30,
    decay_s=600,
    reduction_bps=5_000,
    variable_fee_control=40_000,
    volatility_max=350_000,
    bin_min=-40_000,
    bin_max=40_000,
    protocol_share_bps=500,
    base_fee_power=0,
    function=2,
    collect_fee_mode=0,
    volatility=0,
    volatility_reference=0,
    index_reference=0,
    updated_s=NOW.unix_s,
    pair_type=3,
    active_id=0,
    bin_step=10,
    status=0,
    activation_type=0,
    mint_x=X,
    mint_y=Y,
    reserve_x=KEYS[1],
    reserve_y=KEYS[2],
    protocol_fee_x=0,
    protocol_fee_y=0,
    reward_mint_1=NOBODY,
    reward_mint_2=NOBODY,
    oracle=KEYS[3],
    activation_point=0,
    flag_x=0,
    flag_y=0,
)


def plain_pool(*bins: Bin, **changes: int) -> DlmmPool:
    """Return a pair of these bins of array 0 and below; it costs 1 in 1,000 and volatility."""
    found: dict[int, list[Bin]] = {}
    for bin_ in sorted(bins):
        found.setdefault(bin_.id // 70, []).append(bin_)
    arrays = tuple((index, tuple(held)) for index, held in found.items())
    pair = replace(PLAIN, **changes)
    return DlmmPool(KEYS[0], pair, mint(X), mint(Y), arrays, tuple(found), False, NOW)


@st.composite
def pairs(draw: st.DrawFn, active: int, *, fixed_fee: bool = False) -> DlmmPairAccount:
    """Draw the numbers of a pair."""
    volatility = draw(st.integers(0, 400_000))
    return replace(
        PLAIN,
        base_factor=draw(st.sampled_from([0, 10_000, 60_000])),
        variable_fee_control=0 if fixed_fee else draw(st.sampled_from([0, 40_000, 2_000_000])),
        function=draw(st.sampled_from([0, 2])),
        collect_fee_mode=draw(st.sampled_from([0, 1])),
        volatility=volatility,
        volatility_reference=volatility // 2,
        index_reference=active + draw(st.integers(-5, 5)),
        updated_s=NOW.unix_s - draw(st.sampled_from([0, 29, 30, 599, 600])),
        active_id=active,
        # So far out only the smallest step has prices.
        bin_step=1 if abs(active) > 1_000 else draw(st.sampled_from([1, 10, 100])),
        protocol_fee_x=draw(st.integers(0, 10**6)),
    )


@st.composite
def pools(draw: st.DrawFn, *, fees: bool = True, fixed_fee: bool = False) -> DlmmPool:
    """Draw a pair with up to 14 bins about the active one, in up to three arrays."""
    active = draw(st.sampled_from([-701, -70, -1, 0, 69, 700, -35_840, 35_838]))
    pair = draw(pairs(active, fixed_fee=fixed_fee))
    x = mint(X, draw(taken) if fees else NO_FEE)
    y = mint(Y, draw(taken) if fees else NO_FEE)
    bins: dict[int, list[Bin]] = {}
    for away in sorted(draw(st.sets(st.integers(-75, 75), min_size=1, max_size=14))):
        asks = away > 0 or (not away and draw(st.booleans()))
        begun, open_ = draw(orders), draw(orders)
        bin_id = active + away
        one = Bin(
            bin_id,
            price_at(bin_id, pair.bin_step),
            draw(held) if away >= 0 else 0,
            draw(held) if away <= 0 else 0,
            begun,
            open_,
            asks and bool(begun or open_),
        )
        if one.x or one.y or begun or open_:
            bins.setdefault(bin_id // 70, []).append(one)
    arrays = tuple((index, tuple(held)) for index, held in sorted(bins.items()))
    marked = tuple(sorted(bins))
    extended = any(not -512 <= index < 512 for index in marked) or draw(st.booleans())
    pair = replace(pair, flag_x=int(x.fee.bps > 0), flag_y=int(y.fee.bps > 0))
    return DlmmPool(KEYS[0], pair, x, y, arrays, marked, extended, NOW)
