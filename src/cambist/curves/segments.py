"""Describes what a pool brings as segments, in each of which rate and depth have one formula.

From where a segment begins, d more given bring

    a * d / (1 + b * d)        the last of them at the rate   a / (1 + b * d)^2

A pool of two reserves is one segment, a range between two ticks is one, and a bin of one price is
one with b = 0. All numbers are whole, in raw units; what is searched with them is in `search`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cambist.curves.transfer_fee import TransferFee
from cambist.values.amount import BPS_ONE, RAW_MAX

_FIRST_CHORD: Final = 1 << 10
_CHORD_SHARE_BITS: Final = 4


Segment = tuple[int, int, int, int, int]
"""The rate where it begins as a fraction (2), how fast it falls as a fraction (2), and how much may
be given. A bare tuple, because a market has thousands."""


def straight(length: int, brought: int) -> Segment:
    """Return a segment on which each unit brings the same."""
    return brought, length, 0, 1, length


def ending(length: int, brought: int, fall: int, fall_of: int) -> Segment:
    """Return the segment that falls so fast and brings exactly so much at its end."""
    return brought * (fall_of + fall * length), length * fall_of, fall, fall_of, length


def limited(
    segments: Iterator[Segment],
    most: tuple[int, int],
    fees: tuple[TransferFee, TransferFee] | None = None,
) -> Iterator[Segment]:
    """Yield segments up to what vaults can take and pay, counted with the mints' own fees."""
    room, held = most
    into, out = (BPS_ONE - fee.bps for fee in fees) if fees else (BPS_ONE, BPS_ONE)
    for rate, rate_of, fall, fall_of, whole in segments:
        length = min(whole, room)
        brought = rate * length * fall_of // (rate_of * (fall_of + fall * length))
        # The vault runs out within the segment: solve a*d / (1 + b*d) = held for d.
        if brought > held:
            length = held * rate_of * fall_of // (rate * fall_of - held * fall * rate_of)
        if length > 0 < into:
            yield (
                rate * into * out,
                rate_of * BPS_ONE * BPS_ONE,
                fall * into,
                fall_of * BPS_ONE,
                length * BPS_ONE // into,
            )
        if length < whole:
            return
        room, held = room - length, held - brought


def chords(ask: Callable[[int], int], first: int = _FIRST_CHORD) -> Iterator[Segment]:
    """Yield straight segments between amounts that grow, for a curve that has no formula here.

    `ask` returns what an amount brings, 0 where it is refused; `first` is where the first one ends.
    """
    given = paid = 0
    amount = max(first, _FIRST_CHORD)
    while amount <= RAW_MAX:
        brought = ask(amount)
        if brought > paid:
            yield straight(amount - given, brought - paid)
            given, paid = amount, brought
        elif paid:
            return
        amount += amount >> _CHORD_SHARE_BITS
