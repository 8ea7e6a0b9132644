"""Reads mints and token accounts of both token programs, as far as a swap depends on them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.amount import BPS_ONE
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, key_bytes
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected, Snapshot

MINT_BYTES: Final = 82
ACCOUNT_BYTES: Final = 165
_EXTENSIONS_AT: Final = 166
_KIND_AT: Final = 165
_DECIMALS_AT, _INITIALISED_AT = 44, 45
_MINT_KIND: Final = 1
_TRANSFER_FEE, _DEFAULT_STATE, _TRANSFER_HOOK, _PAUSABLE = 1, 6, 14, 26
_THAWED: Final = b"\x01"
_PAUSED_AT: Final = 32
_HARMLESS: Final = frozenset({
    3,  # mint close authority: only with no supply
    10,  # interest: how amounts are shown
    18, 19,  # metadata pointer, metadata
    20, 21, 22, 23,  # group and member, pointers and themselves
    25,  # scaled amounts: how they are shown
})  # fmt: skip
_FEE_BYTES: Final = 108
_OLDER_FEE_AT, _NEWER_FEE_AT = 72, 90


class Power(StrEnum):
    """What somebody may do to a mint's tokens that moves no amount of a swap, by name."""

    PERMANENT_DELEGATE = "permanent_delegate"
    CONFIDENTIAL_TRANSFER = "confidential_transfer"
    PAUSABLE = "pausable"

    @property
    def sentence(self) -> str:
        """What it means to who holds them."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    Power.PERMANENT_DELEGATE: "somebody may take or burn anyone's tokens of it",
    Power.CONFIDENTIAL_TRANSFER: "amounts of it may be hidden from view",
    Power.PAUSABLE: "somebody may stop all transfers of it",
}
_POWERS: Final = {
    4: Power.CONFIDENTIAL_TRANSFER,
    12: Power.PERMANENT_DELEGATE,
    26: Power.PAUSABLE,
}
_POWER_BYTES: Final = {
    Power.CONFIDENTIAL_TRANSFER: 65,
    Power.PERMANENT_DELEGATE: 32,
    Power.PAUSABLE: 33,
}


class FeeChange(NamedTuple):
    """A mint's transfer fees: the older, and the newer that holds from an epoch on."""

    older: TransferFee
    newer: TransferFee
    since_epoch: int

    def at(self, epoch: int) -> TransferFee:
        """Return the fee that holds in an epoch."""
        return self.newer if epoch >= self.since_epoch else self.older


class Mint(msgspec.Struct, frozen=True, gc=False):
    """A mint: its token program, its decimals, and its transfer fee in the pool's epoch.

    `change` has both of its fees where an epoch moves it from one to the other; `powers` are what
    somebody may do to its tokens.
    """

    address: Address
    token_program: Address
    decimals: int
    fee: TransferFee = NO_FEE
    change: FeeChange | None = None
    powers: tuple[Power, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever trades it should know, a sentence for each power."""
        return tuple(f"{self.address}: {power.sentence}." for power in self.powers)

    def at(self, epoch: int) -> Mint:
        """Return the mint with the transfer fee of another epoch."""
        if self.change is None or (fee := self.change.at(epoch)) == self.fee:
            return self
        return replace(self, fee=fee)

    def fee_changes(self, epoch: int) -> bool:
        """Whether its fee will be another in a later epoch than this."""
        return self.change is not None and self.change.since_epoch > epoch


def read_mint(snapshot: Snapshot, address: Address) -> Mint:
    """Return a mint. Raises PoolRejected, also for extensions whose effect is not known."""
    account = snapshot.get(address)
    if account is None:
        raise PoolRejected(RejectReason.ACCOUNT_MISSING, address)
    if account.owner not in {TOKEN_PROGRAM, TOKEN_2022_PROGRAM}:
        raise PoolRejected(RejectReason.WRONG_OWNER, address)
    data = account.data
    if len(data) < MINT_BYTES:
        raise PoolRejected(RejectReason.WRONG_SIZE, address)
    if not data[_INITIALISED_AT]:
        raise PoolRejected(RejectReason.NOT_INITIALISED, address)
    plain = Mint(address, account.owner, data[_DECIMALS_AT])
    if account.owner != TOKEN_2022_PROGRAM or len(data) == MINT_BYTES:
        return plain
    change, powers = _read_extensions(account)
    plain = replace(plain, powers=powers)
    if change is None:
        return plain
    fee = change.at(snapshot.time.epoch)
    return replace(plain, fee=fee, change=None if change.older == change.newer else change)


def read_balance(snapshot: Snapshot, address: Address, mint: Mint) -> int:
    """Return the raw units in a token account of a mint. Raises PoolRejected."""
    data = snapshot.owned(address, mint.token_program).data
    if len(data) < ACCOUNT_BYTES:
        raise PoolRejected(RejectReason.WRONG_SIZE, address)
    if data[:32] != key_bytes(mint.address):
        raise PoolRejected(RejectReason.WRONG_KIND, address)
    if data[108] != 1:
        raise PoolRejected(RejectReason.NOT_INITIALISED, address)
    return int.from_bytes(data[64:72], "little")


def write_mint(mint: Mint) -> Account:
    """Return an account that reads as this mint: without a change, the fee is every epoch's."""
    data = bytearray(MINT_BYTES)
    data[_DECIMALS_AT], data[_INITIALISED_AT] = mint.decimals, 1
    change = mint.change or FeeChange(mint.fee, mint.fee, 0)
    taxed = change != FeeChange(NO_FEE, NO_FEE, 0)
    if mint.token_program != TOKEN_2022_PROGRAM or not (taxed or mint.powers):
        return Account(mint.address, mint.token_program, bytes(data))
    data += bytes(_EXTENSIONS_AT - MINT_BYTES)
    data[_KIND_AT] = _MINT_KIND
    if taxed:
        data += _TRANSFER_FEE.to_bytes(2, "little") + _FEE_BYTES.to_bytes(2, "little")
        data += bytes(_OLDER_FEE_AT)
        data += _fee_bytes(0, change.older) + _fee_bytes(change.since_epoch, change.newer)
    for kind, power in _POWERS.items():
        if power in mint.powers:
            size = _POWER_BYTES[power]
            data += kind.to_bytes(2, "little") + size.to_bytes(2, "little") + bytes(size)
    return Account(mint.address, mint.token_program, bytes(data))


def write_balance(address: Address, mint: Mint, owner: Address, amount: int) -> Account:
    """Return a token account that holds so many raw units."""
    data = bytearray(ACCOUNT_BYTES)
    data[:32], data[32:64] = key_bytes(mint.address), key_bytes(owner)
    data[64:72] = amount.to_bytes(8, "little")
    data[108] = 1
    return Account(address, mint.token_program, bytes(data))


def _fee_bytes(since_epoch: int, fee: TransferFee) -> bytes:
    return (
        since_epoch.to_bytes(8, "little")
        + fee.maximum.to_bytes(8, "little")
        + fee.bps.to_bytes(2, "little")
    )


def _read_extensions(account: Account) -> tuple[FeeChange | None, tuple[Power, ...]]:
    """Return a mint's transfer fees, if it has any, and its powers. Raises PoolRejected."""
    change: FeeChange | None = None
    found: set[Power] = set()
    for kind, body in _extensions(account):
        if kind == _TRANSFER_FEE:
            change = _change_in(body, account.address)
        elif kind in _POWERS:
            found.add(_POWERS[kind])
        _check_extension(kind, body, account.address)
    return change, tuple(power for power in _POWERS.values() if power in found)


def _extensions(account: Account) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the body of each extension. Raises PoolRejected."""
    data, at = account.data, _EXTENSIONS_AT
    if len(data) < _EXTENSIONS_AT or data[_KIND_AT] != _MINT_KIND:
        raise PoolRejected(RejectReason.WRONG_KIND, account.address)
    while at + 4 <= len(data):
        kind = int.from_bytes(data[at : at + 2], "little")
        length = int.from_bytes(data[at + 2 : at + 4], "little")
        at += 4
        if kind == 0:
            break
        body = data[at : at + length]
        if len(body) < length:
            raise PoolRejected(RejectReason.WRONG_SIZE, account.address)
        yield kind, body
        at += length


def _check_extension(kind: int, body: bytes, address: Address) -> None:
    """Raise Unquotable for an extension that stops a swap, or whose effect is not known."""
    if kind == _TRANSFER_HOOK:
        if any(body[32:64]):
            raise PoolRejected(RejectReason.TRANSFER_HOOK, address)
    elif kind == _DEFAULT_STATE:
        if body[:1] != _THAWED:
            # The account that the swap pays into may have to be made, and would be frozen.
            raise PoolRejected(RejectReason.FROZEN_BY_DEFAULT, address)
    elif kind == _PAUSABLE:
        if len(body) <= _PAUSED_AT or body[_PAUSED_AT]:
            raise PoolRejected(RejectReason.MINT_PAUSED, address)
    elif kind != _TRANSFER_FEE and kind not in _HARMLESS and kind not in _POWERS:
        raise PoolRejected(RejectReason.UNKNOWN_MINT_EXTENSION, f"{kind} of {address}")


def _change_in(body: bytes, address: Address) -> FeeChange:
    if len(body) < _FEE_BYTES:
        raise PoolRejected(RejectReason.WRONG_SIZE, address)
    since = int.from_bytes(body[_NEWER_FEE_AT : _NEWER_FEE_AT + 8], "little")
    return FeeChange(_fee_in(body, _OLDER_FEE_AT), _fee_in(body, _NEWER_FEE_AT), since)


def _fee_in(body: bytes, at: int) -> TransferFee:
    maximum = int.from_bytes(body[at + 8 : at + 16], "little")
    bps = int.from_bytes(body[at + 16 : at + 18], "little")
    if bps > BPS_ONE:
        raise PoolRejected(RejectReason.OUT_OF_BOUNDS, f"a transfer fee of {bps} bps")
    return TransferFee(bps, maximum)
