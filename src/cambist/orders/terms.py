"""Sets the bounds of a deal: tolerance, prices, deadline and number of tries."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from cambist.values.amount import BPS_ONE, Bps, RawAmount, mul_div_ceil, mul_div_floor
from cambist.values.price import PriceLevel
from cambist.values.route import SwapMode
from cambist.values.time_units import Timestamp

TimeInForce = Literal["gtc", "fok"]
"""How long an order is tried: until cancelled or past its deadline, or once for all of it."""

SLIPPAGE_DEFAULT_BPS: Final = Bps(50)
TRIES_DEFAULT: Final = 3
TRIES_MAX: Final = 10


class Terms(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the user accepts. The deadline bounds the signing, not the landing.

    `limit_price` is the worst price that is ever traded, `trigger_price` the price that starts a
    stop or a take-profit. `slippage_ladder_bps` are the tolerances after each revert because of
    the bound. `confirm_slots` is how many slots in a row a price has to be met. Before `start_at`
    nothing is observed.
    """

    slippage_bps: Bps = SLIPPAGE_DEFAULT_BPS
    tries_max: int = TRIES_DEFAULT
    deadline: Timestamp | None = None
    limit_price: PriceLevel | None = None
    trigger_price: PriceLevel | None = None
    slippage_ladder_bps: tuple[Bps, ...] = ()
    time_in_force: TimeInForce = "gtc"
    confirm_slots: int = 1
    start_at: Timestamp | None = None

    def bound(self, mode: SwapMode, amount_in: int, amount_out: int) -> RawAmount:
        """Return the worst amount still accepted for a quote, in raw units, rounded strictly.

        For exact_in the least amount out (rounded up), for exact_out the greatest in (down). It is
        the stricter of the tolerance and the limit price.
        """
        if mode == "exact_in":
            least = mul_div_ceil(amount_out, BPS_ONE - self.slippage_bps, BPS_ONE)
            return RawAmount(max(least, self.limit_bound(mode, amount_in, amount_out) or 0))
        most = mul_div_floor(amount_in, BPS_ONE + self.slippage_bps, BPS_ONE)
        limit = self.limit_bound(mode, amount_in, amount_out)
        return RawAmount(most if limit is None else min(most, limit))

    def limit_bound(self, mode: SwapMode, amount_in: int, amount_out: int) -> int | None:
        """Return the worst amount that the limit price alone accepts; None without one."""
        if self.limit_price is None:
            return None
        if mode == "exact_in":
            return self.limit_price.least_out(amount_in)
        return self.limit_price.most_in(amount_out)

    def is_within_limit(self, amount_in: int, amount_out: int) -> bool:
        """Whether an exchange is at the limit price or better."""
        return self.limit_price is None or self.limit_price.is_reached_by(amount_in, amount_out)
