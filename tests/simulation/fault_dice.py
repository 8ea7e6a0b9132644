"""Draws how bad each kind of luck is in a run, and then draws the luck itself."""

from __future__ import annotations

import random
from collections import Counter
from typing import Final

WORST: Final = {
    "store refuses before the commit": 0.15,
    "store loses the word after the commit": 0.15,
    "store stalls": 0.06,
    "store cannot be read": 0.1,
    "endpoint refuses": 0.3,
    "endpoint takes a send and times out": 0.4,
    "endpoint is slow": 0.3,
    "endpoint lags": 1.0,
    "endpoint names a hash of a fork": 0.2,
    "send is lost": 0.9,
    "chain skips a slot": 0.4,
    "chain forks": 0.2,
    "chain is congested": 0.8,
    "chain includes at the last height": 1.0,
    "chain executes with an error": 0.6,
    "bell is lost": 0.7,
    "bell rings twice": 0.5,
    "bell rings late": 0.5,
    "news is lost": 0.3,
    "news comes twice": 0.3,
    "news comes late": 0.4,
    "venue gives no answer": 0.2,
    "venue hangs": 0.15,
    "simulation refuses": 0.05,
}
"""The greatest probability of each mishap, wherever it could strike."""

SEVERITIES: Final = (0.0, 0.3, 0.7, 1.0, 1.0)
MILD: Final = (0.0, 0.1, 0.3)


THEMES: Final[dict[str, tuple[str, ...]]] = {
    "mixed": (),
    "late and lied to": ("chain includes at the last height",),
    "a pool that lags": ("endpoint lags", "chain includes at the last height"),
    "slow answers": ("endpoint is slow", "chain includes at the last height"),
    "a lossy network": ("send is lost", "endpoint takes a send and times out"),
    "a sick store": ("store loses the word after the commit", "store stalls"),
    "bad news": ("bell is lost", "bell rings late", "news is lost", "news comes late"),
}
"""What a run may be about: there these mishaps are at their worst, and the others are mild."""

SHARES: Final = (0.0, 0.0, 0.0, 0.1, 0.3, 0.6, 1.0, 1.0)
"""How much of the worst there is of each mishap: often none, now and then all of it."""


class Dice:
    """The luck of one run. Once `calm`, nothing strikes any more."""

    def __init__(self, seed: object) -> None:
        self.chance = random.Random(f"{seed}:luck")
        draw = random.Random(f"{seed}:weather")
        self.theme = draw.choice(("mixed", *THEMES, "mixed"))
        severity = draw.choice(SEVERITIES if self.theme == "mixed" else MILD)
        self.odds = {name: severity * worst * draw.choice(SHARES) for name, worst in WORST.items()}
        self.odds |= {name: WORST[name] for name in THEMES[self.theme]}
        self.struck: Counter[str] = Counter()
        self.is_calm = False

    def hit(self, name: str) -> bool:
        """Whether a mishap strikes here."""
        if self.is_calm or self.chance.random() >= self.odds[name]:
            return False
        self.struck[name] += 1
        return True

    def calm(self) -> None:
        """Let nothing strike any more."""
        self.is_calm = True

    def between(self, low: float, high: float) -> float:
        """Draw from a span."""
        return self.chance.uniform(low, high)
