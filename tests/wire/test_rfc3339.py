"""Prove that what is read can be written again, and that whatever a store holds is written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.orders.attempt import Fill
from cambist.orders.order import Status
from cambist.orders.terms import Terms
from cambist.values.amount import RAW_MAX, RawAmount, parse_amount, write_amount
from cambist.values.time_units import Timestamp
from cambist.wire.cursors import read_cursor, write_cursor
from cambist.wire.order_fields import InvalidField, read_instant
from cambist.wire.order_request import read_order
from cambist.wire.order_responses import Page, write_list, write_order
from cambist.wire.receipts import write_receipt
from cambist.wire.rfc3339 import MOMENT_MAX, MOMENT_MIN, read_moment, write_moment
from tests import order_factory

INTEGERS = st.integers(-(2**63), 2**63 - 1)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2000-01-01T00:00:00Z", MOMENT_MIN),
        ("2261-12-31T23:59:59.999Z", MOMENT_MAX),
        ("1999-12-31T23:00:00-01:00", MOMENT_MIN),
        ("2262-01-01T00:59:59.999999999+01:00", MOMENT_MAX),
        ("1999-12-31T23:59:59.999Z", None),
        ("2000-01-01T00:00:00+00:01", None),
        ("2262-01-01T00:00:00Z", None),
        ("2261-12-31T23:59:59-00:01", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("0001-01-01T00:00:00+23:59", None),
    ],
)
def test_the_range_holds_after_the_offset_is_applied(text: str, at: int | None) -> None:
    assert read_moment(text) == at


@given(st.integers(MOMENT_MIN, MOMENT_MAX))
def test_what_is_read_is_written_and_read_the_same(at: int) -> None:
    assert read_moment(write_moment(Timestamp(at))) == at


@given(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)),  # noqa: DTZ001
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_any_offset_is_read_as_arithmetic_says(local: datetime, minutes: int) -> None:
    sign, offset = ("-" if minutes < 0 else "+"), divmod(abs(minutes), 60)
    text = f"{local.isoformat(timespec='seconds')}{sign}{offset[0]:02}:{offset[1]:02}"
    since = local.replace(microsecond=0, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    at = (since - timedelta(minutes=minutes)) // timedelta(milliseconds=1)
    assert read_moment(text) == (at if MOMENT_MIN <= at <= MOMENT_MAX else None)


@given(INTEGERS)
def test_any_stored_instant_is_written(at: int) -> None:
    assert RFC_3339.fullmatch(write_moment(Timestamp(at)))


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00Z", "soon"])
def test_a_body_with_such_a_deadline_names_the_field(text: str) -> None:
    with pytest.raises(InvalidField, match="2000 to 2261"):
        read_instant(text)
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1", "expiresAt": text}
    with pytest.raises(Exception, match="2000 to 2261") as refused:
        read_order(msgspec.json.encode(body))
    assert refused.value.faults[0].field == "expiresAt"  # type: ignore[attr-defined]


@given(INTEGERS, INTEGERS, st.none() | INTEGERS, st.none() | INTEGERS)
def test_any_order_that_a_store_can_hold_is_written(
    created: int, last: int, closed: int | None, deadline: int | None
) -> None:
    order = replace(
        order_factory.standing(Status.CONFIRMED),
        created_at=Timestamp(created),
        last_at=Timestamp(last),
        closed_at=closed,
        cancel_requested_at=closed,
        terms=Terms(deadline=deadline),  # type: ignore[arg-type]
    )
    assert write_order(order)
    assert write_list(Page((order,), 1), {}, 0)


@given(*(st.integers(0, RAW_MAX).map(RawAmount) for _ in range(4)))
def test_any_amounts_of_a_fill_and_its_route_are_written(
    paid: RawAmount, got: RawAmount, quoted_in: RawAmount, quoted_out: RawAmount
) -> None:
    order = order_factory.standing(Status.CONFIRMED)
    assert order.fill is not None
    fill = Fill(order.fill.signature, paid, got, paid, order.fill.slot)
    route = replace(order_factory.route(), amount_in=quoted_in, amount_out=quoted_out)
    for mode in ("exact_in", "exact_out"):
        moved = replace(order, fill=fill, route=replace(route, mode=mode))
        assert msgspec.json.decode(write_order(moved))["status"] == "confirmed"
    told = order_factory.born()
    assert write_receipt(told.order, (told,))


@given(st.integers(1, RAW_MAX), st.integers(0, 18))
def test_an_amount_is_read_as_it_was_written(raw: int, decimals: int) -> None:
    assert parse_amount(write_amount(raw, decimals), decimals) == raw


@given(st.integers(0, 2**60 - 1))
def test_a_cursor_is_read_as_it_was_written(place: int) -> None:
    assert read_cursor(write_cursor(place)) == place


@given(st.text(max_size=20))
def test_a_cursor_that_is_read_is_the_one_that_was_written(text: str) -> None:
    place = read_cursor(text)
    assert place is None or int(text[1:], 16) == place
