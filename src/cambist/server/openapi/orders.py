"""Describes placing, reading, listing and cancelling orders."""

from __future__ import annotations

from typing import Any, Final

from cambist.faults import Code
from cambist.orders.order import Status
from cambist.ports.keys import Scope
from cambist.server.openapi.parts import (
    JSON,
    Operation,
    answer,
    head,
    header,
    query,
    recorded,
    ref,
)
from cambist.server.openapi.requests import order_examples
from cambist.server.queries import LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX

Json = dict[str, Any]

TAG: Final = "orders"
AN_ID: Final = "019a9c3e-5f10-7cc2-9f0b-6a4f2f3f8a11"
ORDER_ID: Final[Json] = {
    "name": "orderId",
    "in": "path",
    "required": True,
    "description": "The order's id, as it was told when the order was taken.",
    "schema": {"type": "string", "format": "uuid"},
}
BODY: Final = (
    Code.MALFORMED_JSON, Code.NOT_AN_OBJECT, Code.TOO_DEEP, Code.DUPLICATE_FIELD,
    Code.MISSING_FIELD, Code.UNKNOWN_FIELD, Code.WRONG_TYPE, Code.INVALID_VALUE,
    Code.INVALID_AMOUNT, Code.NOT_POSITIVE, Code.INVALID_ADDRESS, Code.INVALID_TOKEN,
    Code.INVALID_SLIPPAGE, Code.INVALID_KEY, Code.UNSUPPORTED_MEDIA_TYPE,
    Code.CONFLICTING_FIELDS, Code.SAME_TOKEN, Code.TOO_MANY_DIGITS, Code.AMOUNT_OUT_OF_RANGE,
    Code.SLIPPAGE_OVER_CAP, Code.DEADLINE_PASSED, Code.UNKNOWN_TOKEN, Code.NOT_YET_SUPPORTED,
)  # fmt: skip
"""What the body of an order may be refused for."""

_LOCATION: Final = header("Where the order is.", f"/api/orders/{AN_ID}")
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

After a timeout, a cut or `store_unavailable` nobody knows whether the order was taken: send it
again with the same key.
"""


def place(operation: str, summary: str) -> Operation:
    """Return the operation that takes an order; it has two paths."""
    return Operation(
        id=operation,
        tag=TAG,
        scope=Scope.TRADE,
        summary=summary,
        description=_PLACING,
        parameters=(_KEY,),
        body={
            "required": True,
            "description": "One order, at most 64 KiB.",
            "content": {JSON: {"schema": ref("OrderRequest"), "examples": order_examples()}},
        },
        answers={
            "200": answer(
                "Taken before, under the same key: the bytes of the first answer.",
                "Receipt",
                recorded(accepted_with_key="The first answer, again"),
                {
                    "Location": _LOCATION,
                    "Idempotency-Replayed": header("Always `true`.", "true", {"const": "true"}),
                },
            ),
            "202": answer(
                "Taken: it is stored, and will be executed.",
                "Receipt",
                recorded(
                    accepted="A pair",
                    accepted_with_key="With the client's own key",
                    accepted_with_warning="A tolerance that looks like a slip of the unit",
                ),
                {"Location": _LOCATION},
            ),
        },
        codes=(
            *BODY, Code.KEY_REUSED, Code.BACKLOG_FULL, Code.SHUTTING_DOWN, Code.STORE_UNAVAILABLE,
        ),
    )  # fmt: skip


def cancel(operation: str, summary: str) -> Operation:
    """Return the operation that cancels an order; it has two paths."""
    return Operation(
        id=operation,
        tag=TAG,
        scope=Scope.CANCEL,
        summary=summary,
        description=(
            "An order that has no transaction in flight ends at once. One that has may still be "
            "executed: the chain decides, and the order ends as `cancelled` only when the "
            "transaction is proven dead. Asking twice changes nothing."
        ),
        parameters=(ORDER_ID,),
        answers={
            "200": answer(
                "The order is cancelled, also when it had been before.",
                "CancelReply",
                recorded(cancelled="Nothing was spent"),
            ),
            "202": answer(
                "A transaction is in flight: it decides.",
                "CancelReply",
                recorded(cancel_pending="It may still be confirmed"),
            ),
            "409": answer(
                "Too late: the order has reached another end.",
                "CancelReply",
                recorded(too_late="It was executed"),
            ),
        },
        codes=(Code.ORDER_NOT_FOUND, Code.STORE_UNAVAILABLE),
    )


def read() -> Operation:
    """Return the operation that reads an order."""
    return Operation(
        id="readOrder",
        tag=TAG,
        scope=Scope.READ,
        summary="Read an order",
        description=(
            "Fields come as they become known. Several names stand for one thing, for clients "
            "that know only one of them."
        ),
        parameters=(ORDER_ID,),
        answers={
            "200": answer(
                "The order as it stands.",
                "OrderView",
                recorded(
                    confirmed="Executed",
                    bought="Executed, an exact amount bought by symbol",
                    waiting="Not begun yet",
                    failed="Came to nothing, and why",
                ),
            )
        },
        codes=(Code.ORDER_NOT_FOUND, Code.STORE_UNAVAILABLE),
    )


def list_all() -> Operation:
    """Return the operation that lists orders."""
    text = {"type": "string"}
    count = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
    passed = {"type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0}
    return Operation(
        id="listOrders",
        tag=TAG,
        scope=Scope.READ,
        summary="List orders, newest first, with counts of all",
        description=(
            "The counts are of all the caller's orders, whatever the filters. Pages by `cursor` "
            "stay steady while orders come in; pages by `offset` shift."
        ),
        parameters=(
            query("limit", count, "Orders on a page."),
            query("offset", passed, "Orders to pass over."),
            query("cursor", {**text, "format": "uuid"}, "The `nextCursor` of an earlier answer."),
            query(
                "status",
                {"type": "array", "items": {"enum": list(Status)}},
                "Only these; named again, or with commas between.",
                explode=True,
            ),
            query("wallet", text, "Only orders of this wallet."),
            query("token", text, "Only orders that give or take this symbol or mint."),
            query("since", {**text, "format": "date-time"}, "Only orders made at or after this."),
        ),
        answers={
            "200": answer("A page of orders.", "OrderList", recorded(listed="Two orders on a page"))
        },
        codes=(Code.INVALID_QUERY, Code.STORE_UNAVAILABLE),
    )
