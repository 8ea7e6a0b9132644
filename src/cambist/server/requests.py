"""Reads query strings: which orders to list, and from where to stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import Receive

from cambist.engine.engine import Engine
from cambist.faults import Code, RequestRejected, fault
from cambist.orders.order import Order, Status
from cambist.ports.store import OrderQuery
from cambist.server.auth.caller import Caller, caller_of
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.responses import read_body
from cambist.values.base58 import read_address
from cambist.values.ids import OrderId, Principal, read_order_id
from cambist.values.time_units import Timestamp
from cambist.values.token import NATIVE_SOL, SOL
from cambist.wire.cursors import read_cursor
from cambist.wire.order_fields import InvalidField, read_token
from cambist.wire.rfc3339 import MOMENT_FORM, read_moment

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 500
OFFSET_MAX: Final = 10_000
"""How many rows a page may skip. Who needs more goes on with `cursor`, which costs nothing."""
SEQ_MAX: Final = 2**31 - 1
_DIGITS_MAX: Final = 10
INCLUDE_QUOTES: Final = "quotes"
NO_WORDS: Final = ("", "0", "false", "no")


def read_query(params: QueryParams, principal: Principal) -> OrderQuery:
    """Return what a list asks for. Raises RequestRejected."""
    return OrderQuery(
        principal=principal,
        limit=_limit(params.get("limit")),
        offset=read_count("offset", params.get("offset", "0"), OFFSET_MAX),
        before=_cursor(params.get("cursor")),
        statuses=_statuses(params.getlist("status")),
        wallet=_wallet(params.get("wallet")),
        token=_token(params.get("token")),
        since=read_since(params.get("since")),
    )


def read_count(name: str, text: str, most: int) -> int:
    """Return a count that a query names. Raises RequestRejected when it is not 0 to `most`."""
    plain = text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX
    if not plain or int(text) > most:
        raise _refused(name, f"{name} is a whole number from 0 to {most}.")
    return int(text)


def _refused(name: str, message: str) -> RequestRejected:
    return RequestRejected(fault(Code.INVALID_QUERY, message, name))


def _limit(text: str | None) -> int:
    limit = LIMIT_DEFAULT if text is None else read_count("limit", text, LIMIT_MAX)
    if not limit:
        raise _refused("limit", f"limit is a whole number from 1 to {LIMIT_MAX}.")
    return limit


def _cursor(text: str | None) -> OrderId | None:
    cursor = read_order_id(text) if text is not None else None
    if text is not None and cursor is None:
        raise _refused("cursor", "cursor is the nextCursor of an earlier answer.")
    return cursor


def _statuses(texts: list[str]) -> tuple[Status, ...]:
    words = [word.lower() for text in texts for word in text.split(",")]
    try:
        return tuple(dict.fromkeys(Status(word) for word in words))
    except ValueError:
        raise _refused("status", f"status is one of {', '.join(Status)}.") from None


def wants_quotes(params: QueryParams) -> bool:
    """Whether a list is to tell every venue's quote of each order. Raises RequestRejected."""
    wanted = {word for text in params.getlist("include") for word in text.split(",")}
    if wanted - {INCLUDE_QUOTES}:
        raise _refused("include", f"include is {INCLUDE_QUOTES}.")
    return bool(wanted)


def _wallet(text: str | None) -> str | None:
    if text is not None and read_address(text) is None:
        raise _refused("wallet", "wallet is base58 of 32 bytes.")
    return text


def _token(text: str | None) -> str | None:
    try:
        found = read_token(text) if text is not None else None
    except InvalidField as unfit:
        raise _refused("token", unfit.message) from None
    return SOL.mint if found == NATIVE_SOL else found


def read_since(text: str | None) -> Timestamp | None:
    """Return the instant from which a query counts. Raises RequestRejected."""
    since = read_moment(text.replace(" ", "+")) if text is not None else None
    if text is not None and since is None:
        raise _refused("since", f"since is {MOMENT_FORM}.")
    return since


class StreamOptions(NamedTuple):
    """From where a stream begins (exclusive), whether it tells the notes too, and in which form.

    `greets` puts a notice before the first event, `nested` adds `data` to each, and
    `latest_only` tells no more of the past than where the order stands.
    """

    after_seq: int = 0
    notes: bool = False
    send_greeting: bool = False
    nested: bool = False
    latest_only: bool = False


def read_stream_options(
    params: Mapping[str, str], last_event_id: str | None, *, notes: bool
) -> StreamOptions:
    """Return what a stream asks for; a resumed stream always carries the notes.

    Raises RequestRejected when the place to resume from is not a number.
    """
    from_seq = params.get("fromSeq", last_event_id)
    if from_seq is not None:
        return StreamOptions(read_count("fromSeq", from_seq, SEQ_MAX), notes=True)
    return StreamOptions(0, notes or wants_notes(params))


def wants_notes(params: Mapping[str, str]) -> bool:
    """Whether a client asks for the journal's notes beside the changes of status."""
    return params.get("notes", "") not in NO_WORDS


def read_after(params: Mapping[str, str], last_event_id: str | None) -> int | None:
    """Return the place that a stream of all orders goes on after; None is from now on.

    Raises RequestRejected.
    """
    if "fromSeq" in params:
        message = "fromSeq counts one order's events; all orders are resumed by cursor."
        raise RequestRejected(fault(Code.INVALID_QUERY, message, "fromSeq"))
    text = params.get("cursor", last_event_id)
    place = read_cursor(text) if text is not None else None
    if text is not None and place is None:
        raise _refused("cursor", "cursor is the id of an earlier event of this stream.")
    return place


async def find_order(engine: Engine, request: Request) -> Order:
    """Return the order a path names. Raises RequestRejected when the caller has none such."""
    return await find_order_by_id(engine, request.path_params["order_id"], caller_of(request.scope))


async def find_order_by_id(engine: Engine, text: str, caller: Caller) -> Order:
    """Return the caller's order of an id. Raises RequestRejected when there is none."""
    order_id = read_order_id(text)
    order = await engine.get(order_id, caller.principal) if order_id is not None else None
    if order is None:
        raise RequestRejected(fault(Code.ORDER_NOT_FOUND))
    return order


async def json_body(
    concurrency: ConcurrencyLimits | None,
    fields: Mapping[bytes, bytes],
    receive: Receive,
    bytes_max: int,
) -> bytes:
    """Return the body of a request. Raises RequestRejected unless it is JSON, and not too large.

    Without `seats` nobody counts who waits for it: that is for requests outside all limits.
    """
    kind = fields.get(b"content-type", b"")
    if kind != b"application/json" and not _is_json(kind):
        raise RequestRejected(fault(Code.UNSUPPORTED_MEDIA_TYPE))
    if concurrency is None:
        body = await read_body(receive, bytes_max)
    else:
        body = await concurrency.read_body(receive, bytes_max)
    if body is None:
        raise RequestRejected(fault(Code.BODY_TOO_LARGE, f"A body has at most {bytes_max} bytes."))
    return body


def _is_json(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() == b"application/json"
