"""Halves what is left of a move with every half-life, in integers."""

from __future__ import annotations

from typing import Final

PPB_ONE: Final = 1_000_000_000
PARTS: Final = 20
"""A half-life is a multiple of so many slots."""
_HALVINGS_MAX: Final = 62
_LEFT_PPB: Final = (
    1_000_000_000, 965_936_329, 933_032_992, 901_250_463, 870_550_563, 840_896_415, 812_252_396,
    784_584_098, 757_858_283, 732_042_848, 707_106_781, 683_020_128, 659_753_955, 637_280_314,
    615_572_207, 594_603_558, 574_349_177, 554_784_736, 535_886_731, 517_632_462, 500_000_000,
)  # fmt: skip
"""2 ** (-n / 20) for n of 0 to 20, in parts per billion."""


def left_ppb(slots: int, half_life: int) -> int:
    """Return what is left after so many slots, in parts per billion; 0 after 62 half-lives.

    Between two twentieths of a half-life it falls straight.
    """
    halvings, rest = divmod(slots, half_life)
    if halvings > _HALVINGS_MAX:
        return 0
    part, along = divmod(rest * PARTS, half_life)
    here, there = _LEFT_PPB[part], _LEFT_PPB[part + 1]
    return here - (here - there) * along // half_life >> halvings
