"""Reads what Meteora's DAMM v1 reports: swaps done, pools created, and errors."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from cambist.faults import Code
from cambist.values.program_address import TOKEN_PROGRAM
from cambist.venues.logs import ProgramLogLine
from cambist.venues.meteora.damm_v1.accounts import BY_TIME, PROGRAM, VAULT_PROGRAM
from cambist.venues.program import Instruction, PoolCreated, SwapEvent

NAME: Final = "damm_v1"
_SWAPPED: Final = bytes.fromhex("516ce3becdd00ac4")
_AMOUNTS: Final = struct.Struct("<5Q")
"""What the curve counted, what was paid, and the fees of pool, protocol and host."""

_DEPOSIT: Final = bytes.fromhex("f223c68952e1f2b6")
_WITHDRAW: Final = bytes.fromhex("b712469c946da122")
_TRANSFER: Final = b"\x03"

_CUSTOM: Final = bytes.fromhex("9118acc2db7d03be")
_POOLS: Final = {
    bytes.fromhex("4d55b29d3230d47e"): 2,  # permissioned
    bytes.fromhex("76ad299dad486167"): 2,  # permissionless
    bytes.fromhex("06874493e552a971"): 2,  # with a fee tier
    _CUSTOM: 2,
    bytes.fromhex("07a68aabceabecf4"): 3,  # with a config
    bytes.fromhex("3095dc823d0b09b2"): 3,  # with a config and an opening
}
"""Where each instruction names mint a; mint b comes next, and the pool comes first of all."""

_OPENS: Final = struct.Struct("<28xBQxB")
"""After both amounts and the fee: whether an opening is given, when, and whether it is a time."""

NUMBERS: Final = {
    6000: "MathOverflow",
    6003: "FeeCalculationFailure",
    6004: "ExceededSlippage",
    6005: "InvalidCalculation",
    6006: "ZeroTradingTokens",
    6007: "ConversionError",
    6015: "PoolDisabled",
    6042: "AmountIsZero",
}
"""The names by number in the release of 2025."""

ERRORS: Final = {
    **dict.fromkeys(NUMBERS.values(), Code.POOL_REFUSED),
    "ExceededSlippage": Code.SLIPPAGE_EXCEEDED,
}


def traded(lines: Sequence[ProgramLogLine], inner: Sequence[Instruction]) -> tuple[SwapEvent, ...]:
    """Return the swaps that a transaction reports, in order. The events do not name their pool.

    An event has what the curve counted. What left the trader is what went into a vault and to the
    protocol, and what arrived is what the other vault sent: a few units less. Where calls of vaults
    do not stand beside the events, the amounts are not exact.
    """
    amounts = []
    for line in lines:
        if line.program == PROGRAM and line.data.startswith(_SWAPPED):
            body = line.data[len(_SWAPPED) :]
            if len(body) >= _AMOUNTS.size:
                amounts.append(_AMOUNTS.unpack_from(body))
    through = _through_vaults(inner)
    if len(through) != len(amounts):
        return tuple(SwapEvent(None, given, paid, exact=False) for given, paid, *_ in amounts)
    return tuple(
        SwapEvent(None, into + protocol, paid, exact=not host)
        for (into, paid), (_, _, _, protocol, host) in zip(through, amounts, strict=True)
    )


def _through_vaults(inner: Sequence[Instruction]) -> list[tuple[int, int]]:
    """Return what went into a vault and what another sent right after it: those are swaps."""
    found, into, withdrawn = [], 0, False
    for call in inner:
        data = call.data
        if call.program == VAULT_PROGRAM:
            withdrawn = into > 0 and data.startswith(_WITHDRAW)
            if not withdrawn:
                into = int.from_bytes(data[8:16], "little") if data.startswith(_DEPOSIT) else 0
        elif withdrawn and call.program == TOKEN_PROGRAM and data.startswith(_TRANSFER):
            found.append((into, int.from_bytes(data[1:9], "little")))
            into, withdrawn = 0, False
    return found


def opened(instruction: Instruction) -> PoolCreated | None:
    """Return the pool that an instruction makes, or None when it makes none."""
    data, accounts = instruction.data, instruction.accounts
    at = _POOLS.get(data[:8])
    if instruction.program != PROGRAM or at is None or len(accounts) < at + 2:
        return None
    # Where a config says whether the opening is a slot or a time, it cannot be seen from here.
    opens_s = _opens_s(data) if data.startswith(_CUSTOM) else None
    mint_a, mint_b = accounts[at].address, accounts[at + 1].address
    return PoolCreated(NAME, accounts[0].address, mint_a, mint_b, opens_s)


def _opens_s(data: bytes) -> int | None:
    if len(data) < _OPENS.size:
        return None
    given, point, clock = _OPENS.unpack_from(data)
    return point if given == 1 and clock == BY_TIME else None
