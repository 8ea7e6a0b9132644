"""Hold staged values to being unseen until published, and remembered or read again."""

from hypothesis import given
from hypothesis import strategies as st

from cambist.paper.slot_overlay import SlotOverlay

STEPS = st.lists(
    st.tuples(st.sampled_from(["stage", "look", "publish"]), st.integers(0, 9), st.integers(0, 99)),
    max_size=40,
)


@given(STEPS, st.integers(1, 12))
def test_what_is_seen_is_what_was_published_however_little_is_remembered(
    steps: list[tuple[str, int, int]], kept_max: int
):
    ledger: dict[int, int] = {}
    running: dict[int, int] = {}
    values: SlotOverlay[int, int] = SlotOverlay(ledger.get, kept_max)
    for deed, key, value in steps:
        if deed == "stage":
            values.stage(key, value)
            running[key] = value
        elif deed == "publish":
            assert values.changes == running
            ledger.update(running)
            running = {}
            values.publish()
        assert values.seen(key) == ledger.get(key)
        assert values.current(key) == running.get(key, ledger.get(key))
