"""Prove that an attempt is called dead only on all six counts, and never while anyone shows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.orders.attempt import Attempt, NodeObservation, SignatureStatus
from cambist.orders.lapse_proof import prove_lapsed
from tests import order_factory
from tests.order_factory import PAIR_RULES, RULES, witness
from tests.strategies import slots

ATTEMPT = order_factory.attempt()
SIGHTED = replace(ATTEMPT, first_seen_slot=2_010)
LAST_VALID, BUILT = ATTEMPT.last_valid_height, ATTEMPT.built_slot


def dead(*witnesses: NodeObservation, attempt: Attempt = ATTEMPT, rules: object = RULES) -> bool:
    return prove_lapsed(attempt, witnesses, rules) is not None  # type: ignore[arg-type]


def test_a_witness_that_says_all_six_proves_it() -> None:
    assert prove_lapsed(ATTEMPT, [witness()], RULES) == (witness(),)


def test_d1_a_height_within_the_lone_margin_proves_nothing() -> None:
    assert not dead(witness(height=LAST_VALID + RULES.lapse_margin))
    assert dead(witness(height=LAST_VALID + RULES.lapse_margin + 1))


def test_d1_two_witnesses_need_no_margin_but_must_be_past_the_last_height() -> None:
    at_last = [witness(name, height=LAST_VALID) for name in ("one", "two")]
    past = [witness(name, height=LAST_VALID + 1) for name in ("one", "two")]
    assert not dead(*at_last, rules=PAIR_RULES)
    assert dead(*past, rules=PAIR_RULES)


def test_d2_a_height_that_outran_its_slot_proves_nothing() -> None:
    built_height = LAST_VALID - RULES.blockhash_window
    most = witness().slot - BUILT + RULES.height_slack
    assert dead(witness(height=built_height + most))
    assert not dead(witness(height=built_height + most + 1))


def test_d3_a_status_read_before_its_height_proves_nothing() -> None:
    assert not dead(witness(context_slot=witness().slot - 1))


def test_d4_a_witness_without_the_history_proves_nothing() -> None:
    beyond = BUILT + RULES.status_history
    assert not dead(witness(context_slot=beyond + 200, first_slot=BUILT + 1))
    assert dead(witness(context_slot=beyond + 200, first_slot=BUILT))


def test_d4_the_recent_statuses_need_no_history() -> None:
    near = {"slot": BUILT + 270, "height": LAST_VALID + RULES.lapse_margin + 1}
    edge = BUILT + RULES.status_history
    assert dead(witness(**near, context_slot=edge, first_slot=BUILT + 1))
    assert not dead(witness(**near, context_slot=edge + 1, first_slot=BUILT + 1))


def test_d5_a_witness_that_shows_it_outweighs_all_others() -> None:
    shows = witness("three", sighting=SignatureStatus("processed", 2_399))
    assert not dead(shows)
    assert not dead(witness("one"), witness("two"), shows, rules=PAIR_RULES)


def test_d5_a_sighting_is_never_forgotten() -> None:
    assert dead(witness(slot=2_300, context_slot=2_300), attempt=SIGHTED)
    assert not dead(witness(slot=2_300), attempt=replace(ATTEMPT, first_seen_slot=2_300))


def test_d5_once_seen_every_witness_must_agree() -> None:
    three = replace(PAIR_RULES, observers_required=3)
    pair = [witness("one"), witness("two")]
    assert dead(*pair, rules=three)
    assert not dead(*pair, attempt=SIGHTED, rules=three)
    assert dead(*pair, witness("three"), attempt=SIGHTED, rules=three)


def test_d6_a_blockhash_still_valid_proves_nothing() -> None:
    assert not dead(witness(blockhash_valid=True))
    at = witness().context_slot
    assert dead(witness(checked_slot=at))
    assert not dead(witness(checked_slot=at + 1)), "it may have landed since the status was read"


def test_one_endpoint_asked_twice_is_one_witness() -> None:
    assert not dead(witness("one"), witness("one"), rules=PAIR_RULES)


def test_one_witness_of_two_proves_nothing() -> None:
    assert not dead(witness("one"), rules=PAIR_RULES)
    assert not dead(witness("one"), witness("two", blockhash_valid=True), rules=PAIR_RULES)


def test_silence_proves_nothing() -> None:
    assert not dead()
    assert not dead(rules=PAIR_RULES)


any_witness = st.builds(
    NodeObservation,
    st.sampled_from(["one", "two", "three"]),
    st.integers(1_900, 2_600),
    st.integers(900, 1_400),
    st.integers(1_900, 2_600),
    st.integers(0, 2_100),
    st.booleans(),
    st.none() | st.builds(SignatureStatus, st.sampled_from(["processed", "confirmed"]), slots),
)
few = st.lists(any_witness, max_size=5)


@given(few, st.sampled_from([RULES, PAIR_RULES]), st.sampled_from([ATTEMPT, SIGHTED]))
def test_it_is_never_dead_while_any_witness_shows_it(
    said: list[NodeObservation], rules: object, attempt: Attempt
) -> None:
    proof = prove_lapsed(attempt, said, rules)  # type: ignore[arg-type]
    if any(one.sighting is not None for one in said):
        assert proof is None
    if proof is not None:
        assert all(one.height > LAST_VALID and not one.blockhash_valid for one in proof)
        assert set(proof) <= set(said)


@given(few, any_witness)
def test_who_shows_it_can_only_keep_it_alive(
    said: list[NodeObservation], one: NodeObservation
) -> None:
    shown = replace(one, sighting=SignatureStatus("processed", one.slot))
    assert not dead(*said, shown)


@pytest.mark.parametrize("height", [0, LAST_VALID])
def test_no_number_of_witnesses_outvotes_the_height(height: int) -> None:
    crowd = [witness(str(n), height=height) for n in range(20)]
    assert not dead(*crowd, rules=PAIR_RULES)
