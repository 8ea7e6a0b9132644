"""Computes what a Token-2022 mint keeps of a transfer, both ways.

From the transfer-fee extension of SPL Token-2022 (`TransferFee::calculate_fee` and
`calculate_inverse_fee`): the fee is rounded up and has a maximum.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cambist.values.amount import BPS_ONE, mul_div_ceil


class TransferFee(NamedTuple):
    """A mint's fee: basis points of what is sent, at most `maximum` raw units."""

    bps: int
    maximum: int

    def of(self, sent: int) -> int:
        """Return what the mint keeps of raw units sent."""
        if not self.bps or not sent:
            return 0
        return min(mul_div_ceil(sent, self.bps, BPS_ONE), self.maximum)

    def on(self, received: int) -> int:
        """Return what the mint keeps when so many raw units are to arrive.

        The chain computes it from the amount to be sent, so `of(received + on(received))` may
        differ for a few amounts: those cannot be delivered exactly.
        """
        if not self.bps or not received:
            return 0
        if self.bps == BPS_ONE:
            return self.maximum
        # `calculate_pre_fee_amount`, then the fee of that; where the maximum applies, no rounding.
        sent = mul_div_ceil(received, BPS_ONE, BPS_ONE - self.bps)
        if sent - received >= self.maximum:
            return self.maximum
        return self.of(sent)


NO_FEE: Final = TransferFee(0, 0)
