"""Reads what Meteora's DAMM v2 reports: swaps done, pools created, and errors."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from cambist.faults import Code
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.venues.logs import ProgramLogLine
from cambist.venues.meteora.damm_v2.accounts import BY_TIME, PROGRAM
from cambist.venues.program import Instruction, PoolCreated, SwapEvent

NAME: Final = "damm_v2"
_EVENT: Final = bytes.fromhex("e445a52e51cb9a1d")
_SWAP_2: Final = bytes.fromhex("bd4233a826507599")
_SWAP: Final = bytes.fromhex("1b3c15d58aaabb93")
_SWAP_2_AMOUNTS: Final = struct.Struct("<32s100x3Q")
_SWAP_AMOUNTS: Final = struct.Struct("<32s18xQ48xQ")

_INITIALIZE: Final = bytes.fromhex("5fb40aac54aee828")
_INITIALIZE_DYNAMIC: Final = bytes.fromhex("955248c5fdfc440f")
_INITIALIZE_CUSTOM: Final = bytes.fromhex("14a1f118bdddb402")
_POOL_AT: Final = {_INITIALIZE: 6, _INITIALIZE_DYNAMIC: 7, _INITIALIZE_CUSTOM: 5}
"""Where each instruction names the pool; a position and the two mints come after it."""

_BASE_FEE_BYTES: Final = 30
_DYNAMIC_FEE_BYTES: Final = 32
_CUSTOM: Final = struct.Struct("<65xB1xB")
"""After the fees: the range, the vault flag, liquidity and price, then how the opening is given."""

NUMBERS: Final = {
    6000: "MathOverflow",
    6002: "ExceededSlippage",
    6003: "PoolDisabled",
    6006: "AmountIsZero",
    6007: "TypeCastFailed",
    6015: "PriceRangeViolation",
    6018: "InvalidInput",
    6038: "FeeInverseIsIncorrect",
    6049: "FailToValidateSingleSwapInstruction",
    6051: "UndeterminedError",
}
"""The names by number, the same in releases 0.1 and 0.2."""

ERRORS: Final = {
    **dict.fromkeys(NUMBERS.values(), Code.POOL_REFUSED),
    "ExceededSlippage": Code.SLIPPAGE_EXCEEDED,
}


def traded(
    _lines: Sequence[ProgramLogLine], inner: Sequence[Instruction], /
) -> tuple[SwapEvent, ...]:
    """Return the swaps that inner instructions report, in order; the logs have none."""
    found = []
    for call in inner:
        data = call.data
        if call.program != PROGRAM or not data.startswith(_EVENT):
            continue
        kind, body = data[8:16], data[16:]
        if kind == _SWAP_2 and len(body) >= _SWAP_2_AMOUNTS.size:
            pool, sent, _, received = _SWAP_2_AMOUNTS.unpack_from(body)
            found.append(SwapEvent(Address(encode(pool)), sent, received))
        elif kind == _SWAP and len(body) >= _SWAP_AMOUNTS.size:
            # Releases before 0.1.5, which do not say what transfer fees kept.
            pool, paid, given = _SWAP_AMOUNTS.unpack_from(body)
            found.append(SwapEvent(Address(encode(pool)), given, paid, exact=False))
    return tuple(found)


def opened(instruction: Instruction) -> PoolCreated | None:
    """Return the pool that an instruction makes, or None when it makes none."""
    kind = instruction.data[:8]
    at = _POOL_AT.get(kind)
    if instruction.program != PROGRAM or at is None or len(instruction.accounts) < at + 4:
        return None
    pool, _, mint_a, mint_b = (account.address for account in instruction.accounts[at : at + 4])
    # Where a config says whether the opening is a slot or a time, it cannot be seen from here.
    opens_s = None if kind == _INITIALIZE else _opens_s(instruction.data[8:])
    return PoolCreated(NAME, pool, mint_a, mint_b, opens_s)


def _opens_s(data: bytes) -> int | None:
    at = _BASE_FEE_BYTES
    if len(data) <= at:
        return None
    at += 1 + (_DYNAMIC_FEE_BYTES if data[at] else 0)
    if len(data) < at + _CUSTOM.size + 8:
        return None
    clock, given = _CUSTOM.unpack_from(data, at)
    if clock != BY_TIME or not given:
        return None
    return int.from_bytes(data[at + _CUSTOM.size : at + _CUSTOM.size + 8], "little")
