"""Proves that a signed transaction can never land any more."""

# An order may be signed again only after the transaction before it has lapsed. A wrong answer
# here executes an order twice, so no answer is an acceptable one: the order then stays
# `submitted`, and the chain is asked again.
#
# A transaction is valid until the block height `last_valid_height`, which the endpoint named
# together with the blockhash. It can land in a block up to that height and be reported later.
# Each node that counts must therefore give all of this, its height and the validity of the
# blockhash asked before its status, on the same endpoint:
#
# D1  its finalized height is past the last valid height, by `margin` more if it is the only node
#
# D2  that height is plausible: it did not advance by more blocks than slots have passed
#
# D3  its status was read at or after the slot of that height
#
# D4  it still serves the history of the slot at which the transaction was built
#
# D5  no node shows the signature now; if one ever did, every node must agree, at a later time
#
# D6  it calls the blockhash invalid at finalized commitment, at a slot that its status has seen.
#     A blockhash that became invalid only after the status was read proves nothing, because the
#     transaction may have landed in between.
#
# Height from one node and silence from a slower one is how engines pay twice: the slow node has
# not seen the block in which the transaction landed. D3 and D6 exclude that. D2 excludes a node
# that reports slots as heights. The simulation has a mutant for each of these conditions, and
# each of them executes an order twice.

from __future__ import annotations

from collections.abc import Sequence

from cambist.orders.attempt import Attempt, ChainParameters, NodeObservation


def prove_lapsed(
    attempt: Attempt, witnesses: Sequence[NodeObservation], rules: ChainParameters
) -> tuple[NodeObservation, ...] | None:
    """Return the witnesses that prove the attempt dead, or None while it may still land."""
    if any(observation.sighting is not None for observation in witnesses):
        return None
    counted = {one.endpoint: one for one in witnesses if _proves_lapse(attempt, one, rules)}
    needed = (
        rules.observers_required
        if attempt.first_seen_slot is not None
        else min(rules.observers_required, 2)
    )
    return tuple(counted.values()) if len(counted) >= needed else None


def is_past_validity(
    attempt: Attempt, witnesses: Sequence[NodeObservation], rules: ChainParameters
) -> bool:
    """Whether a witness says that the attempt's time is long over, though nobody may prove it.

    No licence to sign again: it only says that waiting longer will bring no new height.
    """
    last = attempt.last_valid_height + rules.lapse_margin
    return not any(observation.sighting is not None for observation in witnesses) and any(
        one.height > last and _is_plausible(attempt, one, rules) for one in witnesses
    )


def _is_plausible(attempt: Attempt, one: NodeObservation, rules: ChainParameters) -> bool:
    """Whether its height did not advance by more blocks than slots went by (D2)."""
    built_height = attempt.last_valid_height - rules.blockhash_window
    return one.height - built_height <= one.slot - attempt.built_slot + rules.height_slack


def _proves_lapse(attempt: Attempt, one: NodeObservation, rules: ChainParameters) -> bool:
    margin = rules.lapse_margin if rules.observers_required == 1 else 0
    past = one.height > attempt.last_valid_height + margin
    plausible = _is_plausible(attempt, one, rules)
    coupled = one.context_slot >= one.slot
    recent = one.context_slot - attempt.built_slot <= rules.status_history
    covered = recent or one.first_slot <= attempt.built_slot
    later = attempt.first_seen_slot is None or one.slot > attempt.first_seen_slot
    expired = not one.blockhash_valid and one.context_slot >= one.checked_slot
    return past and plausible and coupled and covered and later and expired
