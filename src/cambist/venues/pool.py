"""States what every kind of pool can do, so that routing needs to know none of them."""

from __future__ import annotations

from typing import Protocol

from cambist.faults import Fault
from cambist.values.ids import Address
from cambist.values.route import Mode, Quote


class Pool(Protocol):
    """A pool as it stood at one slot. Pure: quoting changes nothing."""

    @property
    def venue(self) -> str:
        """The venue it belongs to, by name."""

    @property
    def address(self) -> Address:
        """Its account."""

    def quote(self, mint_in: Address, mode: Mode, amount: int) -> Quote | Fault:
        """Return what a swap of this amount would do, or why the pool refuses it.

        `amount` is raw units given (exact_in) or taken (exact_out).
        """
