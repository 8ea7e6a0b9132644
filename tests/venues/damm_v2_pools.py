"""Draws pools of Meteora's DAMM v2: every fee mode, range and clock that the program can make."""

from __future__ import annotations

from math import isqrt
from typing import Final

from hypothesis import strategies as st

from cambist.curves import single_range
from cambist.curves.damm_v2_dynamic_fee import STEP
from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC
from cambist.venues.meteora.damm_v2 import DammV2Pool
from cambist.venues.meteora.damm_v2.accounts import (
    COMPOUNDING,
    LIMITER,
    ONLY_B,
    PRICE_EXPONENTIAL,
    TIME_EXPONENTIAL,
    DammV2PoolAccount,
)
from cambist.venues.meteora.damm_v2.pool import pool_at
from cambist.venues.snapshot import ChainTime
from cambist.venues.tokens import Mint

NOW: Final = ChainTime(Slot(400_000_000), 1_790_000_000, 900)
A, B = SOL.mint, USDC.mint
KEYS: Final = [Address(encode(bytes([n]) * 32)) for n in range(1, 4)]
PRICE_MIN: Final = 4_295_048_016
PRICE_MAX: Final = 79_226_673_521_066_979_257_578_248_091

transfers = st.sampled_from([NO_FEE, NO_FEE, TransferFee(50, 2**63), TransferFee(300, 1_000)])


@st.composite
def base_fees(draw: st.DrawFn, mode: int) -> tuple[int, int, int, int]:
    """Draw the cliff, the count, the pace and the change of a mode."""
    cliff = draw(st.integers(100_000, 990_000_000))
    if mode == LIMITER:
        if draw(st.booleans()):
            return cliff, 0, 0, 0
        most = draw(st.integers(-(-cliff // 100_000), 9_900))
        pace = draw(st.sampled_from([1_000, 43_200])) | most << 32
        return cliff, draw(st.integers(1, 9_999)), pace, draw(st.integers(1, 10**12))
    count = draw(st.integers(1, 2_000))
    change = (
        draw(st.integers(1, 100))
        if mode in {TIME_EXPONENTIAL, PRICE_EXPONENTIAL}
        else draw(st.integers(0, cliff // count))
    )
    if mode < LIMITER:
        return cliff, count, draw(st.sampled_from([0, 1, 60, 86_400])), change
    return cliff, count, draw(st.integers(1, 500)) | draw(st.integers(0, 10**6)) << 32, change


@st.composite
def states(draw: st.DrawFn, collects: tuple[int, ...], modes: tuple[int, ...]) -> DammV2PoolAccount:
    """Draw the fields of a pool."""
    mode = draw(st.sampled_from(modes))
    collect = ONLY_B if mode == LIMITER else draw(st.sampled_from(collects))
    cliff, count, pace, change = draw(base_fees(mode))
    low, price, high = sorted(draw(st.integers(PRICE_MIN, PRICE_MAX)) for _ in range(3))
    if draw(st.booleans()):
        low, high = PRICE_MIN, PRICE_MAX
        price = draw(st.integers(2**60, 2**68))
    liquidity = draw(st.integers(1, 2**100))
    reserve_a, reserve_b = draw(st.integers(1, 2**60)), draw(st.integers(1, 2**60))
    if collect == COMPOUNDING:
        price, low, high = isqrt((reserve_b << 128) // reserve_a), 0, 2**128 - 1
    else:
        reserve_a = min(single_range.amount_a_ceil(liquidity, price, high), 2**63)
        reserve_b = min(single_range.amount_b_ceil(liquidity, low, price), 2**63)
    volatile = draw(st.booleans())
    first = draw(st.sampled_from([max(price * 9 // 10, 1), price, price * 2]))
    return DammV2PoolAccount(
        cliff, mode, count, pace, change, draw(st.sampled_from([0, 20, 50])),
        draw(st.integers(0, 10_000)) if collect == COMPOUNDING else 0,
        int(volatile), 14_460_000, draw(st.integers(0, 2**24 - 1)), 1, 10, 120, 5_000,
        NOW.unix_s - draw(st.integers(0, 200)), STEP, price if volatile else 0,
        draw(st.integers(0, 14_460_000)), draw(st.integers(0, 14_460_000)), first, A, B,
        KEYS[1], KEYS[2], liquidity, draw(st.integers(0, 2**40)), draw(st.integers(0, 2**40)),
        low, high, price, NOW.unix_s - draw(st.integers(-1, 10**5)), 1, 0, 0, 0, collect,
        draw(st.sampled_from([0, 1])), reserve_a, reserve_b, 1,
    )  # fmt: skip


def pools(
    collects: tuple[int, ...] = (0, 1, 2),
    modes: tuple[int, ...] = (0, 1, 2, 3, 4),
    taxes: st.SearchStrategy[TransferFee] = transfers,
) -> st.SearchStrategy[DammV2Pool]:
    """Draw pools of these collect modes and base fee modes."""

    def made(state: DammV2PoolAccount, a: TransferFee, b: TransferFee) -> DammV2Pool:
        mints = (_mint(A, a), _mint(B, b))
        flags = [int(mint.token_program == TOKEN_2022_PROGRAM) for mint in mints]
        flagged = {"flag_a": flags[0], "flag_b": flags[1]}
        whole = DammV2PoolAccount(
            **{name: getattr(state, name) for name in state.__struct_fields__} | flagged
        )
        return pool_at(KEYS[0], whole, mints, NOW)

    return st.builds(made, states(collects, modes), taxes, taxes)


def _mint(address: Address, fee: TransferFee) -> Mint:
    return Mint(address, TOKEN_2022_PROGRAM if fee.bps else TOKEN_PROGRAM, 6, fee)
