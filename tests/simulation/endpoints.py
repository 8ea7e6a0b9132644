"""Answers for the chain as endpoints do: late, from one of several machines, or falsely.

Of several endpoints one at most is a liar, and always the same one: were another to begin while
the first one's answer is still on its way, two would have lied in one round. None ever invents a
landing: that a transaction which is shown really landed is what the engine has to trust.
"""

from __future__ import annotations

import random
from typing import Final

from cambist.orders.attempt import Fill, SignatureStatus
from cambist.ports.chain import Blockhash
from cambist.ports.errors import PortUnavailable
from cambist.values.amount import RawAmount
from cambist.values.ids import Signature
from cambist.values.time_units import Height, Slot
from tests.simulation.fault_dice import Dice
from tests.simulation.ledger import CACHED_SLOTS, FIRST_SLOT, SLACK, WINDOW, Ledger, View

LIES: Final = ("slot as height", "amnesia", "frozen", "wrong last height")
LAG_SLOTS_MAX: Final = 30
STRAGGLER_SHARE: Final = 0.5
FEE: Final = 5_000


class Endpoint:
    """One endpoint, behind which several machines stand: each call may reach another one."""

    def __init__(self, name: str, ledger: Ledger, dice: Dice, draw: random.Random) -> None:
        self.name = name
        self._ledger, self._dice = ledger, dice
        self.lie: str | None = None
        self.lag_max = 0
        self.has_straggler = draw.random() < 0.5
        self.prunes = draw.random() < 0.3
        self._frozen: View | None = None

    def heal(self) -> None:
        """Be honest from now on, keep up, and serve all history."""
        self.lie, self.lag_max, self.prunes, self._frozen = None, 0, False, None

    def freeze(self) -> None:
        """Show the same moment from now on."""
        self._frozen = self._frozen or self._ledger.now

    @property
    def first_slot(self) -> Slot:
        """The oldest slot whose history every machine of it serves."""
        slot = self._ledger.now.slot - CACHED_SLOTS if self.prunes else FIRST_SLOT
        return Slot(max(slot, FIRST_SLOT))

    def _view(self) -> View:
        if self._frozen is not None and self.lie == "frozen":
            return self._frozen
        return self._ledger.ago(self._lag())

    def _lag(self) -> int:
        """Draw how many slots behind this call's machine is: any number, or one always the same."""
        if not self.lag_max or not self._dice.hit("endpoint lags"):
            return 0
        chance = self._dice.chance
        if self.has_straggler:
            return self.lag_max if chance.random() < STRAGGLER_SHARE else 0
        return chance.randint(0, self.lag_max)

    def epoch(self) -> tuple[Slot, Height]:
        """Tell the finalized slot and height, in one call."""
        slot, height = self._ledger.height(self._view().finalized)
        return slot, Height(slot) if self.lie == "slot as height" else height

    def statuses(self, asked: list[Signature]) -> tuple[Slot, list[SignatureStatus | None]]:
        """Tell where the signatures stand, and the slot they were looked up at."""
        view = self._view()
        return Slot(view.tip.slot), [self._sighting(request, view) for request in asked]

    def _sighting(self, signature: Signature, view: View) -> SignatureStatus | None:
        landing = self._ledger.landing(signature, view.tip)
        if landing is None or self.lie == "amnesia":
            return None
        if self.prunes and landing.slot < view.tip.slot - CACHED_SLOTS:
            return None
        return SignatureStatus(
            self._ledger.commitment(landing, view), Slot(landing.slot), landing.error
        )

    def is_valid(self, blockhash: str, min_slot: Slot) -> tuple[bool, Slot]:
        """Tell whether a blockhash is good at finalized, and at which slot that is.

        Raises PortUnavailable when it is behind.
        """
        final = self._view().finalized
        if self.lie != "frozen" and final.slot < min_slot:
            raise PortUnavailable("the node has not reached the slot asked for")
        block = self._ledger.block_of(blockhash)
        good = block is not None and final.holds(block) and final.height <= block.height + WINDOW
        return good, Slot(final.slot)

    def blockhash(self) -> Blockhash:
        """Name a recent blockhash and the last height it is good for."""
        view = self._view()
        on_fork = self._dice.hit("endpoint names a hash of a fork")
        block = view.tip if on_fork else view.confirmed
        last = block.height + WINDOW
        if self.lie == "wrong last height":
            # More than the slack would be noticed when it is compared with another endpoint's.
            last += self._dice.chance.choice((-SLACK, -SLACK, -3, SLACK))
        return Blockhash(block.hash, Height(last), Slot(block.slot))

    def receipt(self, signature: Signature, *, processed: bool = False) -> Fill | None:
        """Tell what a confirmed transaction moved."""
        view = self._view()
        landing = self._ledger.landing(signature, view.tip if processed else view.confirmed)
        if landing is None or landing.error is not None or self.lie == "amnesia":
            return None
        return Fill(
            signature,
            RawAmount(landing.amount_in),
            RawAmount(landing.amount_out),
            RawAmount(FEE),
            Slot(landing.slot),
        )
