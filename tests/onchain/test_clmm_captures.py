"""Hold CLMM quotes to swaps of the main chain that were captured with the accounts before them."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM, key_bytes
from cambist.values.route import SwapMode
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC
from cambist.venues.pool import SwapResult
from cambist.venues.program import SwapParams
from cambist.venues.raydium.clmm import CLMM, ClmmPool, tick_array_bitmap
from cambist.venues.raydium.clmm.accounts import (
    CONFIG,
    EXTENSION,
    POOL,
    BitmapExtensionAccount,
    ClmmConfigAccount,
)
from cambist.venues.raydium.clmm.tick_arrays import array_address, extension_address
from cambist.venues.snapshot import Account, ChainTime, Snapshot
from cambist.venues.tokens import Mint, write_balance, write_mint
from tests.onchain.clmm_site import Find, Site
from tests.onchain.machine import Machine, discriminator

FOUND_MIN = 5
HELD = 10**17
MINTS = (Mint(SOL.mint, TOKEN_PROGRAM, 9), Mint(USDC.mint, TOKEN_PROGRAM, 6))


def swaps(captures: Callable[[str], list[Path]]) -> list[Path]:
    """Return the captured swaps, without what describes their pool."""
    return [
        capture for capture in captures("raydium_clmm_sol_usdc") if capture.name.startswith("swap_")
    ]


def accounts_of(capture: dict[str, Any]) -> Iterator[Account]:
    """Yield the pool's accounts as captured, and as they were known to be where they were not.

    A capture holds only the arrays that the swap changed. Where that of the price is not among
    them the swap met no tick in it, and its bit is cleared so that nobody looks for one.
    """
    pool = Address(capture["pool_address"])
    data = b64decode(capture["pool_b64"])
    state = POOL.read(data)
    arrays = [
        Account(Address(one["address"]), CLMM.id, b64decode(one["data_b64"]))
        for one in capture["tick_arrays"]
    ]
    yield from arrays
    start = tick_array_bitmap.start_of(state.tick, state.spacing)
    inline = state.bits
    if array_address(pool, start) not in {array.address for array in arrays}:
        bits = tick_array_bitmap.join(inline, tick_array_bitmap.NO_EXTENSION)
        inline, _ = tick_array_bitmap.split(
            tick_array_bitmap.with_bit(bits, start, state.spacing, on=False)
        )
    yield Account(pool, CLMM.id, data[:904] + inline + data[1032:])
    config = CONFIG.write(ClmmConfigAccount(120_000, 400, state.spacing, 40_000))
    yield Account(state.config, CLMM.id, config)
    beyond = EXTENSION.write(BitmapExtensionAccount(pool, tick_array_bitmap.NO_EXTENSION))
    yield Account(extension_address(pool), CLMM.id, beyond)
    for mint, vault in zip(MINTS, (state.vault_a, state.vault_b), strict=True):
        yield write_mint(mint)
        yield write_balance(vault, mint, pool, HELD)
    seen = discriminator("account", "ObservationState") + bytes(11) + key_bytes(pool)
    yield Account(state.observation, CLMM.id, seen.ljust(4_483, b"\0"))


def quoted(pool: ClmmPool, swap: dict[str, Any]) -> SwapResult:
    """Return what the captured swap does in the pool."""
    mint_in = pool.mint_a if swap["zero_for_one"] else pool.mint_b
    mode: SwapMode = "exact_in" if swap["is_base_input"] else "exact_out"
    limit = int(swap["sqrt_price_limit_x64"])
    if limit:
        return pool.swap_until(mint_in, mode, swap["amount"], limit)
    return pool.swap(mint_in, mode, swap["amount"])


def test_captured_swaps_are_quoted_to_the_unit(captures: Callable[[str], list[Path]]) -> None:
    found = swaps(captures)
    for path in found:
        capture = json.loads(path.read_text())
        swap = capture["swap"]
        time = ChainTime(Slot(swap["slot"]), swap["block_time"], 900)
        accounts = {one.address: one for one in accounts_of(capture)}
        pool = CLMM.decode(Address(capture["pool_address"]), Snapshot(accounts, time))
        done = quoted(pool, swap)
        moved = swap["observed_amount_in"], swap["observed_amount_out"]
        assert (done.amount_in, done.amount_out) == moved, path.name
    assert len(found) >= FOUND_MIN


def test_the_program_does_captured_swaps_as_the_main_chain_did(
    program: Find, captures: Callable[[str], list[Path]]
) -> None:
    for path in swaps(captures):
        capture = json.loads(path.read_text())
        swap = capture["swap"]
        machine = Machine(ChainTime(Slot(swap["slot"]), swap["block_time"], 900))
        machine.load(CLMM.id, program("raydium_clmm"))
        accounts = list(accounts_of(capture))
        for account in accounts:
            machine.put(account)
        site = Site(
            machine,
            Address(capture["pool_address"]),
            {one.address: machine.fund(one, 10**15) for one in MINTS},
        )
        pool = CLMM.decode(site.pool, machine.snapshot(account.address for account in accounts))
        done = quoted(pool, swap)
        given, taken = (
            (pool.mint_a, pool.mint_b) if swap["zero_for_one"] else (pool.mint_b, pool.mint_a)
        )
        mode: SwapMode = "exact_in" if swap["is_base_input"] else "exact_out"
        ends = site.own[given], site.own[taken]
        trade = SwapParams(machine.payer, *ends, given, mode, swap["amount"], 0, done.touched)
        site.agree(pool, trade, done, int(swap["sqrt_price_limit_x64"]))
