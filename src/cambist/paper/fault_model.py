"""Decides which faults strike in the paper network, how often, and how long things take.

Every decision is a hash of (seed, purpose, key). The same order therefore meets the same faults in
whatever order things happen, and a fault can be found again from its key.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, Literal

import msgspec

from cambist.orders.attempt import ChainParameters
from cambist.values.time_units import Millis

PPM_ONE: Final = 1_000_000
BLOCKHASH_WINDOW: Final = 150
INITIAL_BALANCE_WHOLE: Final = 1_000_000

ProfileName = Literal["realistic", "instant"]
Purpose = Literal[
    "landing", "dropped", "reverted", "phantom", "quote_delay", "quote_error", "busy", "lie"
]


class DelayRange(msgspec.Struct, frozen=True, gc=False):
    """A range of milliseconds, both ends included."""

    low_ms: Millis
    high_ms: Millis


class Profile(msgspec.Struct, frozen=True):
    """How the network behaves. Rates are in parts per million of what they strike.

    `quote_ms` is None where quotes are at hand; `endowment_whole` is how many whole tokens of
    each kind a wallet is given on first use, `witnesses` how many endpoints are asked. Faults by
    name:

    reverted     an attempt executes with a passing error and moves nothing but the fee
    dropped      a send vanishes on its way; the next send of the same bytes may arrive
    phantom      a signature shows as processed for a few slots on a fork that is then forgotten
    quote_error  a venue cannot be asked
    """

    name: str
    slot_ms: Millis
    finality: int
    landing_ms: DelayRange
    quote_ms: DelayRange | None
    reverted_ppm: int = 0
    dropped_ppm: int = 0
    phantom_ppm: int = 0
    quote_error_ppm: int = 0
    endowment_whole: int = INITIAL_BALANCE_WHOLE
    witnesses: int = 1

    @property
    def rules(self) -> ChainParameters:
        """The chain's numbers; with one witness, the margin is the window."""
        window = BLOCKHASH_WINDOW
        return ChainParameters(
            slot_ms=self.slot_ms,
            blockhash_window=window,
            finality_slots=self.finality,
            lapse_margin=window,
            observers_required=self.witnesses,
        )


REALISTIC: Final = Profile(
    "realistic",
    slot_ms=Millis(100),
    finality=10,
    landing_ms=DelayRange(Millis(2_000), Millis(3_000)),
    quote_ms=DelayRange(Millis(150), Millis(250)),
    reverted_ppm=50_000,
    dropped_ppm=20_000,
)
INSTANT: Final = Profile(
    "instant",
    slot_ms=Millis(5),
    finality=4,
    landing_ms=DelayRange(Millis(0), Millis(0)),
    quote_ms=None,
)
PROFILES: Final[dict[ProfileName, Profile]] = {"realistic": REALISTIC, "instant": INSTANT}


def random_bits(seed: int, purpose: Purpose, key: str) -> int:
    """Return 64 bits that only the seed, the purpose and the key decide."""
    text = f"{seed}\n{purpose}\n{key}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def occurs(seed: int, purpose: Purpose, key: str, rate_ppm: int) -> bool:
    """Whether a fault of this rate strikes here."""
    return rate_ppm > 0 and random_bits(seed, purpose, key) % PPM_ONE < rate_ppm


def delay_ms(seed: int, purpose: Purpose, key: str, span: DelayRange) -> int:
    """Return a delay within the span, in milliseconds."""
    width = span.high_ms - span.low_ms
    return span.low_ms + (random_bits(seed, purpose, key) % (width + 1) if width else 0)
