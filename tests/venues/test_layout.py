"""Hold layouts to their own bytes: what is written is read, and nothing else is touched."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.venues.layout import Layout
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected


class Shape(msgspec.Struct, frozen=True):
    """One field of each kind."""

    small: int
    key: Address
    wide: int
    signed: int
    many: tuple[int, ...]
    flag: bool


FIELDS = {
    "small": (9, "u16"), "key": (20, "key"), "wide": (52, "u128"), "signed": (70, "i128"),
    "many": (90, "3*u64"), "flag": (114, "bool"),
}  # fmt: skip
LAYOUT = Layout(Shape, 120, FIELDS, b"magic!")
shapes = st.builds(
    Shape,
    st.integers(0, 2**16 - 1),
    st.binary(min_size=32, max_size=32).map(encode).map(Address),
    st.integers(0, 2**128 - 1),
    st.integers(-(2**127), 2**127 - 1),
    st.tuples(*[st.integers(0, 2**64 - 1)] * 3),
    st.booleans(),
)


@given(shapes)
def test_what_is_written_is_read(shape: Shape):
    assert LAYOUT.read(LAYOUT.write(shape)) == shape


@given(shapes, st.binary(min_size=120, max_size=140))
def test_what_lies_between_the_fields_is_left_alone(shape: Shape, onto: bytes):
    written = LAYOUT.write(shape, onto)
    own = set(range(6)) | {at for at in range(120) if _is_field(at)}
    assert len(written) == len(onto)
    assert all(at in own or written[at] == onto[at] for at in range(len(onto)))


def _is_field(at: int) -> bool:
    spans = ((9, 11), (20, 52), (52, 68), (70, 86), (90, 114), (114, 115))
    return any(start <= at < end for start, end in spans)


@given(st.binary(max_size=130))
def test_of_any_bytes_only_the_declared_error_comes(data: bytes):
    try:
        LAYOUT.read(data)
    except PoolRejected as refused:
        assert refused.refusal in {RejectReason.WRONG_SIZE, RejectReason.WRONG_KIND}  # noqa: PT017


def test_fields_that_overlap_are_a_mistake():
    with pytest.raises(ValueError, match="overlaps"):
        Layout(Shape, 120, FIELDS | {"flag": (113, "bool")})
