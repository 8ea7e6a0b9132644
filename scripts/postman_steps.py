"""Lists what the Postman collection asks, folder by folder, and what the answers must be."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cambist.server.openapi.orders import AN_ID
from cambist.server.openapi.request_bodies import ORDERS

PAIR: Final = {"tokenIn": "SOL", "tokenOut": "USDC"}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One request: an operation of the document, what it sends, and what must come back.

    `order` is the id in the path, where there is one; `keeps` is the name under which later
    requests find the id of the answer; `equals` are fields the answer must have with just these
    values, and `holds` are parts of its text.
    """

    name: str
    operation: str
    statuses: tuple[int, ...] = (200,)
    body: Any = None
    order: str = "{{orderId}}"
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    equals: dict[str, Any] = {}
    holds: tuple[str, ...] = ()
    keeps: str | None = None
    note: str = ""


class Folder(msgspec.Struct, frozen=True):
    """Requests that belong together."""

    name: str
    description: str
    steps: tuple[Step, ...]


def _order(name: str, example: str, **more: Any) -> Step:
    taken = {"statuses": (200, 202), "equals": {"success": True}} | more
    return Step(name=name, operation="executeOrder", body=ORDERS[example], **taken)


def _bad(name: str, body: Any, status: int, code: str, field: str) -> Step:
    equals = {"success": False, "status": status, "code": code, "field": field}
    return Step(name=name, operation="executeOrder", statuses=(status,), body=body, equals=equals)


FOLDERS: Final = (
    Folder(
        "Good orders",
        "Each is answered at once, stored, and executed. The first one is used by what follows.",
        (
            _order("Sell an exact amount", "pair", keeps="orderId", equals={"slippageBps": 50}),
            _order("Buy by symbol", "symbol_buy"),
            _order("Buy an exact amount out", "exact_out"),
            _order("Tokens by mint", "mints"),
            _order("Tolerance in percent", "slippage_percent", equals={"slippageBps": 50}),
            _order("With a key of the client's own", "client_order_id", keeps="keyedId"),
            _order(
                "The same key again: the same answer",
                "client_order_id",
                statuses=(200,),
                equals={"orderId": "{{keyedId}}", "clientOrderId": "my-order-1"},
            ),
        ),
    ),
    Folder(
        "Orders that wait for a price",
        "Each rests as `waiting` until its price is met, and says in `summary` what it waits for. "
        "The last requests cancel two of them; the others rest on.",
        (
            _order("Limit: sell once the price is reached", "limit", keeps="limitId"),
            _order("Limit: buy once it costs little enough", "limit_buy"),
            _order("Stop: sell once the price has fallen", "stop", keeps="stopId"),
            _order("Take-profit: sell once the price is reached", "take_profit"),
            _order("Fill or kill: all of it at once, or nothing", "fok"),
            Step(name="Read the stop", operation="readOrder", order="{{stopId}}",
                 equals={"type": "stop", "triggerPrice": 140, "limitPrice": 138,
                         "confirmSlots": 2}),
            _bad("A limit without its price", {**PAIR, "type": "limit", "amountIn": "1"},
                 400, "missing_field", "limitPrice"),
            _bad("A stop whose price is met already", {
                **PAIR, "type": "stop", "amountIn": "1", "triggerPrice": "9999",
            }, 422, "trigger_already_met", "triggerPrice"),
            _bad("A field that a limit does not have", {
                **PAIR, "type": "limit", "amountIn": "1", "limitPrice": "150",
                "triggerPrice": "140",
            }, 422, "conflicting_fields", "triggerPrice"),
            Step(name="Cancel the limit", operation="deleteOrder", order="{{limitId}}",
                 statuses=(200, 202), equals={"orderId": "{{limitId}}"}),
            Step(name="Cancel the stop", operation="deleteOrder", order="{{stopId}}",
                 statuses=(200, 202), equals={"orderId": "{{stopId}}"}),
        ),
    ),
    Folder(
        "Bad orders",
        "Each is refused with a problem document that names the field, and nothing is stored.",
        (
            _bad("A field is missing", {"tokenIn": "SOL", "amountIn": "1"},
                 400, "missing_field", "tokenOut"),
            _bad("A negative amount", {**PAIR, "amountIn": "-1"},
                 400, "not_positive", "amountIn"),
            _bad("A field no order has", {**PAIR, "amountIn": "1", "slipage": 1},
                 400, "unknown_field", "slipage"),
            _bad("A side that is none", {"symbol": "SOL", "side": "hold", "quantity": 1},
                 400, "invalid_value", "side"),
            _bad("A token for itself", {**PAIR, "tokenOut": "SOL", "amountIn": "1"},
                 422, "same_token", "tokenOut"),
            _bad("Two tolerances that differ", {
                **PAIR, "amountIn": "1", "slippage": 1, "slippageBps": 50,
            }, 422, "conflicting_fields", "slippageBps"),
            _bad("The used key for another order", {
                **PAIR, "amountIn": "2", "clientOrderId": "my-order-1",
            }, 422, "idempotency_key_reused", "clientOrderId"),
        ),
    ),
    Folder(
        "Reading",
        "One order, the list with its counts, and the journal.",
        (
            Step(name="Read an order", operation="readOrder", equals={"tokenIn": "SOL"}),
            Step(
                name="Read an order that is not there",
                operation="readOrder",
                order=AN_ID,
                statuses=(404,),
                equals={"code": "order_not_found", "error": "Order not found"},
            ),
            Step(name="List orders", operation="listOrders", query={"limit": "2"},
                 equals={"limit": 2, "count": 2}),
            Step(
                name="List with a limit that is none",
                operation="listOrders",
                query={"limit": "many"},
                statuses=(400,),
                equals={"code": "invalid_query", "field": "limit"},
            ),
            Step(name="Read the receipt", operation="readReceipt",
                 equals={"orderId": "{{orderId}}"}),
            Step(name="Read the journal", operation="readEvents",
                 equals={"orderId": "{{orderId}}"}),
        ),
    ),
    Folder(
        "Streams",
        "Events of an order as they happen. For the WebSocket: New > WebSocket in Postman, with "
        "`ws://` and the same address; this format of collections cannot hold one. "
        "`GET /api/events` streams all orders and never ends, so it is not among these.",
        (
            Step(
                name="Server-sent events of an order",
                operation="readEvents",
                headers={"Accept": "text/event-stream"},
                holds=("id: 1\ndata: {", '"event":"pending"', '"event":"routing"'),
                note="Ends once nothing more can come.",
            ),
            Step(
                name="The same, from after line 2",
                operation="readEvents",
                headers={"Accept": "text/event-stream", "Last-Event-ID": "2"},
                holds=("id: 3\ndata: {",),
            ),
            Step(
                name="WebSocket of an order, asked for without an upgrade",
                operation="executeSocket",
                query={"orderId": "{{orderId}}"},
                statuses=(426,),
                equals={"code": "upgrade_required"},
            ),
        ),
    ),
    Folder(
        "Quotes",
        "What an order would do now. Nothing is stored.",
        (
            Step(name="Ask what a sale would bring", operation="askQuote", body=ORDERS["pair"],
                 equals={"success": True, "mode": "exact_in", "amountIn": "1.5"}),
            Step(name="Ask what a purchase would cost", operation="askQuote",
                 body=ORDERS["symbol_buy"],
                 equals={"mode": "exact_out", "amountOut": "5", "side": "buy"}),
            Step(name="Ask for more than there is", operation="askQuote", statuses=(422,),
                 body={**PAIR, "amountIn": "900000000"}, equals={"code": "no_route"}),
        ),
    ),
    Folder(
        "Batch",
        "Many orders in one commit, each answered in its place.",
        (
            Step(name="Two orders", operation="placeBatch",
                 body={"orders": [ORDERS["pair"], ORDERS["symbol_buy"]]},
                 equals={"results[0].status": 202, "results[1].status": 202}),
            Step(name="One good, one bad", operation="placeBatch",
                 body={"orders": [ORDERS["pair"], {"tokenIn": "SOL"}]},
                 equals={"results[0].status": 202, "results[1].status": 400,
                         "results[1].body.code": "missing_field"}),
            Step(name="A batch of none", operation="placeBatch", body={"orders": []},
                 statuses=(400,), equals={"code": "invalid_value", "field": "orders"}),
        ),
    ),
    Folder(
        "Cancel",
        "The answer says what became of the wish: the order may have been executed before it.",
        (
            _order("An order to cancel", "number", keeps="cancelId"),
            Step(name="Cancel it", operation="deleteOrder", order="{{cancelId}}",
                 statuses=(200, 202, 409), equals={"orderId": "{{cancelId}}"}),
            Step(name="Cancel it by POST", operation="cancelOrder",
                 order="{{cancelId}}", statuses=(200, 202, 409)),
            Step(name="Change it: not for market orders", operation="amendOrder",
                 order="{{cancelId}}", statuses=(422,), equals={"code": "not_yet_supported"}),
            Step(name="Watch it: it waits for no price", operation="watchOrder",
                 order="{{cancelId}}", statuses=(409,), equals={"code": "not_waiting"}),
            Step(name="Cancel what is not there", operation="deleteOrder",
                 order=AN_ID, statuses=(404,), equals={"code": "order_not_found"}),
        ),
    ),
    Folder(
        "Market",
        "What can be traded, and what trading brought.",
        (
            Step(name="The tokens", operation="listTokens", holds=('"symbol":"SOL"',)),
            Step(name="The venues", operation="listVenues", holds=('"raydium"', '"meteora"')),
            Step(name="The pools of a pair", operation="listPools",
                 query={"tokenIn": "SOL", "tokenOut": "USDC"}, equals={"tokenIn": "SOL"}),
            Step(name="The pools of half a pair", operation="listPools",
                 query={"tokenOut": "USDC"}, statuses=(400,),
                 equals={"code": "invalid_query", "field": "tokenIn"}),
            Step(name="The report", operation="readReport", equals={"truncated": False}),
        ),
    ),
    Folder(
        "Service",
        "What the service tells of itself.",
        (
            Step(name="What this is", operation="readService", equals={"name": "cambist"}),
            Step(name="Which parts answer", operation="readHealth", equals={"database": "ok"}),
            Step(name="Send requests here?", operation="readReadiness"),
            Step(name="Does it answer?", operation="readLiveness", equals={"status": "ok"}),
            Step(name="The document", operation="readOpenapi", equals={"openapi": "3.1.0"}),
            Step(name="What each fault means", operation="readFaults",
                 holds=('<h2 id="missing_field">',)),
        ),
    ),
)  # fmt: skip
