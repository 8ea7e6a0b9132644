"""Turns any bytes into changed accounts of a pool, and into a transaction's logs and calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from bench.sample_pools import NOW
from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, key_bytes
from cambist.venues.logs import ProgramLogLine, read_lines
from cambist.venues.program import AccountMeta, Instruction, Program
from cambist.venues.snapshot import Account, ChainTime, Snapshot

EDITS_MAX: Final = 12
_U64: Final = (1 << 64) - 1
_EDGES: Final = (
    0, 1, 2, 127, 128, 255, 256, 9_999, 10_000, 10_001, 2**31 - 1, 2**31, 2**32 - 1, 2**32,
    10**9, 2**62, 2**63 - 1, 2**63, _U64 - 1, _U64,
)  # fmt: skip
_OWNERS: Final = (
    TOKEN_PROGRAM,
    TOKEN_2022_PROGRAM,
    Address("11111111111111111111111111111111"),
)


class Bytes:
    """Bytes that are taken one after the other; there are always more, all zero."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> bool:
        """Whether any are left."""
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """Return the next few."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken.ljust(count, b"\0")

    def number(self, count: int = 1) -> int:
        """Return the next few as a number."""
        return int.from_bytes(self.take(count), "little")

    def below(self, end: int) -> int:
        """Return a number that is less than `end`, of one byte or of two."""
        return self.number(1 if end <= 256 else 2) % max(end, 1)


def edited(accounts: Sequence[Account], data: Bytes) -> Snapshot:
    """Return a snapshot of these accounts, changed as the bytes say, at a time they say."""
    shift = data.number(8)
    time = NOW if not shift & 3 else ChainTime(NOW.slot, shift >> 1, shift & 0xFFFF)
    held = [
        [account.address, account.owner, bytearray(account.data), _used(account.data)]
        for account in accounts
    ]
    for _ in range(EDITS_MAX):
        if not data.left or not held:
            break
        _edit(held, data)
    found = {bin_[0]: Account(bin_[0], bin_[1], bytes(bin_[2])) for bin_ in held}
    return Snapshot(found, time)


def _edit(held: list[list[Any]], data: Bytes) -> None:
    kind = data.below(9)
    at = data.below(len(held))
    account = held[at]
    body: bytearray = account[2]
    used: tuple[int, ...] = account[3]
    if kind <= 2:
        start = data.below(len(body)) if kind == 0 else _position(used, data)
        fresh = data.take(1 + data.below(16))
        body[start : start + len(fresh)] = fresh
    elif kind <= 4:
        start = _position(used, data) if kind == 3 else data.below(len(body))
        width = (1, 2, 4, 8, 16)[data.below(5)]
        value = _EDGES[data.below(len(_EDGES))]
        fresh = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        body[start : start + width] = fresh
    elif kind == 5:
        del body[data.below(len(body) + 1) :]
    elif kind == 6:
        body += data.take(data.below(200))
    elif kind == 7:
        account[1] = (*_OWNERS, *(bin_[1] for bin_ in held))[data.below(len(_OWNERS) + len(held))]
    elif data.below(2):
        held.pop(at)
    else:
        start = _position(used, data)
        body[start : start + 32] = key_bytes(held[data.below(len(held))][0])


@lru_cache(maxsize=64)
def _used(body: bytes) -> tuple[int, ...]:
    """Return the places of the bytes that are not zero."""
    return tuple(at for at, one in enumerate(body) if one) or (0,)


def _position(used: tuple[int, ...], data: Bytes) -> int:
    """Return a place that was in use, or one a little before."""
    return max(used[data.below(len(used))] - data.below(8), 0)


def told(
    program: Program[Any], magics: Sequence[bytes], data: Bytes
) -> tuple[list[ProgramLogLine], list[Instruction]]:
    """Return log lines and inner instructions as the bytes say."""
    lines: list[ProgramLogLine] = []
    calls: list[Instruction] = []
    programs = (program.id, TOKEN_PROGRAM, TOKEN_2022_PROGRAM, *_OWNERS)
    while data.left and len(lines) + len(calls) < EDITS_MAX:
        kind, by = data.below(4), programs[data.below(len(programs))]
        body = b"".join(magics[data.below(len(magics))] for _ in range(data.below(3)))
        body += data.take(data.below(400))
        if kind == 0:
            lines.append(ProgramLogLine(by, data=body))
        elif kind == 1:
            lines += read_lines(body.decode("utf-8", "replace").splitlines())
        elif kind == 2:
            lines.append(ProgramLogLine(by, text=body.decode("utf-8", "replace")))
        else:
            named = (AccountMeta(Address(encode(bytes([n]) * 32))) for n in range(data.below(20)))
            calls.append(Instruction(by, tuple(named), body))
    return lines, calls


def magics_of(modules: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Return the discriminators that modules name, alone or in sets and tables."""
    found: set[bytes] = {b""}
    for names in modules:
        for value in names.values():
            many = value if isinstance(value, (dict, frozenset, set, tuple)) else (value,)
            found |= {one for one in many if isinstance(one, bytes) and 0 < len(one) <= 16}
            found |= {one.magic for one in (value,) if isinstance(getattr(one, "magic", 0), bytes)}
    return sorted(found)
