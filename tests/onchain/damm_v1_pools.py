"""Makes pools of Meteora's DAMM v1: vaults by their program, and the pool's account as written."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from msgspec.structs import replace

from cambist.values.ids import Address
from cambist.values.program_address import (
    ASSOCIATED_TOKEN_PROGRAM,
    TOKEN_PROGRAM,
    associated_token,
    key_bytes,
    program_address,
)
from cambist.values.token import SOL
from cambist.venues.meteora.damm_v1 import DAMM_V1, DammV1Pool, instructions
from cambist.venues.meteora.damm_v1.accounts import (
    LAYOUT,
    POOL_BYTES,
    PROGRAM,
    VAULT_LAYOUT,
    VAULT_PROGRAM,
    DammV1PoolAccount,
    VaultAccount,
)
from cambist.venues.program import AccountMeta, Instruction
from cambist.venues.snapshot import Account
from cambist.venues.tokens import Mint, write_balance
from tests.onchain.machine import RENT, SYSTEM, Machine, discriminator

FUNDS: Final = 10**17
METADATA: Final = Address("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s")


class Made(NamedTuple):
    """A pool on a machine, its mints and vaults, and the trader's accounts of both mints."""

    machine: Machine
    pool: Address
    a: Mint
    b: Mint
    holds_a: Address
    holds_b: Address

    def read(self) -> DammV1Pool:
        """Return the pool as it stands."""
        seen = self.machine.snapshot([self.pool])
        while missing := DAMM_V1.required_accounts(self.pool, seen):
            seen = self.machine.snapshot([*seen.accounts, *missing])
        return DAMM_V1.decode(self.pool, seen)

    def set_state(self, **fields: object) -> None:
        """Change fields of the pool's account."""
        account = self.machine.get(self.pool)
        assert account is not None
        state = replace(LAYOUT.read(account.data), **fields)
        self.machine.put(replace(account, data=LAYOUT.write(state, account.data)))

    def set_vault(self, mint: Mint, **fields: object) -> VaultAccount:
        """Change fields of a mint's vault."""
        account = self.machine.get(instructions.vault(mint.address))
        assert account is not None
        state = replace(VAULT_LAYOUT.read(account.data), **fields)
        self.machine.put(replace(account, data=VAULT_LAYOUT.write(state, account.data)))
        return state


def make_vault(machine: Machine, mint: Mint) -> Address:
    """Make the vault of a mint by its program."""
    vault = instructions.vault(mint.address)
    metas = (
        AccountMeta(vault, writable=True),
        AccountMeta(machine.payer, signer=True, writable=True),
        AccountMeta(instructions.token_vault(vault), writable=True),
        AccountMeta(mint.address),
        AccountMeta(instructions.share_mint(vault), writable=True),
        AccountMeta(RENT),
        AccountMeta(TOKEN_PROGRAM),
        AccountMeta(SYSTEM),
    )
    machine.must(Instruction(VAULT_PROGRAM, metas, discriminator("global", "initialize")))
    return vault


def deposit(machine: Machine, mint: Mint, amount: int, shares: Address) -> None:
    """Put raw units of the trader's into a vault, for shares that go to an account."""
    vault = instructions.vault(mint.address)
    metas = (
        AccountMeta(vault, writable=True),
        AccountMeta(instructions.token_vault(vault), writable=True),
        AccountMeta(instructions.share_mint(vault), writable=True),
        AccountMeta(associated_token(machine.payer, mint.address, TOKEN_PROGRAM), writable=True),
        AccountMeta(shares, writable=True),
        AccountMeta(machine.payer, signer=True),
        AccountMeta(TOKEN_PROGRAM),
    )
    data = discriminator("global", "deposit") + struct.pack("<QQ", amount, 0)
    machine.must(Instruction(VAULT_PROGRAM, metas, data))


def make_pool(machine: Machine, reserves: tuple[int, int], fees: tuple[int, int, int, int]) -> Made:
    """Make a pool with reserves in its vaults, which hold as much again of other depositors."""
    a, b = machine.mint("v1 a", 6), machine.mint("v1 b", 9)
    pool = instructions.customizable_pool(a.address, b.address)
    holds, places = [], []
    for mint, amount in zip((a, b), reserves, strict=True):
        holds.append(machine.fund(mint, FUNDS))
        vault = make_vault(machine, mint)
        own, bump = instructions.pool_shares(vault, pool)
        share_mint = Mint(instructions.share_mint(vault), TOKEN_PROGRAM, mint.decimals)
        fee = instructions.protocol_fee(mint.address, pool)
        places.append((vault, own, bump, fee))
        others = machine.fund(share_mint, 0)
        # All accounts of a pool are its first vault's shares'.
        machine.put(write_balance(own, share_mint, places[0][1], 0))
        machine.put(write_balance(fee, mint, places[0][1], 0))
        deposit(machine, mint, amount, own)
        deposit(machine, mint, amount, others)
    (vault_a, own_a, bump, fee_a), (vault_b, own_b, _, fee_b) = places
    state = DammV1PoolAccount(
        a.address, b.address, vault_a, vault_b, own_a, own_b, bump, 1, fee_a, fee_b, *fees, 0, 1, 0
    )
    machine.put(Account(pool, PROGRAM, LAYOUT.write(state, bytes(POOL_BYTES))))
    return Made(machine, pool, a, b, *holds)


def pool_of_the_program(
    machine: Machine, reserves: tuple[int, int], opens_s: int
) -> tuple[Made, Instruction]:
    """Make a pool by the program's own instruction, which calls that of token metadata."""
    a, b = machine.mint("v1 a", 6), Mint(SOL.mint, TOKEN_PROGRAM, 9)
    holds = [machine.fund(mint_, FUNDS) for mint_ in (a, b)]
    pool = instructions.customizable_pool(a.address, b.address)
    vaults = [make_vault(machine, mint_) for mint_ in (a, b)]
    share = program_address((b"lp_mint", key_bytes(pool)), PROGRAM)[0]
    metadata = program_address((b"metadata", key_bytes(METADATA), key_bytes(share)), METADATA)[0]
    written = (
        pool, share, a.address, b.address, *vaults, *map(instructions.token_vault, vaults),
        *map(instructions.share_mint, vaults), *(instructions.pool_shares(vault,
        pool)[0] for vault in vaults),
        *holds, associated_token(machine.payer, share, TOKEN_PROGRAM),
        *(instructions.protocol_fee(mint_.address, pool) for mint_ in (a, b)),
    )  # fmt: skip
    read = (METADATA, VAULT_PROGRAM, TOKEN_PROGRAM, ASSOCIATED_TOKEN_PROGRAM, SYSTEM)
    metas = (
        *(AccountMeta(address, writable=True) for address in written),
        AccountMeta(machine.payer, signer=True, writable=True),
        AccountMeta(RENT),
        AccountMeta(metadata, writable=True),
        *map(AccountMeta, read),
    )
    name = "initialize_customizable_permissionless_constant_product_pool"
    data = discriminator("global", name) + struct.pack("<QQI", *reserves, 2_500)
    data += struct.pack("<BQBB", 1, opens_s, 0, 1) + bytes(90)
    call = Instruction(PROGRAM, metas, data)
    machine.must(call)
    return Made(machine, pool, a, b, *holds), call
