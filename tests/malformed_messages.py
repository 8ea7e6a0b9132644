"""Draws messages that a peer should not send: noise, JSON of the wrong shape, spoiled good ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 2**64, 10**400, 1.5, "", "\0", "é", "x" * 5_000, [], {}, [[]],
    "0" * 50, "So11111111111111111111111111111111111111112", "-", "NaN", {"method": "nothing"},
)  # fmt: skip


def broken_messages(seed: int, good: Sequence[bytes], many: int) -> Iterator[bytes]:
    """Yield messages without line ends, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(many):
        kind = chance.randrange(6)
        if kind == 0:
            message = chance.randbytes(chance.randrange(1, 200))
        elif kind == 1:
            deep = chance.choice((5, 500, 50_000))
            message = b'{"id":1,"x":' + b"[" * deep + b"]" * deep + b"}"
        elif kind == 2:
            message = json.dumps(chance.choice(ODD)).encode()
        elif kind == 3:
            message = _cut(chance, chance.choice(good))
        else:
            message = json.dumps(_spoil(chance, json.loads(chance.choice(good)))).encode()
        yield message.replace(b"\n", b" ").replace(b"\r", b" ")


def _cut(chance: random.Random, message: bytes) -> bytes:
    spoiled = bytearray(message)
    for _ in range(chance.randrange(1, 4)):
        spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
    return bytes(spoiled[: chance.randrange(1, len(spoiled) + 1)])


def _spoil(chance: random.Random, value: Any) -> Any:
    """Put something odd in the place of one part of a value."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        name = chance.choice(list(value))
        return {**value, name: _spoil(chance, value[name])}
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        return [*value[:place], _spoil(chance, value[place]), *value[place + 1 :]]
    return chance.choice(ODD)
