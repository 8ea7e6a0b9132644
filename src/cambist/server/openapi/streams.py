"""Describes the journal of an order, and the streams of events over SSE and WebSocket."""

from __future__ import annotations

from typing import Any, Final

from cambist.faults import Code, Fault, fault
from cambist.ports.api_keys import Permission
from cambist.server.openapi.builder import (
    EVENT_STREAM,
    RECORDED,
    Operation,
    answer,
    as_events,
    example,
    head,
    query,
    recorded,
    ref,
)
from cambist.server.openapi.orders import AN_ID, ORDER_ID
from cambist.server.requests import SEQ_MAX

Json = dict[str, Any]

TAG: Final = "streams"
CURSOR: Final = "^c[0-9a-f]{1,15}$"
_FROM_SEQ: Final = query(
    "fromSeq",
    {"type": "integer", "minimum": 0, "maximum": SEQ_MAX},
    "Begin after this `seq`; 0 is the beginning. A resumed stream carries every line.",
)
_NAME: Final = query(
    "orderId", {"type": "string", "format": "uuid"}, "The order to hear of.", example=AN_ID
)
_NOTES: Final = query(
    "notes", {"enum": ["0", "1"], "default": "0"}, "1 for every line, not status changes only."
)
_CURSOR: Final = query(
    "cursor",
    {"type": "string", "pattern": CURSOR},
    "Go on after this event: the `id:` of one heard before. Without it, from now on.",
)
_LAST_SEQ: Final = head(
    "Last-Event-ID",
    {"type": "string", "pattern": "^[0-9]{1,9}$"},
    "As `fromSeq`; browsers send it by themselves when they connect again.",
)
_LAST_CURSOR: Final = head(
    "Last-Event-ID",
    {"type": "string", "pattern": CURSOR},
    "As `cursor`; browsers send it by themselves when they connect again.",
)
_BAD_SEQ: Final = fault(
    Code.INVALID_QUERY, f"fromSeq is a whole number from 0 to {SEQ_MAX}.", "fromSeq"
)
_BAD_CURSOR: Final = fault(
    Code.INVALID_QUERY, "cursor is the id of an earlier event of this stream.", "cursor"
)
_JOURNAL: Final = """\
As JSON: every line so far. With `Accept: text/event-stream`: the same lines as server-sent
events, then what is new, until nothing more can come. No line is left out, none comes twice.

Each event has `id:` with the line's `seq` and `data:` with a Message. A comment comes every 15 s
when nothing happens. A reader that was too slow is told so by a Notice without `id:`, and is
then caught up from the journal.
"""
_ALL: Final = """\
Server-sent events of all the caller's orders, every line of every journal, in the order in which
they became durable. It never ends by itself. `id:` is a cursor, to go on from.
"""
_STATUS: Final = """\
The order's status changes from the beginning, then what is new, as text frames: what
`/api/orders/execute?orderId=` tells. The socket closes with 1000 after the end.
"""
_TICKET: Final = """\
For browsers, which cannot send a key with a WebSocket: offer the subprotocols `cambist.v1` and
`ticket.<ticket>`. A ticket is good once, for 30 s, and for what the key may do. The request
has no body.
"""
_ENDS: Final = """\

It is a WebSocket (RFC 6455), which this document can only describe; every text frame is JSON. A
browser cannot send a key with an upgrade, and offers a ticket in its place. It closes with

- 1000 once an order that was named has ended, after its last message,
- 1008 when the client sends more frames a second than it may,
- 1012 when the engine stops: connect again, and resume,
- 4008 when the client reads too slowly for too long,
- 4401 when the key is no longer in force,
- 4404 when there is no such order.
"""
_EXECUTE: Final = f"""\
With `orderId`: the order's history, then what is new. Without it: each text frame the client
sends is an order, answered by its Acceptance (or by a Failure, and the socket stays), and
followed by its events; that needs the scope `trade`.
{_ENDS}"""
_WS: Final = f"""\
With `orderId`: a Notice that the order is being followed, its history, then what is new; the
figures stand in `data` too. Without it: the events of all the caller's orders from now on, or
after `cursor`.
{_ENDS}"""
_LATEST: Final = f"""\
The order as it stands, then what is new. Without `orderId` it says so, and closes with 1008.
{_ENDS}"""


def journal() -> Operation:
    """Return the operation that reads or streams an order's journal."""
    response = answer(
        "The journal: whole as JSON, or live as events.",
        "EventList",
        recorded(
            journal="An order that was executed",
            journal_of_a_stop="A stop: armed, triggered by two slots, and executed",
        ),
    )
    events = as_events(RECORDED["journal"]["events"])
    response["content"][EVENT_STREAM] = _events("Each `id:` is a `seq`.", events)
    over = {"description": "A stream that was asked for from its end, of an order that is over."}
    return Operation(
        id="readEvents",
        tag=TAG,
        scope=Permission.READ,
        summary="Read an order's journal, or stream it",
        description=_JOURNAL,
        parameters=(ORDER_ID, _FROM_SEQ, _LAST_SEQ),
        answers={"200": response, "204": over},
        codes=(
            _BAD_SEQ, Code.ORDER_NOT_FOUND, Code.SHUTTING_DOWN, Code.STORE_UNAVAILABLE,
        ),
    )  # fmt: skip


def all_events() -> Operation:
    """Return the operation that streams the events of all orders."""
    messages = RECORDED["journal"]["events"]
    events = as_events(messages, (f"c{40 + place:x}" for place in range(len(messages))))
    response = {
        "description": "Events, without end.",
        "content": {EVENT_STREAM: _events("Each `id:` is a cursor.", events)},
    }
    return Operation(
        id="streamAllEvents",
        tag=TAG,
        scope=Permission.READ,
        summary="Stream the events of all orders",
        description=_ALL,
        parameters=(_CURSOR, _LAST_CURSOR),
        answers={"200": response},
        codes=(_BAD_CURSOR, Code.CURSOR_TOO_OLD, Code.SHUTTING_DOWN, Code.STORE_UNAVAILABLE),
    )


def ticket() -> Operation:
    """Return the operation that trades a key for a ticket."""
    response = answer("The ticket.", "Ticket", recorded(ticket="A ticket, good once"))
    return Operation(
        id="issueStreamTicket",
        tag=TAG,
        scope=Permission.READ,
        summary="Get a ticket that opens a WebSocket",
        description=_TICKET,
        answers={"201": response},
    )


def _events(ids: str, text: str) -> Json:
    said = f"Events whose data is a Message. {ids}"
    return {
        "schema": {"type": "string", "description": said},
        "x-event-schema": ref("ServerSentEvent"),
        "examples": {"events": example(text, "The life of an order")},
    }


class _Socket:
    """What a path of sockets has of its own."""

    def __init__(self, name: str, summary: str, said: str) -> None:
        self.name = name
        self.summary = summary
        self.said = said

    def operation(self, frames: Json, parameters: tuple[Json, ...], wrong: Fault) -> Operation:
        """Return the description of the socket; `told` says what its frames are."""
        return Operation(
            id=self.name,
            tag=TAG,
            scope=Permission.READ,
            summary=f"{self.summary} (WebSocket)",
            description=self.said,
            parameters=parameters,
            answers={"101": {"description": "The connection is a WebSocket now."}},
            codes=(Code.UPGRADE_REQUIRED, Code.INVALID_HANDSHAKE, wrong, Code.SHUTTING_DOWN),
            extra={"x-websocket": {"subprotocols": ["cambist.v1"], **frames}},
        )


def execute_socket() -> Operation:
    """Return the description of the socket of one order, or for placing orders."""
    socket = _Socket("executeSocket", "Follow an order, or place orders", _EXECUTE)
    frames = {
        "messages": _either("Message", "Acceptance", "Failure", "Notice"),
        "sends": ref("OrderRequest"),
        "scopeWithoutOrderId": Permission.TRADE,
    }
    return socket.operation(frames, (_NAME, _FROM_SEQ, _NOTES), _BAD_SEQ)


def status_socket() -> Operation:
    """Return the description of the socket of one order that is named in the path."""
    socket = _Socket(
        "statusSocket",
        "Follow an order: /api/orders/execute?orderId= under another path",
        _STATUS,
    )
    frames = {"messages": _either("Message", "Notice"), "scopeWithoutOrderId": Permission.READ}
    return socket.operation(frames, (ORDER_ID, _FROM_SEQ, _NOTES), _BAD_SEQ)


def ws_socket() -> Operation:
    """Return the description of the socket of one order, or of all."""
    socket = _Socket("wsSocket", "Follow an order, or all orders", _WS)
    frames = {
        "messages": _either("NestedMessage", "Message", "Notice"),
        "scopeWithoutOrderId": Permission.READ,
    }
    return socket.operation(frames, (_NAME, _FROM_SEQ, _NOTES, _CURSOR), _BAD_CURSOR)


def latest_socket() -> Operation:
    """Return the description of the socket that begins with how an order stands."""
    socket = _Socket("latestSocket", "Follow an order from now on", _LATEST)
    frames = {"messages": _either("Message", "Notice"), "scopeWithoutOrderId": Permission.READ}
    return socket.operation(frames, (_NAME, _FROM_SEQ, _NOTES), _BAD_SEQ)


def _either(*names: str) -> Json:
    return {"anyOf": [ref(name) for name in names]}
