"""Reads and writes the accounts of a pool of Meteora's DAMM v1 and of the two vaults below it."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM, key_bytes
from cambist.venues.layout import Layout
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot
from cambist.venues.tokens import MINT_BYTES, Mint, read_balance, write_balance

PROGRAM: Final = Address("Eo7WjKq67rjJQSZxS6z3YkapzY3eMj6Xy8X5EQVn5UaB")
VAULT_PROGRAM: Final = Address("24Uqj9JCLxUeoC3hGfh5W3s9FM9uCHDS2SG3LYwBpyTi")
POOL_BYTES: Final = 952
"""The least that a release gave a pool: they vary, and what comes after is padding."""
VAULT_BYTES: Final = 10_240
CONSTANT_PRODUCT, STABLE = 0, 1
NO_STAKE, MARINADE, LIDO, SPL_STAKE = range(4)
"""Whose price of a staked token a stable curve counts with."""

PRICE_ONE: Final = 1_000_000
CACHED_S: Final = 600
"""How long a price of a staked token holds: the first swap after that reads it anew."""

NOBODY: Final = Address("11111111111111111111111111111111")
_MARINADE_ONE: Final = 1 << 32
_TOLD_AT: Final = {MARINADE: (512, 512), LIDO: (81, 73), SPL_STAKE: (258, 266)}
"""Where an account of a stake has what it holds, and how many shares there are of that.

Marinade's has the price itself, in parts of 2^32.
"""

_STAKE_BYTES: Final = 1_024
_STAKES: Final = {
    MARINADE: Address("8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC"),
    LIDO: Address("49Yi1TKkNyYjPAFdR9LBvoHcUjuPX4Df5T5yv39w2XTn"),
}
BY_TIME: Final = 1
_SUPPLY: Final = slice(36, 44)
_INITIALISED_AT: Final = 45


class DammV1PoolAccount(msgspec.Struct, frozen=True, gc=False):
    """The fields of a pool's account that play a part in swaps. Fees are fractions.

    Those behind `curve` are of stable ones: `scale_a` and `scale_b` bring both tokens to as many
    decimals; where `depeg` names a stake, b is worth `stake_price` millionths of a, as reported at
    `priced_s`.
    """

    mint_a: Address
    mint_b: Address
    vault_a: Address
    vault_b: Address
    shares_a: Address
    shares_b: Address
    shares_bump: int
    enabled: int
    fee_a: Address
    fee_b: Address
    trade_numerator: int
    trade_denominator: int
    protocol_numerator: int
    protocol_denominator: int
    opens_at: int
    clock: int
    curve: int
    stake: Address = NOBODY
    amp: int = 0
    scale_a: int = 0
    scale_b: int = 0
    precision: int = 0
    stake_price: int = 0
    priced_s: int = 0
    depeg: int = 0
    amp_updated_s: int = 0

    @property
    def stakes(self) -> bool:
        """Whether its curve counts with the price of a staked token."""
        return self.curve == STABLE and self.depeg != NO_STAKE

    @property
    def stake_account(self) -> Address:
        """Where that price is reported."""
        return _STAKES.get(self.depeg, self.stake)


class VaultAccount(msgspec.Struct, frozen=True, gc=False):
    """The fields of a vault's account that play a part in swaps, in raw units and seconds."""

    enabled: int
    total: int
    token_vault: Address
    token_mint: Address
    share_mint: Address
    locked: int
    reported_s: int
    degradation: int


class Vault(msgspec.Struct, frozen=True, gc=False):
    """A vault: its account, what of its token is at hand, its shares, and how many the pool has."""

    address: Address
    state: VaultAccount
    at_hand: int
    supply: int
    shares: int


LAYOUT: Final = Layout(
    DammV1PoolAccount,
    925,
    {
        "mint_a": (40, "key"),
        "mint_b": (72, "key"),
        "vault_a": (104, "key"),
        "vault_b": (136, "key"),
        "shares_a": (168, "key"),
        "shares_b": (200, "key"),
        "shares_bump": (232, "u8"),
        "enabled": (233, "u8"),
        "fee_a": (234, "key"),
        "fee_b": (266, "key"),
        "trade_numerator": (330, "u64"),
        "trade_denominator": (338, "u64"),
        "protocol_numerator": (346, "u64"),
        "protocol_denominator": (354, "u64"),
        "opens_at": (403, "u64"),
        "clock": (475, "u8"),
        "curve": (874, "u8"),
        "stake": (363, "key"),
        "amp": (875, "u64"),
        "scale_a": (883, "u64"),
        "scale_b": (891, "u64"),
        "precision": (899, "u8"),
        "stake_price": (900, "u64"),
        "priced_s": (908, "u64"),
        "depeg": (916, "u8"),
        "amp_updated_s": (917, "u64"),
    },
    bytes.fromhex("f19a6d0411b16dbc"),
)
VAULT_LAYOUT: Final = Layout(
    VaultAccount,
    1227,
    {
        "enabled": (8, "u8"),
        "total": (11, "u64"),
        "token_vault": (19, "key"),
        "token_mint": (83, "key"),
        "share_mint": (115, "key"),
        "locked": (1203, "u64"),
        "reported_s": (1211, "u64"),
        "degradation": (1219, "u64"),
    },
    bytes.fromhex("d308e82b02987577"),
)


def read_state(account: Account) -> DammV1PoolAccount:
    """Return a pool's fields. Raises PoolRejected, also for curves that are not quoted."""
    state = LAYOUT.read(account.data)
    if state.curve not in {CONSTANT_PRODUCT, STABLE}:
        raise PoolRejected(RejectReason.UNKNOWN_CURVE, f"curve {state.curve} of {account.address}")
    if state.curve == STABLE and not (
        state.amp and state.scale_a and state.scale_b and state.depeg <= SPL_STAKE
    ):
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, f"curve of {account.address}")
    fees = (state.trade_denominator, state.protocol_denominator)
    if not all(fees) or state.clock > BY_TIME or state.enabled > 1 or state.mint_a == state.mint_b:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, account.address)
    if state.trade_numerator > fees[0] or state.protocol_numerator > fees[1]:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "fee")
    return state


def read_stake_price(snapshot: Snapshot, state: DammV1PoolAccount) -> int | None:
    """Return what the stake says of the token a stable curve counts with; None: it needs none.

    In millionths of what was staked, rounded down. Raises PoolRejected.
    """
    if not state.stakes:
        return None
    address = state.stake_account
    account = snapshot.get(address)
    if account is None:
        raise PoolRejected(RejectReason.ACCOUNT_MISSING, address)
    if account.owner in {PROGRAM, VAULT_PROGRAM, TOKEN_PROGRAM}:
        raise PoolRejected(RejectReason.WRONG_OWNER, address)
    worth_at, shares_at = _TOLD_AT[state.depeg]
    if len(account.data) < max(worth_at, shares_at) + 8:
        raise PoolRejected(RejectReason.WRONG_SIZE, address)
    worth = int.from_bytes(account.data[worth_at : worth_at + 8], "little")
    shares = int.from_bytes(account.data[shares_at : shares_at + 8], "little")
    if state.depeg == MARINADE:
        shares = _MARINADE_ONE
    if not shares:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, address)
    price = worth * PRICE_ONE // shares
    if not 0 < price <= RAW_MAX:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, address)
    return price


def write_stake(state: DammV1PoolAccount, price: int) -> Account:
    """Return an account of the stake that has this price."""
    worth_at, shares_at = _TOLD_AT[state.depeg]
    data = bytearray(_STAKE_BYTES)
    worth, shares = price, PRICE_ONE
    if state.depeg == MARINADE:
        worth = -(-price * _MARINADE_ONE // PRICE_ONE)  # up
        data[worth_at : worth_at + 8] = worth.to_bytes(8, "little")
        return Account(state.stake_account, NOBODY, bytes(data))
    data[worth_at : worth_at + 8] = worth.to_bytes(8, "little")
    data[shares_at : shares_at + 8] = shares.to_bytes(8, "little")
    return Account(state.stake_account, NOBODY, bytes(data))


def read_vault(snapshot: Snapshot, address: Address, mint: Address, shares: Address) -> Vault:
    """Return a vault as a pool uses it that holds these shares. Raises PoolRejected."""
    state = VAULT_LAYOUT.read(snapshot.owned(address, VAULT_PROGRAM).data)
    if state.token_mint != mint:
        raise PoolRejected(RejectReason.WRONG_TOKEN, address)
    at_hand = read_balance(snapshot, state.token_vault, Mint(mint, TOKEN_PROGRAM, 0))
    held = read_balance(snapshot, shares, Mint(state.share_mint, TOKEN_PROGRAM, 0))
    supply = _read_supply(snapshot.owned(state.share_mint, TOKEN_PROGRAM))
    if held > supply:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, address)
    return Vault(address, state, at_hand, supply, held)


def write_vault(vault: Vault, shares: Address) -> tuple[Account, ...]:
    """Return the accounts of a vault: its own, its tokens, its shares and those of a pool."""
    state = vault.state
    share_mint = bytearray(MINT_BYTES)
    share_mint[0:4] = (1).to_bytes(4, "little")
    share_mint[4:36] = key_bytes(vault.address)
    share_mint[_SUPPLY] = vault.supply.to_bytes(8, "little")
    share_mint[_INITIALISED_AT] = 1
    tokens, owned = (Mint(mint, TOKEN_PROGRAM, 0) for mint in (state.token_mint, state.share_mint))
    data = VAULT_LAYOUT.write(state, bytes(VAULT_BYTES))
    return (
        Account(vault.address, VAULT_PROGRAM, data),
        write_balance(state.token_vault, tokens, vault.address, vault.at_hand),
        Account(state.share_mint, TOKEN_PROGRAM, bytes(share_mint)),
        write_balance(shares, owned, shares, vault.shares),
    )


def _read_supply(account: Account) -> int:
    if len(account.data) != MINT_BYTES:
        raise PoolRejected(RejectReason.WRONG_SIZE, account.address)
    if not account.data[_INITIALISED_AT]:
        raise PoolRejected(RejectReason.NOT_INITIALISED, account.address)
    return int.from_bytes(account.data[_SUPPLY], "little")
