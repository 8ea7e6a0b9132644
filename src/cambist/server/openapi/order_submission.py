"""Describes placing orders, one or many, and asking what one would do."""

from __future__ import annotations

from typing import Any, Final

from cambist.faults import Code, fault
from cambist.ports.api_keys import Permission
from cambist.server.openapi.builder import (
    EVENT_STREAM,
    JSON,
    RECORDED,
    Operation,
    answer,
    as_events,
    example,
    head,
    header,
    recorded,
    ref,
)
from cambist.server.openapi.orders import AN_ID, TAG
from cambist.server.openapi.request_bodies import batch_examples, order_examples
from cambist.wire.batch import BATCH_ORDERS_MAX

Json = dict[str, Any]

BODY: Final = (
    Code.MALFORMED_JSON, Code.NOT_AN_OBJECT, Code.TOO_DEEP, Code.DUPLICATE_FIELD,
    Code.MISSING_FIELD, Code.UNKNOWN_FIELD, Code.WRONG_TYPE, Code.INVALID_VALUE,
    Code.INVALID_AMOUNT, Code.NOT_POSITIVE, Code.INVALID_ADDRESS, Code.INVALID_TOKEN,
    Code.INVALID_SLIPPAGE, Code.INVALID_KEY, Code.UNSUPPORTED_MEDIA_TYPE,
    Code.CONFLICTING_FIELDS, Code.SAME_TOKEN, Code.TOO_MANY_DIGITS, Code.AMOUNT_OUT_OF_RANGE,
    Code.SLIPPAGE_OVER_CAP, Code.DEADLINE_PASSED, Code.UNKNOWN_TOKEN, Code.NOT_YET_SUPPORTED,
    Code.INVALID_PRICE, Code.VALUE_OUT_OF_RANGE, Code.PRICE_INVERTED, Code.TRIGGER_ALREADY_MET,
)  # fmt: skip
"""What the body of an order may be refused for."""

HELD_TO_PRICES: Final = (Code.TRIGGER_ALREADY_MET, Code.PRICE_INVERTED)
"""What an order that waits for a price is refused for, beside the price now."""

UNROUTED: Final = (Code.NO_ROUTE, Code.QUOTES_UNAVAILABLE)
"""What a question for a route may come to."""

_LOCATION: Final = header("Where the order is.", f"/api/orders/{AN_ID}")
_X_ORDER_ID: Final = header("The order's id, where the answer is a stream.", AN_ID)
_KEY: Final = head(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
    "The same key with the same order is answered with the same bytes. One thing with "
    "`clientOrderId` in the body: if both are there, they must be equal.",
)
_PLACING: Final = """\
The order is on disk before this answers. It is executed once or not at all, whatever is killed.

- **Who sells what**: a pair (`tokenIn`, `tokenOut`) or a `symbol` with its `side`.
- **How much**: one size, in whole tokens or in base units. A number is read from its digits.
- **How far from the quote**: `slippageBps`, `slippage` (percent) or `slippageTolerance` (fraction).
- **When**: at once (`market`), or once its whole amount gets a price. A `limit` waits for
  `limitPrice` and never trades at a worse one, a `take_profit` waits for the price to reach
  `triggerPrice`, and a `stop` for it to fall there. `startAt` delays any of them.

With `Accept: text/event-stream` the order is taken and its events follow on the same connection:
first the acceptance, without an `id:`, then a Message for each line of the journal.

After a timeout, a cut or `store_unavailable` nobody knows whether the order was taken: send it
again with the same key.
"""


def place(operation: str, summary: str) -> Operation:
    """Return the operation that takes an order; it has two paths."""
    responses = _answers()
    responses["202"]["content"][EVENT_STREAM] = {
        "schema": {"type": "string", "description": "The acceptance, then a Message an event."},
        "x-event-schema": ref("ServerSentEvent"),
        "examples": {"events": example(_as_events(), "The acceptance, then the events")},
    }
    return Operation(
        id=operation,
        tag=TAG,
        scope=Permission.TRADE,
        summary=summary,
        description=_PLACING,
        parameters=(_KEY,),
        body={
            "required": True,
            "description": "One order, at most 64 KiB.",
            "content": {JSON: {"schema": ref("OrderRequest"), "examples": order_examples()}},
        },
        answers=responses,
        codes=(
            *BODY, *HELD_TO_PRICES, Code.LENGTH_REQUIRED, Code.KEY_REUSED, Code.BACKLOG_FULL,
            Code.HALTED, Code.SHUTTING_DOWN, Code.STORE_UNAVAILABLE,
        ),
    )  # fmt: skip


def _answers() -> dict[str, Json]:
    return {
        "101": {
            "description": (
                "Taken, and the connection is a WebSocket now, on which the events follow: "
                "the answer to a POST with `Upgrade: websocket` and a `Content-Length`. "
                "Outside RFC 6455; a courtesy to clients that ask for it."
            )
        },
        "200": answer(
            "Taken before, under the same key: the bytes of the first answer.",
            "Acceptance",
            recorded(accepted_with_key="The first answer, again"),
            {
                "Location": _LOCATION,
                "Idempotency-Replayed": header("Always `true`.", "true", {"const": "true"}),
            },
        ),
        "202": answer(
            "Taken: it is stored, and will be executed. A key without the scope `read` gets this "
            "and no stream, whatever it accepts.",
            "Acceptance",
            recorded(
                accepted="A pair",
                accepted_with_key="With the client's own key",
                accepted_with_warning="A tolerance that looks like a slip of the unit",
                accepted_stop="An order that waits for a price",
            ),
            {"Location": _LOCATION, "X-Order-Id": _X_ORDER_ID},
        ),
    }


def batch() -> Operation:
    """Return the operation that takes many orders."""
    orders = "orders"
    many = f"A batch holds 1 to {BATCH_ORDERS_MAX} orders, not 0."
    no_key = "A batch has no key of its own; give each order a clientOrderId."
    return Operation(
        id="placeBatch",
        tag=TAG,
        scope=Permission.TRADE,
        summary="Place many orders in one commit",
        description=(
            f"1 to {BATCH_ORDERS_MAX} orders, at most 256 KiB. Each is answered as it would have "
            "been alone, in the same order; one that is refused takes no other with it. There is "
            "room for all that are good, or for none."
        ),
        body={
            "required": True,
            "description": "The orders.",
            "content": {JSON: {"schema": ref("BatchRequest"), "examples": batch_examples()}},
        },
        answers={
            "200": answer(
                "Each order's own status and body.",
                "BatchReply",
                recorded(batch="One taken, one refused"),
            )
        },
        codes=(
            Code.MALFORMED_JSON, Code.NOT_AN_OBJECT, Code.TOO_DEEP,
            fault(Code.DUPLICATE_FIELD, "", orders),
            fault(Code.MISSING_FIELD, "orders is missing.", orders),
            fault(Code.UNKNOWN_FIELD, "Unknown field order; only orders is allowed.", "order"),
            fault(Code.WRONG_TYPE, "orders is a list of orders.", orders),
            fault(Code.INVALID_VALUE, many, orders),
            fault(Code.INVALID_KEY, no_key, "Idempotency-Key"),
            Code.UNSUPPORTED_MEDIA_TYPE, Code.BACKLOG_FULL, Code.HALTED, Code.SHUTTING_DOWN,
            Code.STORE_UNAVAILABLE,
        ),
    )  # fmt: skip


def quote() -> Operation:
    """Return the operation that says what an order would do."""
    return Operation(
        id="askQuote",
        tag="quotes",
        scope=Permission.READ,
        summary="Ask what an order would do now",
        description=(
            "The body of an order, and nothing is stored: both sides' amounts, every venue's "
            "quote, the choice and why, the worst the order would accept, and what the network "
            "takes besides. It is no promise: an order asks the venues afresh."
        ),
        body={
            "required": True,
            "description": "An order, as it would be placed.",
            "content": {JSON: {"schema": ref("OrderRequest"), "examples": order_examples()}},
        },
        answers={
            "200": answer(
                "What it would do.",
                "QuoteReply",
                recorded(
                    quoted="Selling an exact amount",
                    quoted_buy="Buying an exact amount",
                    quoted_split="So much that several pools share it",
                ),
            )
        },
        codes=(*BODY, *UNROUTED),
    )


def _as_events() -> str:
    """Return how the stream after an acceptance begins."""
    accepted = RECORDED["accepted"]
    first = f'data: {{"success":true,"orderId":"{accepted["orderId"]}", …}}\n\n'
    return first + as_events(RECORDED["journal"]["events"])
