"""Prove that order ids are UUIDs of version 7 that sort by time and keep every random bit."""

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.values.ids import ENTROPY_BITS, order_id, read_order_id
from cambist.values.time_units import Timestamp, add_ms

times = st.integers(0, 2**48 - 1)
chances = st.integers(0, 2**ENTROPY_BITS - 1)


@given(times, chances)
def test_an_id_is_a_uuid_of_version_7_in_its_canonical_form(at: int, chance: int) -> None:
    uuid = UUID(order_id(at, chance))
    assert (uuid.version, uuid.variant) == (7, RFC_4122)
    assert str(uuid) == order_id(at, chance)
    assert uuid.int >> 80 == at


@given(times, chances, times, chances)
def test_ids_sort_by_the_time_they_were_made(
    one: int, its_chance: int, two: int, other_chance: int
) -> None:
    first, second = order_id(one, its_chance), order_id(two, other_chance)
    if one != two:
        assert (first < second) == (one < two)
    else:
        assert (first < second) == (its_chance < other_chance)


@given(times, chances, st.integers(0, ENTROPY_BITS - 1))
def test_every_random_bit_makes_another_id(at: int, chance: int, bit: int) -> None:
    assert order_id(at, chance) != order_id(at, chance ^ 1 << bit)


@pytest.mark.parametrize(
    ("at", "chance"), [(-1, 0), (2**48, 0), (0, -1), (0, 2**74), (2**64, 2**80)]
)
def test_what_does_not_fit_is_refused(at: int, chance: int) -> None:
    with pytest.raises(ValueError, match="74 of chance"):
        order_id(at, chance)


@given(times, chances)
def test_an_id_of_ours_is_read(at: int, chance: int) -> None:
    assert read_order_id(order_id(at, chance)) == order_id(at, chance)


@given(st.text(max_size=60) | st.uuids(version=4).map(str))
def test_what_no_order_can_have_is_not_read(text: str) -> None:
    assert read_order_id(text) is None


@pytest.mark.parametrize(
    "spoil",
    [
        str.upper,
        lambda text: text + "\n",
        lambda text: text[:-1] + "\u0663",
        lambda text: f"{{{text}}}",
    ],
)
def test_another_spelling_of_an_id_is_not_read(spoil: object) -> None:
    text = order_id(1_700_000_000_000, 2**74 - 1)
    assert read_order_id(spoil(text)) is None  # type: ignore[operator]


@given(times, st.integers(0, 10**9))
def test_an_instant_later_is_later_by_so_much(at: int, by: int) -> None:
    assert add_ms(Timestamp(at), by) - at == by
