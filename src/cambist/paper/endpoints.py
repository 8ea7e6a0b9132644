"""Answers for one or two endpoints of the paper world; the second lies when it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from cambist.orders.attempt import Witness
from cambist.paper.fault_model import BLOCKHASH_WINDOW, draw, strikes
from cambist.paper.world import World
from cambist.values.ids import Signature
from cambist.values.time_units import Height, Slot

SECOND: Final = "paper-2"
_AHEAD: Final = 3 * BLOCKHASH_WINDOW


async def ask_all(
    world: World, questions: Sequence[tuple[Signature, str]], endpoints: int
) -> tuple[tuple[Witness, ...], ...]:
    """Return what each endpoint says of each signature and its blockhash. Raises PortDown."""
    honest = await world.witnesses(questions)
    if endpoints == 1:
        return tuple([(one,) for one in honest])
    return tuple(
        (one, _second(world, signature, one))
        for (signature, _), one in zip(questions, honest, strict=True)
    )


def _second(world: World, signature: Signature, honest: Witness) -> Witness:
    """Answer for the second endpoint, which says the same, or one of two lies.

    Amnesia: it never saw the transaction. Or worse: the chain is far past its last height, too,
    which would prove by itself that it can never land.
    """
    same = replace(honest, endpoint=SECOND)
    if not strikes(world.seed, "lie", signature, world.weather.lie_ppm):
        return same
    forgetful = replace(same, sighting=None)
    if draw(world.seed, "lie", f"{signature}\nkind") & 1:
        return forgetful
    slot = Slot(honest.slot + _AHEAD)
    return replace(
        forgetful,
        slot=slot,
        height=Height(honest.height + _AHEAD),
        context_slot=slot,
        blockhash_valid=False,
    )
