"""Counts what a transaction costs beside what it swaps."""

from __future__ import annotations

import msgspec

from cambist.values.amount import RawAmount


class Costs(msgspec.Struct, frozen=True, gc=False):
    """What one attempt takes in lamports, whether it lands or reverts.

    `rent` is for token accounts it has to open, and comes back when they are closed.
    """

    network_fee: RawAmount
    tip: RawAmount
    rent: RawAmount

    @property
    def total(self) -> int:
        """All of it, in lamports."""
        return self.network_fee + self.tip + self.rent
