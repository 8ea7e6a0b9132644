"""Sets the bounds of a deal: tolerance, deadline and number of tries."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.values.amount import BPS_ONE, Bps, RawAmount, mul_div_ceil, mul_div_floor
from cambist.values.route import SwapMode
from cambist.values.time_units import Timestamp

SLIPPAGE_DEFAULT_BPS: Final = Bps(50)
TRIES_DEFAULT: Final = 3
TRIES_MAX: Final = 10


class Terms(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the user accepts. The deadline bounds the signing, not the landing."""

    slippage_bps: Bps = SLIPPAGE_DEFAULT_BPS
    tries_max: int = TRIES_DEFAULT
    deadline: Timestamp | None = None

    def bound(self, mode: SwapMode, amount_in: int, amount_out: int) -> RawAmount:
        """Return the worst amount still accepted for a quote, in raw units, rounded strictly.

        For exact_in the least amount out (rounded up), for exact_out the greatest in (down).
        """
        if mode == "exact_in":
            return RawAmount(mul_div_ceil(amount_out, BPS_ONE - self.slippage_bps, BPS_ONE))
        return RawAmount(mul_div_floor(amount_in, BPS_ONE + self.slippage_bps, BPS_ONE))
