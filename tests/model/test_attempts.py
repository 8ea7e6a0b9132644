"""Prove that the sound protocol never executes twice, and that the model would notice."""

import pytest

from tests.model.attempts import PROTOCOLS, explore

STATES = {
    "sound": 460_630,
    "version check, no index": 460_630,
    "wide index, no version check": 637_886,
}

MOVES = {
    "narrow index, no version check": 11,
    "neither version check nor index": 10,
    "send, then record": 6,
    "new attempt while the old is unknown": 9,
    "lapse by height alone": 13,
    "lapse by height and status of different nodes": 13,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STATES)
def test_no_interleaving_executes_an_order_twice(name: str) -> None:
    verdict = explore(PROTOCOLS[name])
    assert verdict.violation is None
    assert verdict.states == STATES[name]


@pytest.mark.parametrize("name", MOVES)
def test_each_deliberate_mistake_executes_an_order_twice(name: str) -> None:
    verdict = explore(PROTOCOLS[name])
    assert verdict.violation is not None
    assert len(verdict.violation) == MOVES[name]
    assert sum("lands" in move for move in verdict.violation) > 1


def test_every_protocol_has_its_verdict() -> None:
    assert PROTOCOLS.keys() == STATES.keys() | MOVES.keys()
