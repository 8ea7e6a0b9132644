"""Reads what Raydium's CPMM logs and rejects: swaps done, pools created, errors."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from cambist.faults import Code
from cambist.values.ids import Address
from cambist.venues.layout import Layout
from cambist.venues.logs import ProgramLogLine
from cambist.venues.program import Instruction, PoolCreated, SwapEvent
from cambist.venues.raydium.cpmm.accounts import ID

INITIALIZE: Final = bytes.fromhex("afaf6d1f0d989bed")
INITIALIZE_WITH_PERMISSION: Final = bytes.fromhex("3f37fe4131b25979")
ERRORS: Final[Mapping[str, Code]] = {
    "NotApproved": Code.POOL_REFUSED,
    "ExceededSlippage": Code.SLIPPAGE_EXCEEDED,
    "ZeroTradingTokens": Code.POOL_REFUSED,
    "InvalidVault": Code.TRANSACTION_REFUSED,
    "TransferFeeCalculateNotMatch": Code.POOL_REFUSED,
    "InsufficientVault": Code.POOL_REFUSED,
}
NUMBERS: Final[Mapping[int, str]] = {
    6000: "NotApproved",
    6005: "ExceededSlippage",
    6006: "ZeroTradingTokens",
    6008: "InvalidVault",
    6010: "TransferFeeCalculateNotMatch",
    6012: "InsufficientVault",
}
_OPEN_TIME_AT: Final = 24


class CpmmSwapEvent(msgspec.Struct, frozen=True):
    """The head of SwapEvent; newer releases append to it."""

    pool: Address
    amount_in: int
    amount_out: int
    transfer_in: int
    transfer_out: int


EVENT: Final = Layout(
    CpmmSwapEvent,
    89,
    {
        "pool": (8, "key"),
        "amount_in": (56, "u64"),
        "amount_out": (64, "u64"),
        "transfer_in": (72, "u64"),
        "transfer_out": (80, "u64"),
    },
    bytes.fromhex("40c6cde8260871e2"),
)


def traded(
    lines: Sequence[ProgramLogLine], _inner: Sequence[Instruction], /
) -> tuple[SwapEvent, ...]:
    """Return the swaps that logs report."""
    swaps = []
    for line in lines:
        if line.program == ID and EVENT.fits(line.data):
            event = EVENT.read(line.data)
            swaps.append(
                SwapEvent(
                    event.pool,
                    event.amount_in + event.transfer_in,
                    event.amount_out - event.transfer_out,
                )
            )
    return tuple(swaps)


def opened(call: Instruction) -> PoolCreated | None:
    """Return the pool that a call makes, or None."""
    if call.program != ID:
        return None
    if call.data.startswith(INITIALIZE):
        first = 3
    elif call.data.startswith(INITIALIZE_WITH_PERMISSION):
        first = 4
    else:
        return None
    if len(call.accounts) <= first + 2 or len(call.data) < _OPEN_TIME_AT + 8:
        return None
    pool, a, b = (account.address for account in call.accounts[first : first + 3])
    (opens_s,) = struct.unpack_from("<Q", call.data, _OPEN_TIME_AT)
    return PoolCreated("cpmm", pool, a, b, opens_s)
