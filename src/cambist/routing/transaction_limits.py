"""Counts whether the swaps of a route fit one transaction: bytes, accounts, compute units.

Two formats, both without address lookup tables. A version-0 message has one signature, a header,
the account keys, a blockhash and each instruction with its accounts as one byte each; its compute
budget takes two instructions. A version-1 transaction (SIMD-0385, in force since 2026-09-15) has
the budget in its head and may be 4,096 bytes long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from cambist.values.ids import Address
from cambist.venues.program import Instruction

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

_KEY, _BLOCKHASH, _SIGNATURE = 32, 32, 64
_V0_HEAD: Final = (1 + _SIGNATURE) + (1 + 3) + _BLOCKHASH + 1
"""The signature and its count, the version and the header, the blockhash, no lookup tables."""
_V0_BUDGET: Final = _KEY + (3 + 5) + (3 + 9)
"""The compute budget's account, and its two instructions: the limit, and the price of a unit."""
_V0_BUDGET_CALLS: Final = 2
_V1_HEAD: Final = 1 + 3 + 4 + _BLOCKHASH + 1 + 1 + _SIGNATURE
"""Version, header, mask of what is configured, blockhash, two counts, the signature at the end."""
_V1_BUDGET: Final = 8 + 4
"""The priority fee in lamports, and the limit of compute units."""
_V1_CALL: Final = 1 + 1 + 2
"""Of each instruction: its program, how many accounts, and how many bytes of data."""
_ONE_BYTE_MAX: Final = 127

FormatName = Literal["v0", "v1"]


class Envelope(msgspec.Struct, frozen=True):
    """What one transaction of a format holds; `paths_max` is how many paths a route may have."""

    name: FormatName
    bytes_max: int
    paths_max: int
    accounts_max: int = ACCOUNTS_MAX
    units_max: int = COMPUTE_UNITS_MAX


V0: Final = Envelope("v0", 1_232, 3)
V1: Final = Envelope("v1", 4_096, 6)
ENVELOPES: Final = {envelope.name: envelope for envelope in (V0, V1)}


class Load(NamedTuple):
    """What calls add to a transaction: the accounts they name, and bytes and units beside."""

    keys: frozenset[Address]
    body: int
    calls: int
    units: int


def load(calls: Sequence[Instruction], programs: Sequence[str], envelope: Envelope) -> Load:
    """Return what these calls add to a transaction; `programs` are their short names."""
    keys = {call.program for call in calls}
    body = 0
    for call in calls:
        keys.update(account.address for account in call.accounts)
        accounts, data = len(call.accounts), len(call.data)
        if envelope.name == "v0":
            body += 1 + _length_bytes(accounts) + accounts + _length_bytes(data) + data
        else:
            body += _V1_CALL + accounts + data
    return Load(
        frozenset(keys), body, len(calls), sum(COMPUTE_UNITS[program] for program in programs)
    )


def combine(loads: Iterable[Load]) -> Load:
    """Return what several loads add together: an account that two name is written once."""
    loads = tuple(loads)
    keys = frozenset[Address]().union(*(each.keys for each in loads))
    calls, units = sum(each.calls for each in loads), sum(each.units for each in loads)
    return Load(keys, sum(each.body for each in loads), calls, units)


def transaction_bytes(total: Load, envelope: Envelope) -> int:
    """Return how many bytes the signed transaction has; its payer must be among the keys."""
    keys = _KEY * len(total.keys)
    if envelope.name == "v1":
        return _V1_HEAD + _V1_BUDGET + keys + total.body
    counts = _length_bytes(len(total.keys) + 1) + _length_bytes(total.calls + _V0_BUDGET_CALLS)
    return _V0_HEAD + _V0_BUDGET + counts + keys + total.body


def limit_exceeded(loads: Iterable[Load], payer: Address, envelope: Envelope) -> str | None:
    """Return why these swaps do not fit one transaction, in words; None when they do."""
    total = combine((*loads, Load(frozenset((payer,)), 0, 0, 0)))
    size = transaction_bytes(total, envelope)
    if size > envelope.bytes_max:
        return f"it takes {size} bytes of {envelope.bytes_max}"
    if len(total.keys) > envelope.accounts_max:
        return f"it names {len(total.keys)} accounts of {envelope.accounts_max}"
    if total.units > envelope.units_max:
        return f"it may take {total.units} compute units of {envelope.units_max}"
    return None


def _length_bytes(length: int) -> int:
    """Return the bytes of a compact-u16, which holds seven bits in each."""
    return 1 if length <= _ONE_BYTE_MAX else 2
