"""Proves that a signed transaction can never land any more."""

# An order may be signed again only after the transaction before it has lapsed. A wrong answer
# here executes an order twice, so no answer is an acceptable node: the order then stays
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
# D5  no node shows the signature now; if node ever did, every node must agree, at a later time
#
# D6  it calls the blockhash invalid at finalized commitment, at a slot that its status has seen.
#     A blockhash that became invalid only after the status was read proves nothing, because the
#     transaction may have landed in between.
#
# Height from node node and silence from a slower node is how engines pay twice: the slow node has
# not seen the block in which the transaction landed. D3 and D6 exclude that. D2 excludes a node
# that reports slots as heights. The simulation has a mutant for each of these conditions, and
# each of them executes an order twice.

from __future__ import annotations

from collections.abc import Sequence

from cambist.orders.attempt import Attempt, ChainParameters, NodeObservation


def prove_lapsed(
    attempt: Attempt, observations: Sequence[NodeObservation], rules: ChainParameters
) -> tuple[NodeObservation, ...] | None:
    """Return the observations that prove the lapse; None while it may still land."""
    if any(observation.sighting is not None for observation in observations):
        return None
    counted = {node.endpoint: node for node in observations if _proves_lapse(attempt, node, rules)}
    needed = (
        rules.observers_required
        if attempt.first_seen_slot is not None
        else min(rules.observers_required, 2)
    )
    return tuple(counted.values()) if len(counted) >= needed else None


def is_past_validity(
    attempt: Attempt, observations: Sequence[NodeObservation], rules: ChainParameters
) -> bool:
    """Whether a node says that the transaction is far past its last valid height.

    This is no proof and does not allow a new signature. It says that waiting longer is useless.
    """
    last = attempt.last_valid_height + rules.lapse_margin
    return not any(observation.sighting is not None for observation in observations) and any(
        node.height > last and _is_plausible(attempt, node, rules) for node in observations
    )


def _is_plausible(attempt: Attempt, node: NodeObservation, rules: ChainParameters) -> bool:
    """Whether its height did not advance by more blocks than slots have passed (D2)."""
    built_height = attempt.last_valid_height - rules.blockhash_window
    return node.height - built_height <= node.slot - attempt.built_slot + rules.height_slack


def _proves_lapse(attempt: Attempt, node: NodeObservation, rules: ChainParameters) -> bool:
    margin = rules.lapse_margin if rules.observers_required == 1 else 0
    past = node.height > attempt.last_valid_height + margin
    plausible = _is_plausible(attempt, node, rules)
    coupled = node.context_slot >= node.slot
    recent = node.context_slot - attempt.built_slot <= rules.status_history
    covered = recent or node.first_slot <= attempt.built_slot
    later = attempt.first_seen_slot is None or node.slot > attempt.first_seen_slot
    expired = not node.blockhash_valid and node.context_slot >= node.checked_slot
    return past and plausible and coupled and covered and later and expired
