"""Reads mints and token accounts of both token programs, as far as a swap depends on them."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.amount import BPS_ONE
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, key_bytes
from cambist.venues.accounts import Account, Snapshot, Unquotable
from cambist.venues.refusals import Refusal

MINT_BYTES: Final = 82
ACCOUNT_BYTES: Final = 165
_EXTENSIONS_AT: Final = 166
_KIND_AT: Final = 165
_DECIMALS_AT, _INITIALISED_AT = 44, 45
_MINT_KIND: Final = 1
_TRANSFER_FEE, _TRANSFER_HOOK = 1, 14
_HARMLESS: Final = frozenset({
    3,  # mint close authority: only with no supply
    10,  # interest: how amounts are shown
    18, 19,  # metadata pointer, metadata
    20, 21, 22, 23,  # group and member, pointers and themselves
    25,  # scaled amounts: how they are shown
})  # fmt: skip
_FEE_BYTES: Final = 108
_OLDER_FEE_AT, _NEWER_FEE_AT = 72, 90


class Mint(msgspec.Struct, frozen=True, gc=False):
    """A mint: its token program, its decimals, and its transfer fee in the snapshot's epoch."""

    address: Address
    token_program: Address
    decimals: int
    fee: TransferFee = NO_FEE


def read_mint(snapshot: Snapshot, address: Address) -> Mint:
    """Return a mint. Raises Unquotable, also for extensions whose effect is not known."""
    account = snapshot.get(address)
    if account is None:
        raise Unquotable(Refusal.ACCOUNT_MISSING, address)
    if account.owner not in {TOKEN_PROGRAM, TOKEN_2022_PROGRAM}:
        raise Unquotable(Refusal.WRONG_OWNER, address)
    data = account.data
    if len(data) < MINT_BYTES:
        raise Unquotable(Refusal.WRONG_SIZE, address)
    if not data[_INITIALISED_AT]:
        raise Unquotable(Refusal.NOT_INITIALISED, address)
    fee = NO_FEE
    if account.owner == TOKEN_2022_PROGRAM and len(data) > MINT_BYTES:
        fee = _read_fee(account, snapshot.time.epoch)
    return Mint(address, account.owner, data[_DECIMALS_AT], fee)


def read_balance(snapshot: Snapshot, address: Address, mint: Mint) -> int:
    """Return the raw units in a token account of a mint. Raises Unquotable."""
    data = snapshot.owned(address, mint.token_program).data
    if len(data) < ACCOUNT_BYTES:
        raise Unquotable(Refusal.WRONG_SIZE, address)
    if data[:32] != key_bytes(mint.address):
        raise Unquotable(Refusal.WRONG_KIND, address)
    if data[108] != 1:
        raise Unquotable(Refusal.NOT_INITIALISED, address)
    return int.from_bytes(data[64:72], "little")


def write_mint(mint: Mint) -> Account:
    """Return an account that reads as this mint, with the same fee in every epoch."""
    data = bytearray(MINT_BYTES)
    data[_DECIMALS_AT], data[_INITIALISED_AT] = mint.decimals, 1
    if mint.token_program == TOKEN_2022_PROGRAM and mint.fee != NO_FEE:
        data += bytes(_EXTENSIONS_AT - MINT_BYTES)
        data[_KIND_AT] = _MINT_KIND
        fee = bytes(8) + mint.fee.maximum.to_bytes(8, "little") + mint.fee.bps.to_bytes(2, "little")
        data += _TRANSFER_FEE.to_bytes(2, "little") + _FEE_BYTES.to_bytes(2, "little")
        data += bytes(_OLDER_FEE_AT) + fee + fee
    return Account(mint.address, mint.token_program, bytes(data))


def write_balance(address: Address, mint: Mint, owner: Address, amount: int) -> Account:
    """Return a token account that holds so many raw units."""
    data = bytearray(ACCOUNT_BYTES)
    data[:32], data[32:64] = key_bytes(mint.address), key_bytes(owner)
    data[64:72] = amount.to_bytes(8, "little")
    data[108] = 1
    return Account(address, mint.token_program, bytes(data))


def _read_fee(account: Account, epoch: int) -> TransferFee:
    data, at, fee = account.data, _EXTENSIONS_AT, NO_FEE
    if len(data) < _EXTENSIONS_AT or data[_KIND_AT] != _MINT_KIND:
        raise Unquotable(Refusal.WRONG_KIND, account.address)
    while at + 4 <= len(data):
        kind = int.from_bytes(data[at : at + 2], "little")
        length = int.from_bytes(data[at + 2 : at + 4], "little")
        at += 4
        if kind == 0:
            break
        body = data[at : at + length]
        if len(body) < length:
            raise Unquotable(Refusal.WRONG_SIZE, account.address)
        if kind == _TRANSFER_FEE:
            fee = _fee_in(body, epoch, account.address)
        elif kind == _TRANSFER_HOOK:
            if any(body[32:64]):
                raise Unquotable(Refusal.TRANSFER_HOOK, account.address)
        elif kind not in _HARMLESS:
            raise Unquotable(Refusal.UNKNOWN_MINT_EXTENSION, f"{kind} of {account.address}")
        at += length
    return fee


def _fee_in(body: bytes, epoch: int, address: Address) -> TransferFee:
    if len(body) < _FEE_BYTES:
        raise Unquotable(Refusal.WRONG_SIZE, address)
    newer_since = int.from_bytes(body[_NEWER_FEE_AT : _NEWER_FEE_AT + 8], "little")
    at = _NEWER_FEE_AT if epoch >= newer_since else _OLDER_FEE_AT
    maximum = int.from_bytes(body[at + 8 : at + 16], "little")
    bps = int.from_bytes(body[at + 16 : at + 18], "little")
    if bps > BPS_ONE:
        raise Unquotable(Refusal.OUT_OF_BOUNDS, f"a transfer fee of {bps} bps")
    return TransferFee(bps, maximum)
