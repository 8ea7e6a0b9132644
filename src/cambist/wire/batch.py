"""Reads several orders from one body, and writes what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from cambist.faults import Code, RequestRejected, fault
from cambist.wire.json_body import JsonFields, only, read_object

BATCH_ORDERS_MAX: Final = 100
_FIELD: Final = "orders"
_encode: Final = msgspec.json.Encoder().encode


def read_batch(body: bytes) -> list[JsonFields | None]:
    """Return the orders of `{"orders": [...]}`, and None for one that is no object.

    Raises RequestRejected when the body itself cannot be read.
    """
    fields = read_object(body)
    faults = only(fields, _FIELD)
    orders = fields.get(_FIELD, [None])
    if not isinstance(orders, list):
        faults.append(fault(Code.WRONG_TYPE, "orders is a list of orders.", _FIELD))
    elif not 1 <= len(orders) <= BATCH_ORDERS_MAX:
        message = f"A batch holds 1 to {BATCH_ORDERS_MAX} orders, not {len(orders)}."
        faults.append(fault(Code.INVALID_VALUE, message, _FIELD))
    if faults or not isinstance(orders, list):
        raise RequestRejected(*faults)
    return [order if isinstance(order, JsonFields) else None for order in orders]


class Result(NamedTuple):
    """What became of one order: the status and body it would have been answered with alone."""

    status: int
    body: bytes


class ResultView(msgspec.Struct, frozen=True):
    """One answer of a batch."""

    status: int
    body: msgspec.Raw


class BatchReply(msgspec.Struct, frozen=True):
    """The answers of a batch, in the order of its orders."""

    results: tuple[ResultView, ...]


def write_batch(results: Sequence[Result]) -> bytes:
    """Write the answers of a batch."""
    views = tuple(ResultView(result.status, msgspec.Raw(result.body)) for result in results)
    return _encode(BatchReply(views))
