"""Builds CLMM pools on a machine with the program's own instructions, and swaps in them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace
from solders.keypair import Keypair

from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.ids import Address
from cambist.values.program_address import (
    ASSOCIATED_TOKEN_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token,
    key_bytes,
    program_address,
)
from cambist.values.route import SwapMode
from cambist.venues.pool import SwapResult
from cambist.venues.program import AccountMeta, Instruction, SwapParams
from cambist.venues.raydium.clmm import CLMM, ClmmPool
from cambist.venues.raydium.clmm.accounts import CONFIG, ClmmConfigAccount
from cambist.venues.raydium.clmm.instructions import instruction
from cambist.venues.raydium.clmm.tick_array_bitmap import start_of
from cambist.venues.raydium.clmm.tick_arrays import array_address, extension_address
from cambist.venues.snapshot import Account, PoolRejected
from cambist.venues.tokens import Mint
from tests.onchain.machine import RENT, SYSTEM, Machine, Outcome, discriminator

Find = Callable[[str], Path]
SPARES = 2


class Plan(NamedTuple):
    """What pool to make: its ticks, its fee, its mints' fees, and the ranges of its positions."""

    spacing: int
    trade: int
    price: int
    ranges: tuple[tuple[int, int, int], ...]
    fees: tuple[TransferFee, TransferFee] = (NO_FEE, NO_FEE)
    opens_s: int = 0


def address(seeds: Sequence[bytes]) -> Address:
    """Return an account of the program."""
    return program_address(seeds, CLMM.id)[0]


class Site(NamedTuple):
    """A machine with one pool on it, and the trader's accounts."""

    machine: Machine
    pool: Address
    own: dict[Address, Address]

    def read(self) -> ClmmPool:
        """Return the pool as it stands."""
        seen = self.machine.snapshot([self.pool])
        count = 0
        while (missing := CLMM.required_accounts(self.pool, seen)) and len(seen.accounts) > count:
            count = len(seen.accounts)
            seen = self.machine.snapshot([*seen.accounts, *missing])
        return CLMM.decode(self.pool, seen)

    def trade(self, pool: ClmmPool, mint_in: Address, mode: SwapMode, amount: int) -> SwapParams:
        """Return a trade without a bound that carries all arrays it may touch, and spares."""
        mint_out = pool.mint_b if mint_in == pool.mint_a else pool.mint_a
        try:
            count = len(pool.swap(mint_in, mode, amount).touched) + SPARES
        except PoolRejected:
            count = 8
        bound = 0 if mode == "exact_in" else 2**64 - 1
        arrays = pool.ahead(mint_in)[:count]
        ends = self.own[mint_in], self.own[mint_out]
        return SwapParams(self.machine.payer, *ends, mint_in, mode, amount, bound, arrays)

    def swap(self, trade: SwapParams, limit: int = 0) -> Outcome:
        """Send a trade, and nothing else."""
        return self.machine.send(instruction(self.read(), trade, limit))

    def moved(self, trade: SwapParams, limit: int = 0) -> tuple[Outcome, int, int]:
        """Send a trade, and return what left and what arrived in the trader's accounts."""
        ends = (trade.source, trade.destination)
        before = [self.machine.balance(end) for end in ends]
        outcome = self.swap(trade, limit)
        after = [self.machine.balance(end) for end in ends]
        return outcome, before[0] - after[0], after[1] - before[1]

    def agree(
        self, pool: ClmmPool, trade: SwapParams, swap: SwapResult, limit: int = 0
    ) -> ClmmPool:
        """Swap on the chain within bounds that just fit: amounts, event and end are the quote's.

        Returns the pool afterwards.
        """
        bound = swap.amount_out if trade.mode == "exact_in" else swap.amount_in
        outcome, left, arrived = self.moved(replace(trade, bound=bound), limit)
        assert outcome.ok, (trade, outcome.logs)
        assert (left, arrived) == (swap.amount_in, swap.amount_out)
        (told,) = CLMM.parse_swaps(outcome.lines, outcome.inner)
        assert (told.pool, told.amount_in, told.amount_out) == (pool.address, left, arrived)
        end = self.read()
        # What is read anew may see further than what was at hand before the swap.
        assert replace(end, shelf=pool.shelf) == replace(swap.end, shelf=pool.shelf, time=end.time)
        assert (end.shelf.bits, end.shelf.spacing) == (pool.shelf.bits, pool.shelf.spacing)
        return end


def build(program: Find, plan: Plan) -> Site:
    """Make a pool with `create_pool`, and open positions in it."""
    machine = Machine()
    machine.load(CLMM.id, program("raydium_clmm"))
    programs = [TOKEN_2022_PROGRAM if fee.bps else TOKEN_PROGRAM for fee in plan.fees]
    made = [
        machine.mint(f"clmm {n}", 9 - 3 * n, Mint(SYSTEM, programs[n], 0, plan.fees[n]))
        for n in (0, 1)
    ]
    a, b = sorted(made, key=lambda one: key_bytes(one.address))
    config = address([b"amm_config", struct.pack(">H", 4)])
    rates = CONFIG.write(ClmmConfigAccount(120_000, plan.trade, plan.spacing, 40_000))
    machine.put(Account(config, CLMM.id, rates))
    own = {mint_.address: machine.fund(mint_, 2**63) for mint_ in (a, b)}
    call = _create(machine, plan, config, (a, b))
    machine.must(call)
    told = CLMM.parse_pool_created(call)
    assert told is not None
    assert (told.mint_a, told.mint_b, told.opens_s) == (a.address, b.address, plan.opens_s)
    site = Site(machine, told.pool, own)
    for low, high, liquidity in plan.ranges:
        open_position(site, (a, b), plan.spacing, (low, high, liquidity))
    machine.wait(10)
    return site


def _create(machine: Machine, plan: Plan, config: Address, mints: tuple[Mint, Mint]) -> Instruction:
    a, b = mints
    keys = [key_bytes(one) for one in (config, a.address, b.address)]
    pool = address([b"pool", *keys])
    vaults = [address([b"pool_vault", key_bytes(pool), key]) for key in keys[1:]]
    data = discriminator("global", "create_pool") + plan.price.to_bytes(16, "little")
    accounts = (
        AccountMeta(machine.payer, signer=True, writable=True), AccountMeta(config),
        AccountMeta(pool, writable=True),
        AccountMeta(a.address), AccountMeta(b.address), *(AccountMeta(vault,
        writable=True) for vault in vaults),
        AccountMeta(address([b"observation", key_bytes(pool)]), writable=True),
        AccountMeta(extension_address(pool), writable=True), AccountMeta(a.token_program),
        AccountMeta(b.token_program), AccountMeta(SYSTEM), AccountMeta(RENT),
    )  # fmt: skip
    return Instruction(CLMM.id, accounts, data + struct.pack("<Q", plan.opens_s))


def open_position(
    site: Site, mints: tuple[Mint, Mint], spacing: int, position: tuple[int, int, int]
) -> None:
    """Put liquidity between two ticks."""
    low, high, liquidity = position
    pool, me = site.pool, site.machine.payer
    seed = f"{position} {pool}".encode()
    nft = Keypair.from_seed(hashlib.sha256(seed).digest())
    token = Address(str(nft.pubkey()))
    starts = (start_of(low, spacing), start_of(high, spacing))
    data = discriminator("global", "open_position_with_token22_nft")
    data += struct.pack("<iiii", low, high, *starts) + liquidity.to_bytes(16, "little")
    data += struct.pack("<QQ", 2**63, 2**63) + bytes([0, 0])
    bounds = [struct.pack(">i", low), struct.pack(">i", high)]
    key = key_bytes(pool)
    writable = [
        associated_token(me, token, TOKEN_2022_PROGRAM), pool,
        *(array_address(pool, start) for start in starts),
        address([b"position", key_bytes(token)]), *(site.own[mint.address] for mint in mints),
        *(address([b"pool_vault", key, key_bytes(mint.address)]) for mint in mints),
    ]  # fmt: skip
    metas = [AccountMeta(address, writable=True) for address in writable]
    accounts = (
        AccountMeta(me, signer=True, writable=True), AccountMeta(me), AccountMeta(token,
        signer=True, writable=True),
        *metas[:2], AccountMeta(address([b"position", key, *bounds])), *metas[2:],
        AccountMeta(RENT),
        AccountMeta(SYSTEM), AccountMeta(TOKEN_PROGRAM), AccountMeta(ASSOCIATED_TOKEN_PROGRAM),
        AccountMeta(TOKEN_2022_PROGRAM), *(AccountMeta(mint.address) for mint in mints),
        AccountMeta(extension_address(pool), writable=True),
    )  # fmt: skip
    site.machine.must(Instruction(CLMM.id, accounts, data), signers=[nft])
