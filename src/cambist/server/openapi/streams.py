"""Describes the journal of an order, and the ways of hearing it live."""

from __future__ import annotations

from typing import Any, Final

from cambist.faults import Code, fault
from cambist.ports.keys import Scope
from cambist.server.openapi.orders import AN_ID, ORDER_ID
from cambist.server.openapi.parts import (
    EVENT_STREAM,
    RECORDED,
    Operation,
    answer,
    example,
    head,
    query,
    recorded,
    ref,
)
from cambist.server.queries import SEQ_MAX

Json = dict[str, Any]

TAG: Final = "streams"
_FROM_SEQ: Final = query(
    "fromSeq",
    {"type": "integer", "minimum": 0, "maximum": SEQ_MAX},
    "Begin after this `seq`; 0 is the beginning. A resumed stream carries every line.",
)
_BAD_SEQ: Final = fault(
    Code.INVALID_QUERY, f"fromSeq is a whole number from 0 to {SEQ_MAX}.", "fromSeq"
)
_LAST_EVENT_ID: Final = head(
    "Last-Event-ID",
    {"type": "string", "pattern": "^[0-9]{1,9}$"},
    "As `fromSeq`; browsers send it by themselves when they connect again.",
)
_JOURNAL: Final = """\
As JSON: every line so far. With `Accept: text/event-stream`: the same lines as server-sent
events, then what is new, until nothing more can come. No line is left out, none comes twice.

Each event has `id:` with the line's `seq` and `data:` with a Message. A comment comes every 15 s
when nothing happens.
"""
_SOCKET: Final = """\
A WebSocket (RFC 6455), which this document can only describe. After the upgrade every text frame
is a Message: first the history, then what is new. The socket closes with

- 1000 once the order has ended, after its last message,
- 1008 when `orderId` is missing, or the client sends more than 10 frames a second,
- 1012 when the engine stops: connect again with the last `seq`,
- 4404 when there is no such order.

A browser cannot send a header with an upgrade. There a ticket stands for the key.
"""


def journal() -> Operation:
    """Return the operation that reads or streams an order's journal."""
    told = answer(
        "The journal: whole as JSON, or live as events.",
        "EventList",
        recorded(journal="An order that was executed"),
    )
    told["content"][EVENT_STREAM] = {
        "schema": {
            "type": "string",
            "description": "Events whose data is a Message and whose id is its `seq`.",
        },
        "examples": {"events": example(_as_events(), "The same order as events")},
    }
    return Operation(
        id="readEvents",
        tag=TAG,
        scope=Scope.READ,
        summary="Read an order's journal, or stream it",
        description=_JOURNAL,
        parameters=(ORDER_ID, _FROM_SEQ, _LAST_EVENT_ID),
        answers={"200": told},
        codes=(_BAD_SEQ, Code.ORDER_NOT_FOUND, Code.SHUTTING_DOWN, Code.STORE_UNAVAILABLE),
    )


def order_socket() -> Operation:
    """Return the description of the socket that tells of one order."""
    notes = query(
        "notes", {"enum": ["0", "1"], "default": "0"}, "1 for every line, not status changes only."
    )
    name = query(
        "orderId", {"type": "string", "format": "uuid"}, "The order to hear of.", example=AN_ID
    )
    return socket("followOrder", (name, _FROM_SEQ, notes), _SOCKET, Code.METHOD_NOT_ALLOWED)


def socket(name: str, parameters: tuple[Json, ...], said: str, plain: Code) -> Operation:
    """Return the description of a socket; `plain` is the answer to a GET that is no upgrade."""
    return Operation(
        id=name,
        tag=TAG,
        scope=Scope.READ,
        summary="Follow an order over a WebSocket",
        description=said,
        parameters=parameters,
        answers={"101": {"description": "The connection is a WebSocket now."}},
        codes=(plain, _BAD_SEQ, Code.SHUTTING_DOWN),
        extra={"x-websocket": {"messages": ref("Message"), "subprotocols": ["cambist.v1"]}},
    )


def _as_events() -> str:
    """Return the recorded journal as it is streamed: the ids as recorded, the data shortened."""
    return "".join(
        f'id: {one["seq"]}\ndata: {{"orderId":"{one["orderId"]}","seq":{one["seq"]},'
        f'"status":"{one["status"]}","event":"{one["event"]}", …}}\n\n'
        for one in RECORDED["journal"]["events"]
    )
