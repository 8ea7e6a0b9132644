"""Makes the pools that fuzzing begins with: of every program, with what their releases can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from bench.sample_pools import NOW, made, many_ticks, named, site
from cambist.curves.damm_v2_dynamic_fee import STEP
from cambist.curves.tick_walk_state import ClmmVolatility, Release2026Features, TickOrders
from cambist.curves.transfer_fee import TransferFee
from cambist.values.program_address import TOKEN_2022_PROGRAM
from cambist.venues.meteora.damm_v1.pool import pool_at as damm_v1_at
from cambist.venues.meteora.damm_v2.pool import pool_at
from cambist.venues.meteora.dlmm.program import Dlmm
from cambist.venues.program import Program
from cambist.venues.raydium.clmm import clmm_program
from cambist.venues.raydium.cpmm import cpmm_program
from cambist.venues.registry import PROGRAMS
from cambist.venues.tokens import FeeChange, Mint

REACH: Final = 12
"""Bins left on either side: walking through hundreds takes long, and finds no more."""
TAX: Final = TransferFee(50, 10**6)
CHANGE: Final = FeeChange(TAX, TransferFee(300, 10**9), NOW.epoch + 1)
_MORE: Final[dict[str, list[Program[Any]]]] = {
    "clmm": [clmm_program(renewed=True, checked=True)],
    "cpmm": [cpmm_program("2025-02"), cpmm_program("2026-04")],
    "dlmm": [Dlmm(orders=False)],
}


def programs(name: str) -> list[Program[Any]]:
    """Return the adapters of a program: as it is, and as other releases are read."""
    return [PROGRAMS[name], *_MORE.get(name, [])]


def seeds(name: str) -> list[Any]:
    """Return pools of a program, plain ones first."""
    return _SEEDS[name]([made(name, site("deep", 10**8)), made(name, site("shallow", 1))])


def _taxed(mint: Mint) -> Mint:
    return replace(mint, token_program=TOKEN_2022_PROGRAM, fee=TAX, change=CHANGE)


def _amm_v4(plain: list[Any]) -> list[Any]:
    empty = replace(plain[0], reserve_a=0)
    return [*plain, empty, replace(plain[0], status=7, opens_s=NOW.unix_s + 1)]


def _cpmm(plain: list[Any]) -> list[Any]:
    pool = plain[0]
    rates = replace(pool.rates, protocol=120_000, fund=40_000, creator=500, creator_side="mint_b")
    taxed = replace(pool, token_a=_taxed(pool.token_a), token_b=_taxed(pool.token_b))
    empty = replace(pool, reserve_a=0)
    return [*plain, taxed, empty, replace(pool, rates=rates, owed=(10**6, 10**6))]


def _clmm(plain: list[Any]) -> list[Any]:
    pool = many_ticks(site("many ticks", 10**5))
    taxed = replace(pool, token_a=_taxed(pool.token_a), token_b=_taxed(pool.token_b))
    at = pool.tick_state.tick // pool.shelf.spacing
    moving = ClmmVolatility(30, 600, 5_000, 50_000, 350_000, at, 1_000, 2_000, NOW.unix_s - 60)
    orders = tuple(
        (number, TickOrders(10**6, 10**3)) for number in pool.shelf.ticks.numbers[220:260:2]
    )
    renewed = replace(pool, renewal=Release2026Features(1, moving, orders))
    return [*plain, pool, taxed, renewed]


def _dlmm(plain: list[Any]) -> list[Any]:
    few = [_few_bins(pool) for pool in plain]
    pool = few[0]
    pair = replace(pool.pair, flag_x=1, flag_y=1, protocol_share_bps=500)
    taxed = replace(pool, pair=pair, x=_taxed(pool.x), y=_taxed(pool.y))
    moving = replace(
        pool.pair, variable_fee_control=40_000, volatility_max=350_000, volatility=10_000,
        filter_s=30, decay_s=600, reduction_bps=5_000, updated_s=NOW.unix_s - 60, function=2,
        collect_fee_mode=1,
    )  # fmt: skip
    arrays = tuple(
        (index, tuple(bin_._replace(open_orders=10**6, begun_orders=10**3) for bin_ in bins))
        for index, bins in pool.arrays
    )
    return [*few, taxed, replace(pool, pair=moving, arrays=arrays, extended=True)]


def _few_bins(pool: Any) -> Any:
    here = pool.pair.active_id
    arrays = tuple(
        (index, tuple(bin_ for bin_ in bins if abs(bin_.id - here) <= REACH))
        for index, bins in pool.arrays
    )
    return replace(pool, arrays=arrays)


def _damm_v2(plain: list[Any]) -> list[Any]:
    pool = plain[0]
    some = [pool.state]
    some += [replace(pool.state, collect=one) for one in (1, 2)]
    some.append(replace(pool.state, flag_a=1, flag_b=1))
    moving = replace(
        pool.state, volatile=1, most=14_460_000, control=10_000, bin_bps=1, filter_s=10,
        decay_s=120, kept_bps=5_000, updated_s=NOW.unix_s - 50, bin_step=STEP,
        reference=pool.state.price, protocol_percent=20, collect=1,
    )  # fmt: skip
    paces = (60, 60, 43_200 | 5_000 << 32, 50 | 10**5 << 32, 50 | 10**5 << 32)
    some += [
        replace(moving, mode=mode, count=10, pace=pace, change=100)
        for mode, pace in enumerate(paces)
    ]
    found = [*plain]
    for state in some[1:]:
        mints = (_taxed(pool.a), _taxed(pool.b)) if state.flag_a else (pool.a, pool.b)
        found.append(pool_at(pool.address, state, mints, pool.time))
    return found


def _damm_v1(plain: list[Any]) -> list[Any]:
    pool, found = plain[0], [*plain]
    stable = replace(pool.state, curve=1, amp=100, scale_a=1, scale_b=1_000)
    for depeg in range(4):
        state = replace(stable, depeg=depeg, stake=named("a stake"), priced_s=NOW.unix_s - 599)
        state = replace(state, stake_price=1_200_000 if depeg else 0)
        price = 1_250_000 if depeg else None
        vaults = pool.vault_a, pool.vault_b
        found.append(damm_v1_at(pool.address, state, vaults, pool.time, price))
    return found


_SEEDS: Final[dict[str, Callable[[list[Any]], list[Any]]]] = {
    "amm_v4": _amm_v4,
    "cpmm": _cpmm,
    "clmm": _clmm,
    "dlmm": _dlmm,
    "damm_v2": _damm_v2,
    "damm_v1": _damm_v1,
}
