"""Describes reading, listing, changing and cancelling orders."""

from __future__ import annotations

from typing import Any, Final

from cambist.faults import Code, fault
from cambist.orders.order import Status
from cambist.ports.api_keys import Permission
from cambist.server.openapi.builder import (
    Operation,
    answer,
    example,
    query,
    recorded,
)
from cambist.server.requests import INCLUDE_QUOTES, LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX

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


def cancel(operation: str, summary: str) -> Operation:
    """Return the operation that cancels an order; it has two paths."""
    return Operation(
        id=operation,
        tag=TAG,
        scope=Permission.CANCEL,
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
        scope=Permission.READ,
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
                    resting="It rests until its price is met",
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
        scope=Permission.READ,
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
            query(
                "include",
                {"enum": [INCLUDE_QUOTES]},
                "`quotes`: each venue's quote of each order too, `quotes`, `rQuote`, `mQuote`.",
            ),
        ),
        answers={
            "200": answer("A page of orders.", "OrderList", recorded(listed="Two orders on a page"))
        },
        codes=(Code.INVALID_QUERY, Code.STORE_UNAVAILABLE),
    )


def amend() -> Operation:
    """Return the operation that changes an order that rests."""
    message = "A market order cannot be changed; cancel it and place another."
    return Operation(
        id="amendOrder",
        tag=TAG,
        scope=Permission.TRADE,
        summary="Change an order that rests",
        description=(
            "Limit, trigger price, tolerance, ladder, deadline and confirmations of an order that "
            "waits for a price; what the body does not name stays. New prices are held against the "
            "price now as those of a new order are. A level can be changed until the order is "
            "triggered; the rest until it ends. The answer says from when the new terms apply: a "
            "route that was chosen, and a transaction in flight, keep the terms they were made "
            "with. An earlier `expiresAt` needs the permission `cancel` too.\n\n"
            "With `ifSeq` nothing is changed if the order has any later event. A request that asks "
            "for terms that the order has already changes nothing, so it may be repeated."
        ),
        parameters=(ORDER_ID,),
        body={
            "required": True,
            "description": "What to change.",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/AmendRequest"},
                    "examples": {
                        "level": example({"triggerPrice": "150", "ifSeq": 2}, "Another level"),
                        "deadline": example({"expiresAt": None}, "No deadline any more"),
                    },
                }
            },
        },
        answers={
            "200": answer(
                "The order has these terms, and they apply from now on.",
                "AmendReply",
                recorded(amended="A stop with another level"),
            ),
            "202": answer(
                "The order has these terms, and the next attempt is bound by them.",
                "AmendReply",
                recorded(amended="A stop with another level"),
            ),
        },
        codes=(
            Code.MALFORMED_JSON, Code.NOT_AN_OBJECT, Code.TOO_DEEP, Code.DUPLICATE_FIELD,
            Code.MISSING_FIELD, Code.UNKNOWN_FIELD, Code.WRONG_TYPE, Code.INVALID_VALUE,
            Code.NOT_POSITIVE, Code.INVALID_PRICE, Code.INVALID_SLIPPAGE,
            Code.UNSUPPORTED_MEDIA_TYPE, Code.CONFLICTING_FIELDS, Code.VALUE_OUT_OF_RANGE,
            Code.SLIPPAGE_OVER_CAP, Code.DEADLINE_PASSED, Code.PRICE_INVERTED,
            Code.TRIGGER_ALREADY_MET, fault(Code.NOT_YET_SUPPORTED, message),
            Code.ORDER_NOT_FOUND, Code.ORDER_UNREADABLE, Code.TOO_LATE, Code.MOVED_ON,
            Code.ATTEMPT_IN_FLIGHT, Code.ALREADY_TRIGGERED, Code.STORE_UNAVAILABLE,
        ),
    )  # fmt: skip


def watch() -> Operation:
    """Return the operation that shows what a resting order waits for."""
    return Operation(
        id="watchOrder",
        tag=TAG,
        scope=Permission.READ,
        summary="See what an order waits for, and how far the price is",
        description=(
            "The price that the whole order would get now, its level, the distance between them, "
            "and what else holds it back. It is read from the market for this answer, and counts "
            "as a quote."
        ),
        parameters=(ORDER_ID,),
        answers={
            "200": answer(
                "What the order waits for.", "WatchReply", recorded(watched="A stop")
            )
        },
        codes=(
            fault(Code.NOT_WAITING, "The order is confirmed: it waits for no price and no time."),
            Code.ORDER_NOT_FOUND, Code.TOO_BUSY, Code.STORE_UNAVAILABLE,
        ),
    )  # fmt: skip


def receipt() -> Operation:
    """Return the operation that proves what was done for an order."""
    return Operation(
        id="readReceipt",
        tag=TAG,
        scope=Permission.READ,
        summary="Read an order's receipt",
        description=(
            "What was asked, every quote with its age, why the venue was chosen, each transaction "
            "and its fate, what was paid beside what was quoted, and the chain of hashes over "
            "the journal."
        ),
        parameters=(ORDER_ID,),
        answers={
            "200": answer(
                "Everything the journal proves.",
                "Receipt",
                recorded(receipt="Of an order that was executed"),
            )
        },
        codes=(Code.ORDER_NOT_FOUND, Code.STORE_UNAVAILABLE),
    )
