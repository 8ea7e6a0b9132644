"""Hold luck to its seed and its rate."""

from hypothesis import given
from hypothesis import strategies as st

from cambist.paper.fault_model import INSTANT, PPM_ONE, REALISTIC, DelayRange, delay_ms, occurs
from cambist.values.time_units import Millis

KEYS = st.text(max_size=60)
SEEDS = st.integers(0, 2**63)


@given(SEEDS, KEYS)
def test_a_rate_of_nothing_never_strikes_and_of_the_whole_always(seed: int, key: str):
    assert not occurs(seed, "dropped", key, 0)
    assert occurs(seed, "dropped", key, PPM_ONE)


def test_a_rate_is_met_over_many_keys():
    struck = sum(occurs(7, "reverted", f"order {n}/1", 50_000) for n in range(20_000))
    assert 850 < struck < 1_150


@given(SEEDS, KEYS, st.integers(0, 9_000), st.integers(0, 9_000))
def test_a_delay_lies_within_its_span_and_is_the_same_again(seed: int, key: str, a: int, b: int):
    span = DelayRange(Millis(min(a, b)), Millis(max(a, b)))
    delay = delay_ms(seed, "landing", key, span)
    assert span.low_ms <= delay <= span.high_ms
    assert delay == delay_ms(seed, "landing", key, span)


def test_the_profiles_keep_the_contracts_numbers():
    assert (
        REALISTIC.slot_ms,
        REALISTIC.rules.blockhash_window,
        REALISTIC.rules.finality_slots,
    ) == (100, 150, 10)
    assert (INSTANT.slot_ms, INSTANT.rules.blockhash_window, INSTANT.rules.finality_slots) == (
        5,
        150,
        4,
    )
    for profile in (REALISTIC, INSTANT):
        assert (profile.rules.observers_required, profile.rules.lapse_margin) == (1, 150)
    assert (INSTANT.reverted_ppm, INSTANT.dropped_ppm, INSTANT.quote_ms) == (0, 0, None)
