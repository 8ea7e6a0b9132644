"""Describes the refusals of an operation: every code it may answer with, each with its body."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Any, Final

import msgspec

from cambist.faults import CATALOGUE, Code, Fault, fault
from cambist.wire.problems import write_problem

PROBLEM_JSON: Final = "application/problem+json"
Json = dict[str, Any]

SENTENCES: Final = {
    400: "The request is malformed; `code` and `field` say where.",
    401: "A key is needed, and there is none, or it is not valid.",
    403: "Not for this caller: the Host or Origin is not served, or the key lacks the scope.",
    404: "There is no such thing, or it is not the caller's.",
    405: "The path does not take this method.",
    408: "The request was sent too slowly.",
    410: "What the cursor points at was put away.",
    409: "The order is not where this could be done.",
    411: "An upgrade that carries a body must say its length.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "The request is well-formed, and cannot be done.",
    429: "Too many, for this address or this key; try again after `Retry-After` seconds.",
    426: "The path is a WebSocket, and the request asks for no upgrade.",
    431: "The request line and headers are too large.",
    500: "The engine made a mistake; its log has it.",
    503: "Not at the moment; try again after `Retry-After` seconds.",
}

AT_THE_DOOR: Final = (
    Code.BAD_REQUEST, Code.HOST_NOT_ALLOWED, Code.ORIGIN_NOT_ALLOWED, Code.REQUEST_TIMEOUT,
    Code.BODY_TOO_LARGE, Code.TOO_MANY_CONNECTIONS, Code.HEADERS_TOO_LARGE, Code.INTERNAL,
    Code.TOO_BUSY,
)  # fmt: skip
"""What the connection and the gate refuse, whatever the operation."""

FOR_KEYS: Final = (Code.UNAUTHORIZED, Code.FORBIDDEN, Code.RATE_LIMITED)
"""What an operation refuses that asks for a key."""

CASES: Final[dict[Code, tuple[str, str | None]]] = {
    Code.TOO_DEEP: ("The body is nested more than 16 deep.", None),
    Code.DUPLICATE_FIELD: ("", "tokenIn"),
    Code.MISSING_FIELD: ("tokenOut is missing.", "tokenOut"),
    Code.UNKNOWN_FIELD: ("Orders have no field slipage. Did you mean slippage?", "slipage"),
    Code.WRONG_TYPE: ("This field must be a string.", "tokenIn"),
    Code.INVALID_VALUE: ("This field takes buy or sell.", "side"),
    Code.INVALID_AMOUNT: ("An amount is digits with at most one point, as in 1.5.", "amountIn"),
    Code.NOT_POSITIVE: ("", "amountIn"),
    Code.INVALID_ADDRESS: ("", "walletAddress"),
    Code.INVALID_TOKEN: (
        "A token is a symbol (SOL) or a mint (base58, 32 bytes).", "tokenIn",
    ),
    Code.INVALID_SLIPPAGE: ("slippage is above 0 and at most 100 percent.", "slippage"),
    Code.INVALID_KEY: ("", "Idempotency-Key"),
    Code.INVALID_QUERY: ("limit is a whole number from 0 to 500.", "limit"),
    Code.CONFLICTING_FIELDS: ("slippage and slippageBps contradict each other.", "slippageBps"),
    Code.SAME_TOKEN: ("", "tokenOut"),
    Code.TOO_MANY_DIGITS: (
        'SOL has 9 digits after the point, not more: send "0.000000001".', "amountIn",
    ),
    Code.AMOUNT_OUT_OF_RANGE: ("", "amountInRaw"),
    Code.SLIPPAGE_OVER_CAP: (
        "The slippage is above this server's maximum of 50 percent.", "slippageBps",
    ),
    Code.DEADLINE_PASSED: ("", "expiresAt"),
    Code.UNKNOWN_TOKEN: ("The token NOPE is unknown.", "tokenOut"),
    Code.NOT_YET_SUPPORTED: ("type trailing_stop is not supported yet.", "type"),
    Code.INVALID_PRICE: ("", "limitPrice"),
    Code.VALUE_OUT_OF_RANGE: ("A price is confirmed by 1 to 20 slots.", "confirmSlots"),
    Code.TRIGGER_ALREADY_MET: (
        "The price is 144.9292483 now, so this stop is met already. Was take_profit meant? "
        '`onMet: "fire"` takes it as it is.',
        "triggerPrice",
    ),
    Code.PRICE_INVERTED: (
        "limitPrice 0.0069 is far from the price now (144.9292483), and its inverse "
        "144.927536231 is near. A price is USDC for one SOL; `acceptFarPrice` takes it as it is.",
        "limitPrice",
    ),
    Code.KEY_REUSED: (
        "This key belongs to order 019a9c3e-5f10-7cc2-9f0b-6a4f2f3f8a11, which asked for "
        "something else.",
        "clientOrderId",
    ),
}  # fmt: skip
"""The facts of the case that stands for a code: its message and its field."""

_RETRY_AFTER: Final[Json] = {
    "Retry-After": {
        "description": "Seconds to wait before the same request is worth sending again.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    }
}
_HEADERS: Final[dict[int, Json]] = {
    401: {
        "WWW-Authenticate": {
            "description": "How a key is sent: as a bearer token.",
            "schema": {"type": "string"},
            "example": "Bearer",
        }
    },
    405: {
        "Allow": {
            "description": "The methods the path takes.",
            "schema": {"type": "string"},
            "example": "POST",
        }
    },
    426: {
        name: {"description": said, "schema": {"type": "string"}, "example": value}
        for name, said, value in (
            ("Upgrade", "What to ask for.", "websocket"),
            ("Allow", "The method of a handshake.", "GET"),
        )
    },
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


def problem(cause: Fault) -> Json:
    """Return the problem document of a fault."""
    document: Json = msgspec.json.decode(write_problem((cause,)))
    return document


def examples() -> Json:
    """Return the example of every code, by its name."""
    return {
        code: {"summary": CATALOGUE[code].sentence, "value": problem(_case(code))} for code in Code
    }


def responses() -> Json:
    """Return the answers that several operations share: the rejections before any handler runs."""
    return {f"Door{status}": examples for status, examples in _by_status(AT_THE_DOOR).items()}


def refusals(codes: Iterable[Code | Fault], inline: Collection[str], *, keyed: bool) -> Json:
    """Return what an operation may refuse with, by status; `inline` are written out."""
    at_the_door = _by_status(AT_THE_DOOR)
    asked = (*AT_THE_DOOR, *(FOR_KEYS if keyed else ()), *codes)
    return {
        status: {"$ref": f"#/components/responses/Door{status}"}
        if examples == at_the_door.get(status) and status not in inline
        else examples
        for status, examples in _by_status(asked).items()
    }


def _by_status(codes: Iterable[Code | Fault]) -> dict[str, Json]:
    """Return one answer for each status among the codes."""
    named = {(entry.code if isinstance(entry, Fault) else entry): entry for entry in codes}
    ordered = sorted(named, key=lambda code: CATALOGUE[code].status)
    return {
        str(status): _response(status, {code: _example(named[code]) for code in same})
        for status, same in groupby(ordered, key=lambda code: CATALOGUE[code].status)
    }


def _response(status: int, examples: Json) -> Json:
    schema = {"$ref": "#/components/schemas/Problem"}
    response: Json = {
        "description": SENTENCES[status],
        "content": {PROBLEM_JSON: {"schema": schema, "examples": examples}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response


def _example(cause: Code | Fault) -> Json:
    if isinstance(cause, Fault):
        return {"summary": CATALOGUE[cause.code].sentence, "value": problem(cause)}
    return {"$ref": f"#/components/examples/{cause}"}


def _case(code: Code) -> Fault:
    message, field = CASES.get(code, ("", None))
    return fault(code, message, field)
