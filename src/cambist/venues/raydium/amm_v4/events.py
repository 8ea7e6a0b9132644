"""Reads what Raydium's AMM v4 logs and rejects: swaps done, pools created, errors."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cambist.faults import Code
from cambist.venues.logs import ProgramLogLine, read_base64
from cambist.venues.program import Instruction, KnownError, PoolCreated, SwapEvent
from cambist.venues.raydium.amm_v4.accounts import ID

INITIALIZE_2: Final = 1
NUMBERS: Final[Mapping[int, str]] = {
    22: "InvalidStatus",
    24: "WrongAccountsNumber",
    29: "InvalidInput",
    30: "ExceededSlippage",
    38: "InvalidSplTokenProgram",
    40: "InsufficientFunds",
    42: "InvalidUserToken",
}
ERRORS: Final[Mapping[str, Code]] = {
    "InvalidStatus": Code.POOL_REFUSED,
    "WrongAccountsNumber": Code.TRANSACTION_REFUSED,
    "InvalidInput": Code.POOL_REFUSED,
    "ExceededSlippage": Code.SLIPPAGE_EXCEEDED,
    "InvalidSplTokenProgram": Code.TRANSACTION_REFUSED,
    "InsufficientFunds": Code.INSUFFICIENT_FUNDS,
    "InvalidUserToken": Code.TRANSACTION_REFUSED,
}
_RAY_LOG: Final = "ray_log: "
_SWAP_LOG: Final = struct.Struct("<B7Q")
_SWAP_IN_LOG, _SWAP_OUT_LOG = 3, 4
_OPEN_TIME: Final = struct.Struct("<xxQ")


class _Places(NamedTuple):
    """Where `initialize2` names what, by how many accounts it has."""

    pool: int
    mint_a: int
    mint_b: int


_PLACES: Final = {21: _Places(4, 8, 9), 19: _Places(4, 7, 8)}


def traded(lines: Sequence[ProgramLogLine]) -> tuple[SwapEvent, ...]:
    """Return the swaps that logs report; they do not name their pools."""
    swaps = []
    for line in lines:
        if line.program != ID or not line.text.startswith(_RAY_LOG):
            continue
        data = read_base64(line.text[len(_RAY_LOG) :]) or b""
        if len(data) != _SWAP_LOG.size:
            continue
        kind, first, second, _, _, _, _, last = _SWAP_LOG.unpack(data)
        if kind == _SWAP_IN_LOG:
            swaps.append(SwapEvent(None, first, last))
        elif kind == _SWAP_OUT_LOG:
            swaps.append(SwapEvent(None, last, second))
    return tuple(swaps)


def opened(call: Instruction) -> PoolCreated | None:
    """Return the pool that a call makes, or None."""
    places = _PLACES.get(len(call.accounts))
    if call.program != ID or places is None or call.data[:1] != bytes((INITIALIZE_2,)):
        return None
    if len(call.data) < _OPEN_TIME.size:
        return None
    pool, a, b = (call.accounts[at].address for at in places)
    (opens_s,) = _OPEN_TIME.unpack_from(call.data)
    return PoolCreated("amm_v4", pool, a, b, opens_s)


def error(number: int | None) -> KnownError | None:
    """Return what an error means. The program logs no names, and its numbers never moved."""
    name = None if number is None else NUMBERS.get(number)
    return None if name is None else KnownError(name, ERRORS[name])
