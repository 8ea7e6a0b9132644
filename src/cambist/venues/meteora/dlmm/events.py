"""Reads what DLMM reports: swaps done, pairs created, and errors by name."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from cambist.faults import Code
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.venues.logs import ProgramLogLine, error_name
from cambist.venues.meteora.dlmm.bin_arrays import PROGRAM
from cambist.venues.program import Instruction, KnownError, PoolCreated, SwapEvent

_MOVED, _REFUSED = Code.SLIPPAGE_EXCEEDED, Code.POOL_REFUSED

ERRORS: Final[Mapping[str, Code]] = {
    "ExceededAmountSlippageTolerance": _MOVED,
    "ExceededBinSlippageTolerance": _MOVED,
    "InsufficientInAmount": _MOVED,  # what exact-out says since 0.12
    "MathOverflow": _MOVED,  # what it said before: a quote would have refused other overflows
    # What was there when the swap was quoted is gone, or lies in other arrays by now.
    "PairInsufficientLiquidity": _MOVED,
    "BitmapExtensionAccountIsNotProvided": _MOVED,
    "CannotFindNonZeroLiquidityBinArrayId": _MOVED,
    "AccountNotEnoughKeys": _MOVED,
    "InvalidBinArray": _MOVED,
    "NotExactAmountOut": _MOVED,
    "InsufficientOutAmount": _REFUSED,
    "PoolDisabled": _REFUSED,
    "TypeCastFailed": _REFUSED,
    "CpiDisabled": _REFUSED,
    "UnsupportedMintExtension": _REFUSED,
    "MissingRemainingAccountForTransferHook": _REFUSED,
    "InsufficientFunds": Code.INSUFFICIENT_FUNDS,
}
_NUMBERS: Final = {
    1: "InsufficientFunds",  # the token programs' own
    3005: "AccountNotEnoughKeys",
    6003: "ExceededAmountSlippageTolerance",
    6004: "ExceededBinSlippageTolerance",
    6012: "PairInsufficientLiquidity",
    6018: "MathOverflow",
    6019: "TypeCastFailed",
    6027: "InvalidBinArray",
    6036: "BitmapExtensionAccountIsNotProvided",
    6037: "CannotFindNonZeroLiquidityBinArrayId",
    6039: "InsufficientOutAmount",
    6042: "PoolDisabled",
    6057: "NotExactAmountOut",
    6070: "UnsupportedMintExtension",
    6077: "MissingRemainingAccountForTransferHook",
    6100: "CpiDisabled",
    6104: "InsufficientInAmount",
}
_EVENT: Final = bytes.fromhex("e445a52e51cb9a1d")
_SWAP: Final = _EVENT + bytes.fromhex("516ce3becdd00ac4")
_SWAP_BODY: Final = struct.Struct("<32s32siiQQ")
_TRANSFERS: Final = 2
_TOKENS: Final = frozenset({TOKEN_PROGRAM, TOKEN_2022_PROGRAM})
_FUNDS: Final = "Error: insufficient funds"

# Where each instruction that makes a pair names the pair and its mints: accounts 0, 2 and 3.
_PAIR_AT, _X_AT, _Y_AT = 0, 2, 3
_PLAIN: Final = frozenset({
    bytes.fromhex("2d9aedd2dd0fa65c"),  # initialize_lb_pair
    bytes.fromhex("493b2478ed536cc6"),  # initialize_lb_pair2
})  # fmt: skip
_BY_PERMISSION: Final = bytes.fromhex("6c66d555fb033515")
_CUSTOM: Final = frozenset({
    bytes.fromhex("2e2729876fb7c840"),  # initialize_customizable_permissionless_lb_pair
    bytes.fromhex("f349817e3313f16b"),  # ..._pair2
})  # fmt: skip
_CUSTOM_BODY: Final = struct.Struct("<iHHB?B")
_BY_SECONDS: Final = 1


def traded(inner: Sequence[Instruction]) -> tuple[SwapEvent, ...]:
    """Return the swaps that the program's own calls to itself report, in order.

    The event counts a mint's transfer fee among what arrives, and before 0.12 leaves it out of what
    is given: where the second token program moved one of the tokens, the amounts are not exact.
    """
    found = []
    for at, call in enumerate(inner):
        if call.program != PROGRAM or not call.data.startswith(_SWAP):
            continue
        if len(call.data) < len(_SWAP) + _SWAP_BODY.size:
            continue
        pair, _, _, _, given, paid = _SWAP_BODY.unpack_from(call.data, len(_SWAP))
        movers = {call.program for call in inner[at + 1 : at + 1 + _TRANSFERS]}
        exact = TOKEN_2022_PROGRAM not in movers
        found.append(SwapEvent(Address(encode(pair)), given, paid, exact))
    return tuple(found)


def opened(call: Instruction) -> PoolCreated | None:
    """Return the pair that an instruction makes, or None."""
    kind, shift = call.data[:8], 0
    if kind == _BY_PERMISSION:
        shift = 1  # its first account is a key of its own
    elif kind not in _PLAIN and kind not in _CUSTOM:
        return None
    if call.program != PROGRAM or len(call.accounts) <= _Y_AT + shift:
        return None
    opens_s = None
    if kind in _CUSTOM and len(call.data) >= 8 + _CUSTOM_BODY.size + 8:
        *_, activation, _, given = _CUSTOM_BODY.unpack_from(call.data, 8)
        if given and activation == _BY_SECONDS:
            at = 8 + _CUSTOM_BODY.size
            opens_s = int.from_bytes(call.data[at : at + 8], "little")
    pair, x, y = (call.accounts[at + shift].address for at in (_PAIR_AT, _X_AT, _Y_AT))
    return PoolCreated("dlmm", pair, x, y, opens_s)


def error(lines: Sequence[ProgramLogLine], number: int | None) -> KnownError | None:
    """Return what a failed transaction says of itself: by name, or by number as a fallback."""
    name = error_name(lines, PROGRAM)
    if name is None and any(line.program in _TOKENS and _FUNDS in line.text for line in lines):
        name = "InsufficientFunds"
    if name is None and number is not None:
        name = _NUMBERS.get(number)
    return None if name is None else KnownError(name, ERRORS.get(name, _REFUSED))
