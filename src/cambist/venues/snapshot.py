"""Holds accounts as they stood together at one slot, and refuses what is not fully understood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from cambist.faults import Code, Fault, fault
from cambist.values.ids import Address
from cambist.values.time_units import Slot
from cambist.venues.reject_reasons import RejectReason

SLOTS_PER_EPOCH: Final = 432_000
"""Of the main chain, whose epochs have all been of one length."""
LANDING_DELAY_S: Final = 3
LANDING_DELAY_SLOTS: Final = 8
"""How much later than its quote a swap may be executed, where the clock moves the fee."""


class Account(msgspec.Struct, frozen=True, gc=False):
    """One account: its address, the program that owns it, and its bytes."""

    address: Address
    owner: Address
    data: bytes


class ChainTime(msgspec.Struct, frozen=True, gc=False):
    """The chain's clock at a slot: seconds since the Unix epoch, and the epoch of its stakes."""

    slot: Slot
    unix_s: int
    epoch: int

    def later(self, seconds: int, slots: int = 0) -> ChainTime:
        """Return the clock so much later, in the same epoch."""
        return ChainTime(Slot(self.slot + slots), self.unix_s + seconds, self.epoch)

    def next_epoch(self) -> ChainTime:
        """Return the same slot and second, as if the next epoch had begun."""
        return ChainTime(self.slot, self.unix_s, self.epoch + 1)

    def may_be_next_epoch(self, slots: int) -> bool:
        """Whether so many slots on the next epoch may have begun.

        Where the epoch is not that of the main chain's count, nobody knows when it ends.
        """
        if self.slot // SLOTS_PER_EPOCH != self.epoch:
            return True
        return (self.slot + slots) // SLOTS_PER_EPOCH > self.epoch


class PoolRejected(ValueError):
    """A pool, or an amount at a pool, that is refused: which refusal, and what was seen.

    The only error that decoding, quoting and building may raise.
    """

    def __init__(self, refusal: RejectReason, seen: str = "") -> None:
        super().__init__(f"{refusal.sentence} ({seen})" if seen else refusal.sentence)
        self.refusal = refusal
        self.seen = seen

    @property
    def fault(self) -> Fault:
        """The refusal as data."""
        return fault(Code.POOL_REFUSED, str(self))


# All accounts of a quote come from one slot. CPMM and AMM v4 keep their reserves in vault accounts
# beside the pool: a pool of one slot with vaults of another would have a price that never was.
class Snapshot(msgspec.Struct, frozen=True):
    """Accounts as they stood at one slot, all of them, with the chain's clock at that slot."""

    accounts: Mapping[Address, Account]
    time: ChainTime

    def get(self, address: Address) -> Account | None:
        """Return an account, or None when the snapshot has none such."""
        return self.accounts.get(address)

    def owned(self, address: Address, program: Address) -> Account:
        """Return an account of this program. Raises PoolRejected when missing or another's."""
        found = self.accounts.get(address)
        if found is None:
            raise PoolRejected(RejectReason.ACCOUNT_MISSING, address)
        if found.owner != program:
            raise PoolRejected(RejectReason.WRONG_OWNER, address)
        return found
