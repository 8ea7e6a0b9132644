"""Reads what Raydium's CLMM logs and rejects: swaps done, pools created, errors."""

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
from cambist.venues.raydium.clmm.tick_arrays import ID

CREATE_POOL: Final = bytes.fromhex("e992d18ecf6840bc")
CREATE_CUSTOMIZABLE_POOL: Final = bytes.fromhex("2b44d4a7592fa401")
ERRORS: Final[Mapping[str, Code]] = {
    "NotApproved": Code.POOL_REFUSED,
    "SqrtPriceLimitOverflow": Code.POOL_REFUSED,
    "LiquidityInsufficient": Code.POOL_REFUSED,
    "InsufficientLiquidityForDirection": Code.POOL_REFUSED,
    "TooLittleOutputReceived": Code.SLIPPAGE_EXCEEDED,
    "TooMuchInputPaid": Code.SLIPPAGE_EXCEEDED,
    "ZeroAmountSpecified": Code.POOL_REFUSED,
    "TooSmallInputOrOutputAmount": Code.POOL_REFUSED,
    "MaxTokenOverflow": Code.POOL_REFUSED,
    "CalculateOverflow": Code.POOL_REFUSED,
    "TransferFeeCalculateNotMatch": Code.POOL_REFUSED,
    # The price went to where other arrays are needed than the ones carried.
    "NotEnoughTickArrayAccount": Code.SLIPPAGE_EXCEEDED,
    "InvalidFirstTickArrayAccount": Code.SLIPPAGE_EXCEEDED,
    "MissingTickArrayBitmapExtensionAccount": Code.SLIPPAGE_EXCEEDED,
    # Of Anchor itself: not open yet; the price did not move; the limit came before the amount.
    "RequireGtViolated": Code.POOL_REFUSED,
    "RequireGteViolated": Code.POOL_REFUSED,
    "RequireEqViolated": Code.POOL_REFUSED,
}
_ANCHOR: Final = {2501: "RequireEqViolated", 2505: "RequireGtViolated", 2506: "RequireGteViolated"}
CLASSIC: Final[Mapping[int, str]] = _ANCHOR | {
    6001: "NotApproved",
    6013: "SqrtPriceLimitOverflow",
    6019: "LiquidityInsufficient",
    6022: "TooLittleOutputReceived",
    6023: "TooMuchInputPaid",
    6024: "ZeroAmountSpecified",
    6026: "TooSmallInputOrOutputAmount",
    6027: "NotEnoughTickArrayAccount",
    6028: "InvalidFirstTickArrayAccount",
    6040: "MissingTickArrayBitmapExtensionAccount",
    6041: "InsufficientLiquidityForDirection",
    6042: "MaxTokenOverflow",
    6043: "CalculateOverflow",
    6044: "TransferFeeCalculateNotMatch",
}
ERRORS_2026: Final[Mapping[int, str]] = _ANCHOR | {
    6000: "NotApproved",
    6011: "SqrtPriceLimitOverflow",
    6016: "LiquidityInsufficient",
    6018: "TooLittleOutputReceived",
    6019: "TooMuchInputPaid",
    6020: "ZeroAmountSpecified",
    6022: "TooSmallInputOrOutputAmount",
    6023: "NotEnoughTickArrayAccount",
    6024: "InvalidFirstTickArrayAccount",
    6035: "MissingTickArrayBitmapExtensionAccount",
    6036: "InsufficientLiquidityForDirection",
    6037: "MaxTokenOverflow",
    6038: "CalculateOverflow",
    6039: "TransferFeeCalculateNotMatch",
}
_OPEN_TIME_AT: Final = 24


class ClmmSwapEvent(msgspec.Struct, frozen=True):
    """The head of SwapEvent; newer releases append to it."""

    pool: Address
    amount_a: int
    transfer_a: int
    amount_b: int
    transfer_b: int
    a_given: bool


EVENT: Final = Layout(
    ClmmSwapEvent,
    205,
    {
        "pool": (8, "key"),
        "amount_a": (136, "u64"),
        "transfer_a": (144, "u64"),
        "amount_b": (152, "u64"),
        "transfer_b": (160, "u64"),
        "a_given": (168, "bool"),
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
            a, b = event.amount_a, event.amount_b
            if event.a_given:
                swaps.append(SwapEvent(event.pool, a + event.transfer_a, b))
            else:
                swaps.append(SwapEvent(event.pool, b + event.transfer_b, a))
    return tuple(swaps)


def opened(call: Instruction) -> PoolCreated | None:
    """Return the pool that a call makes, or None. It holds nothing until a position is opened."""
    if call.program != ID or not call.data.startswith((CREATE_POOL, CREATE_CUSTOMIZABLE_POOL)):
        return None
    if len(call.accounts) < 5:  # noqa: PLR2004 - creator, config, pool, and both mints
        return None
    pool, a, b = (account.address for account in call.accounts[2:5])
    opens_s = None
    if call.data.startswith(CREATE_POOL) and len(call.data) >= _OPEN_TIME_AT + 8:
        (opens_s,) = struct.unpack_from("<Q", call.data, _OPEN_TIME_AT)
    return PoolCreated("clmm", pool, a, b, opens_s)
