"""Says what one more swap in a transaction costs, in lamports and in the token that is not sized.

The bytes of a swap cost nothing by themselves: the base fee is paid for each signature. They are a
bound of the transaction and no price (`transaction_limits`).
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import Final

import msgspec

from cambist.optimizer.rate_curve import Rate, converted
from cambist.routing.paths import FREE, LegCosts
from cambist.routing.transaction_limits import COMPUTE_UNITS

MICRO: Final = 1_000_000
BASE_FEE_LAMPORTS: Final = 5_000
_REMEMBERED_MAX: Final = 256


class LegPrice(msgspec.Struct, frozen=True):
    """What a swap is priced by.

    `unit_price` is the priority fee in micro-lamports for a compute unit. `revert_ppm` is the
    chance, in parts per million, that one more swap reverts the whole transaction: then its fees
    are lost.
    """

    unit_price: int = 50_000
    revert_ppm: int = 5_000

    def lamports(self, program: str) -> int:
        """Return what one more swap of a program costs, rounded up at each step.

            units * unit_price / 10^6  +  revert_ppm / 10^6 * (base fee + units * unit_price / 10^6)

        `units` is what the program's swap may take (`COMPUTE_UNITS`).
        """
        priority = -(-COMPUTE_UNITS[program] * self.unit_price // MICRO)
        lost = -(-self.revert_ppm * (BASE_FEE_LAMPORTS + priority) // MICRO)
        return priority + lost


@lru_cache(maxsize=_REMEMBERED_MAX)
def leg_costs(price: LegPrice, units_per_lamport: Rate | None) -> LegCosts:
    """Return what a swap costs by program, in raw units of the token that is not sized.

    `units_per_lamport` is how many raw units of it a lamport is worth; None where it has no price
    in SOL: then a swap costs nothing, and only the least gain decides. Rounded up.
    """
    if units_per_lamport is None:
        return FREE
    return MappingProxyType(
        {
            program: converted(price.lamports(program), units_per_lamport)
            for program in COMPUTE_UNITS
        }
    )
