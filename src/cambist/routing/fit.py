"""Counts whether the swaps of a route fit one transaction: bytes, accounts, compute units.

Without address lookup tables. The layout is that of a version-0 message: one signature, header,
account keys, blockhash, and each instruction with its accounts as one byte each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from cambist.values.ids import Address
from cambist.venues.program import Instruction

TRANSACTION_BYTES_MAX: Final = 1_232
ACCOUNTS_MAX: Final = 64
COMPUTE_UNITS_MAX: Final = 1_400_000
COMPUTE_UNITS: Final = {
    "amm_v4": 45_000,
    "cpmm": 60_000,
    "clmm": 250_000,
    "dlmm": 250_000,
    "damm_v2": 60_000,
    "damm_v1": 140_000,
}
"""What a swap may take, generously; by the program's short name."""
_SIGNATURE: Final = 1 + 64
_HEAD: Final = 1 + 3
_KEY, _BLOCKHASH = 32, 32
_NO_TABLES: Final = 1
_COMPUTE_BUDGET_BYTES: Final = _KEY + (3 + 5) + (3 + 9)
"""Its account, and its two instructions: the limit, and the price of a unit."""
_ONE_BYTE_MAX: Final = 127


def transaction_bytes(calls: Sequence[Instruction], payer: Address) -> int:
    """Return how many bytes the signed transaction of these calls has, its budget counted."""
    keys = {payer}
    body = 0
    for call in calls:
        keys.add(call.program)
        keys.update(one.address for one in call.accounts)
        body += 1 + _counted(len(call.accounts)) + _counted(len(call.data))
    fixed = _SIGNATURE + _HEAD + _BLOCKHASH + _NO_TABLES + _COMPUTE_BUDGET_BYTES
    count = _length_bytes(len(keys) + 1) + _length_bytes(len(calls) + 2)
    return fixed + count + _KEY * len(keys) + body


class Load(NamedTuple):
    """What one way adds to a transaction: the accounts it names, and bytes and units beside."""

    keys: frozenset[Address]
    body: int
    calls: int
    units: int


def load(calls: Sequence[Instruction], programs: Sequence[str]) -> Load:
    """Return what these calls add to a transaction."""
    keys = {call.program for call in calls}
    body = 0
    for call in calls:
        keys.update(one.address for one in call.accounts)
        body += 1 + _counted(len(call.accounts)) + _counted(len(call.data))
    return Load(frozenset(keys), body, len(calls), sum(COMPUTE_UNITS[one] for one in programs))


def together(loads: Sequence[Load], bytes_max: int = TRANSACTION_BYTES_MAX) -> bool:
    """Whether ways fit one transaction, with a payer's account beside those that they name."""
    keys = frozenset[Address]().union(*(one.keys for one in loads))
    fixed = _SIGNATURE + _HEAD + _BLOCKHASH + _NO_TABLES + _COMPUTE_BUDGET_BYTES
    calls = sum(one.calls for one in loads)
    count = _length_bytes(len(keys) + 1) + _length_bytes(calls + 2)
    size = fixed + count + _KEY * len(keys) + sum(one.body for one in loads)
    return (
        size <= bytes_max
        and len(keys) <= ACCOUNTS_MAX
        and sum(one.units for one in loads) <= COMPUTE_UNITS_MAX
    )


def misfit(
    calls: Sequence[Instruction],
    programs: Sequence[str],
    payer: Address,
    bytes_max: int = TRANSACTION_BYTES_MAX,
) -> str | None:
    """Return why these swaps do not fit one transaction, in words; None when they do."""
    size = transaction_bytes(calls, payer)
    if size > bytes_max:
        return f"it takes {size} bytes of {bytes_max}"
    accounts = {one.address for call in calls for one in call.accounts}
    accounts |= {call.program for call in calls}
    if len(accounts) > ACCOUNTS_MAX:
        return f"it names {len(accounts)} accounts of {ACCOUNTS_MAX}"
    units = sum(COMPUTE_UNITS[one] for one in programs)
    if units > COMPUTE_UNITS_MAX:
        return f"it may take {units} compute units of {COMPUTE_UNITS_MAX}"
    return None


def _counted(length: int) -> int:
    return _length_bytes(length) + length


def _length_bytes(length: int) -> int:
    """Return the bytes of a compact-u16, which holds seven bits in each."""
    return 1 if length <= _ONE_BYTE_MAX else 2
