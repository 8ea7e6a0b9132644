"""Hold what an operator's word may do: stand in for a proof, and for nothing else."""

from __future__ import annotations

from msgspec.structs import replace

from cambist.faults import Code
from cambist.orders import events
from cambist.orders.order import Status
from tests import order_factory
from tests.order_factory import witness
from tests.orders.test_decide import SIGNATURE, heard, kinds, standing, told

VOUCHED = events.WrittenOff("me", "the endpoint forgot it")


def test_an_operators_word_stands_in_for_a_proof_nobody_can_give() -> None:
    order = standing(Status.SUBMITTED, VOUCHED)
    doubtful = replace(witness(), blockhash_valid=True)
    change = told(order, heard(doubtful))
    assert kinds(change) == ["lapsed", "failed"]
    assert change.events[0] == events.Lapsed(SIGNATURE, (doubtful,))
    assert change.events[1].fault.code is Code.WRITTEN_OFF  # type: ignore[attr-defined]
    unwanted = standing(Status.SUBMITTED, VOUCHED, events.CancelRequested())
    assert kinds(told(unwanted, heard(doubtful))) == ["lapsed", "cancelled"]


def test_an_operators_word_is_nothing_against_a_witness() -> None:
    order = standing(Status.SUBMITTED, VOUCHED)
    assert not told(order, heard()).events
    assert not told(order, heard(order_factory.quiet())).events
    assert not told(order, heard(replace(witness(), height=10**9))).events, "not plausible"
    doubtful = replace(witness(), blockhash_valid=True)
    assert kinds(told(order, heard(doubtful, order_factory.seen("processed")))) == ["seen"]
    moved = order_factory.fill(order_factory.attempt())
    landed = told(order, heard(doubtful, order_factory.seen("confirmed"), fill=moved))
    assert kinds(landed) == ["landed"]


def test_nobody_signs_again_on_an_operators_word() -> None:
    assert kinds(told(standing(Status.SUBMITTED, VOUCHED), heard(witness()))) == [
        "lapsed",
        "failed",
    ]
