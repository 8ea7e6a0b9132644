"""Reads and writes the account of a pool of Meteora's DAMM v2, and refuses impossible ones."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from cambist.curves import fee_schedule, single_range
from cambist.curves.damm_v2_dynamic_fee import STEP, DammV2Volatility, VolatilityRules
from cambist.values.amount import BPS_ONE, RAW_MAX
from cambist.values.ids import Address
from cambist.venues.layout import Layout
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected

PROGRAM: Final = Address("cpamdpZCGKUy5JxQXB4dcpGPiikHawvSWAd6mEn1sGG")
POOL_BYTES: Final = 1112
MAGIC: Final = bytes.fromhex("f19a6d0411b16dbc")

BOTH, ONLY_B, COMPOUNDING = 0, 1, 2
TIME_LINEAR, TIME_EXPONENTIAL, LIMITER, PRICE_LINEAR, PRICE_EXPONENTIAL = range(5)
BY_SLOT, BY_TIME = 0, 1
FEE_CAPS: Final = (500_000_000, 990_000_000)
"""The most a fee may be, over 10^9, by the pool's fee version."""

PROTOCOL_PERCENT_MAX: Final = 50

_PRICE_MIN: Final = 4_295_048_016
_PRICE_MAX: Final = 79_226_673_521_066_979_257_578_248_091
_RATIO_MIN, _RATIO_MAX = 1 << 32, 1 << 96
"""Where the root of a ratio of two reserves lies, times 2^64."""

_LIMITER_RATE: Final = 100_000
"""One basis point as a numerator over 10^9."""


class DammV2PoolAccount(msgspec.Struct, frozen=True, gc=False):
    """The fields of a pool's account that play a part in swaps.

    The base fee's numbers mean, by its mode: `count` the periods (or the limiter's increment in
    bps), `pace` the seconds or slots of a period (or two halves: the price step in bps or the
    limiter's duration, then the scheduler's duration or the limiter's most in bps), `change` the
    reduction of a period (or the limiter's reference amount).
    """

    cliff: int
    mode: int
    count: int
    pace: int
    change: int
    protocol_percent: int
    compounding_bps: int
    volatile: int
    most: int
    control: int
    bin_bps: int
    filter_s: int
    decay_s: int
    kept_bps: int
    updated_s: int
    bin_step: int
    reference: int
    now: int
    left: int
    first_price: int
    mint_a: Address
    mint_b: Address
    vault_a: Address
    vault_b: Address
    liquidity: int
    protocol_a: int
    protocol_b: int
    price_min: int
    price_max: int
    price: int
    opens_at: int
    clock: int
    status: int
    flag_a: int
    flag_b: int
    collect: int
    fee_version: int
    reserve_a: int
    reserve_b: int
    layout_version: int

    @property
    def paces(self) -> tuple[int, int]:
        """The two halves of `pace`."""
        return self.pace & 0xFFFF_FFFF, self.pace >> 32

    @property
    def volatility(self) -> DammV2Volatility:
        """What the dynamic fee remembers."""
        return DammV2Volatility(self.updated_s, self.reference, self.now, self.left)

    @property
    def rules(self) -> VolatilityRules:
        """How the dynamic fee counts."""
        return VolatilityRules(self.filter_s, self.decay_s, self.kept_bps, self.most, self.control)


LAYOUT: Final = Layout(
    DammV2PoolAccount,
    POOL_BYTES,
    {
        "cliff": (8, "u64"),
        "mode": (16, "u8"),
        "count": (22, "u16"),
        "pace": (24, "u64"),
        "change": (32, "u64"),
        "protocol_percent": (48, "u8"),
        "compounding_bps": (54, "u16"),
        "volatile": (56, "u8"),
        "most": (64, "u32"),
        "control": (68, "u32"),
        "bin_bps": (72, "u16"),
        "filter_s": (74, "u16"),
        "decay_s": (76, "u16"),
        "kept_bps": (78, "u16"),
        "updated_s": (80, "u64"),
        "bin_step": (88, "u128"),
        "reference": (104, "u128"),
        "now": (120, "u128"),
        "left": (136, "u128"),
        "first_price": (152, "u128"),
        "mint_a": (168, "key"),
        "mint_b": (200, "key"),
        "vault_a": (232, "key"),
        "vault_b": (264, "key"),
        "liquidity": (360, "u128"),
        "protocol_a": (392, "u64"),
        "protocol_b": (400, "u64"),
        "price_min": (424, "u128"),
        "price_max": (440, "u128"),
        "price": (456, "u128"),
        "opens_at": (472, "u64"),
        "clock": (480, "u8"),
        "status": (481, "u8"),
        "flag_a": (482, "u8"),
        "flag_b": (483, "u8"),
        "collect": (484, "u8"),
        "fee_version": (486, "u8"),
        "reserve_a": (680, "u64"),
        "reserve_b": (688, "u64"),
        "layout_version": (696, "u8"),
    },
    MAGIC,
)


def read_state(account: Account) -> DammV2PoolAccount:
    """Return a pool's fields. Raises PoolRejected for what no release of the program writes.

    Pools from before release 0.2 do not count their reserves; they are computed here as that
    release computes them at a pool's next swap.
    """
    if len(account.data) != POOL_BYTES:
        raise PoolRejected(RejectReason.WRONG_SIZE, f"{len(account.data)} bytes, not {POOL_BYTES}")
    state = LAYOUT.read(account.data)
    _check_kinds(state)
    _check_fees(state)
    _check_dynamic_fee(state)
    _check_prices(state)
    if not state.layout_version:
        state = _counted(state)
    return state


def _check_kinds(state: DammV2PoolAccount) -> None:
    if state.layout_version > 1 or state.collect > COMPOUNDING or state.mode > PRICE_EXPONENTIAL:
        raise PoolRejected(RejectReason.RELEASE_NOT_CHECKED)
    _allow(state.fee_version < len(FEE_CAPS), "fee version")
    _allow(state.clock <= BY_TIME, "activation type")
    _allow(state.flag_a <= 1 and state.flag_b <= 1, "token flag")
    _allow(state.mint_a != state.mint_b, "two equal mints")
    _allow(state.volatile <= 1, "dynamic fee")


def _check_fees(state: DammV2PoolAccount) -> None:
    """Refuse fees for which the program's arithmetic has no answer at some time or price."""
    _allow(state.cliff <= FEE_CAPS[-1], "fee")
    # A half each: so no swap's share makes the sum overflow.
    _allow(state.protocol_percent <= PROTOCOL_PERCENT_MAX, "protocol fee")
    _allow(max(state.protocol_a, state.protocol_b) <= RAW_MAX >> 1, "protocol fees kept")
    if state.collect == COMPOUNDING:
        _allow(state.compounding_bps <= BPS_ONE and state.layout_version == 1, "compounding")
    else:
        _allow(not state.compounding_bps, "compounding fee")
    if state.mode == LIMITER:
        _check_limiter(state)
        return
    if state.mode in {PRICE_LINEAR, PRICE_EXPONENTIAL}:
        _allow(state.paces[0] > 0 and state.first_price > 0, "price step")
        _allow(state.opens_at + state.paces[1] <= RAW_MAX, "activation point")
    elif not state.pace:
        return
    by = fee_schedule.linear if state.mode in {TIME_LINEAR, PRICE_LINEAR} else (
        fee_schedule.exponential
    )  # fmt: skip
    try:
        by(state.cliff, state.change, state.count)
    except ValueError as error:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, str(error)) from error


def _check_limiter(state: DammV2PoolAccount) -> None:
    parts = (state.count, *state.paces, state.change)
    if not any(parts):
        return
    most = state.paces[1] * _LIMITER_RATE
    _allow(all(parts) and state.cliff <= most <= FEE_CAPS[-1], "rate limiter")
    _allow(state.collect == ONLY_B, "rate limiter")


def _check_dynamic_fee(state: DammV2PoolAccount) -> None:
    if state.volatile:
        _allow(state.bin_bps == 1 and state.bin_step == STEP, "bin step")
        _allow(max(state.now, state.left) >> 32 == 0, "volatility")
        known = not state.reference or _RATIO_MIN <= state.reference < _RATIO_MAX
        _allow(known, "reference price")


def _check_prices(state: DammV2PoolAccount) -> None:
    if not state.liquidity:
        raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY, "no liquidity")
    if state.collect == COMPOUNDING:
        _allow(_RATIO_MIN <= state.price < _RATIO_MAX, "price")
        _allow(state.reserve_a > 0 and state.reserve_b > 0, "reserve")
    else:
        low, high = state.price_min, state.price_max
        _allow(_PRICE_MIN <= low <= state.price <= high <= _PRICE_MAX, "price")


def _counted(state: DammV2PoolAccount) -> DammV2PoolAccount:
    liquidity, price = state.liquidity, state.price
    reserve_a = single_range.amount_a_ceil(liquidity, price, state.price_max)
    reserve_b = single_range.amount_b_ceil(liquidity, state.price_min, price)
    _allow(max(reserve_a, reserve_b) <= RAW_MAX, "reserve")
    return replace(state, reserve_a=reserve_a, reserve_b=reserve_b, layout_version=1)


def _allow(sound: object, what: str) -> None:
    if not sound:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, what)
