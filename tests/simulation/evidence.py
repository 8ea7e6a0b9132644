"""Judges a recorded proof of death by the rules of the paper, written a second time.

Not by `orders/lapse_proof.py`: that is what is under test.
"""

from __future__ import annotations

from collections.abc import Sequence

from cambist.orders.attempt import Attempt, NodeObservation
from tests.simulation.ledger import CACHED_SLOTS, SLACK, WINDOW


def is_proof(attempt: Attempt, evidence: Sequence[NodeObservation], endpoints: int) -> bool:
    """Whether enough of so many endpoints say each of D1 to D6."""
    alone = endpoints == 1
    needed = endpoints if attempt.first_seen_slot is not None else min(endpoints, 2)
    for one in evidence:
        late = one.height - attempt.last_valid_height
        grown = one.height - (attempt.last_valid_height - WINDOW)
        served = one.context_slot - attempt.built_slot <= CACHED_SLOTS
        holds = (
            late > (WINDOW if alone else 0),
            grown <= one.slot - attempt.built_slot + SLACK,
            one.sighting is None and one.context_slot >= one.slot,
            served or one.first_slot <= attempt.built_slot,
            attempt.first_seen_slot is None or one.slot > attempt.first_seen_slot,
            not one.blockhash_valid,
            one.context_slot >= one.checked_slot,
        )
        if not all(holds):
            return False
    return len({one.endpoint for one in evidence}) >= needed
