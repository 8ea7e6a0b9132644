"""Handles orders: place, batch, get, watch, list, receipt, cancel."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Send
from starlette.types import Scope as Call

from cambist.engine.engine import Engine
from cambist.engine.intake import SubmitOrder, SubmitResult
from cambist.faults import Code, Fault, RequestRejected, fault
from cambist.ports.api_keys import Permission
from cambist.server.auth.caller import Caller, caller_of, charge, charge_quote
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.header_fields import header_fields
from cambist.server.requests import StreamOptions, find_order, json_body, read_query, wants_quotes
from cambist.server.responses import Header, Response, send_answer, wants_stream
from cambist.server.streaming.event_streams import MessageCache, OrderEvents
from cambist.server.streaming.sse import StreamStart, stream_sse
from cambist.server.submission import OrderSubmitter
from cambist.values.ids import read_order_id
from cambist.wire.batch import Result, read_batch, write_batch
from cambist.wire.json_body import JsonFields
from cambist.wire.order_responses import Page, write_cancel, write_list, write_order
from cambist.wire.problems import lead, write_problem
from cambist.wire.receipts import write_receipt
from cambist.wire.watch import is_watchable, write_watch

_CANCEL_STATUS: Final = {"cancelled": 200, "cancel_pending": 202, "too_late": 409}


class OrderHandlers:
    """Reads, lists and cancels orders."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def read(self, request: Request) -> Response:
        """Answer with one order."""
        return Response(200, write_order(await find_order(self._engine, request)))

    async def receipt(self, request: Request) -> Response:
        """Answer with every decision and action for one order."""
        order = await find_order(self._engine, request)
        events = await self._engine.history(order.id)
        return Response(200, write_receipt(order, events))

    async def watch(self, request: Request) -> Response:
        """Answer with what a resting order waits for, and what the price is now."""
        caller = caller_of(request.scope)
        order = await find_order(self._engine, request)
        if not is_watchable(order):
            message = f"The order is {order.status}: it waits for no price and no time."
            raise RequestRejected(fault(Code.NOT_WAITING, message))
        await charge_quote(caller)
        seen, is_halted = await self._engine.watch(order, caller.caller)
        now = self._engine.clock.now()
        return Response(200, write_watch(order, seen, now, is_halted=is_halted))

    async def list(self, request: Request) -> Response:
        """Answer with a page of orders and the counts of all."""
        principal = caller_of(request.scope).principal
        query = read_query(request.query_params, principal)
        with_quotes = wants_quotes(request.query_params)
        found = await self._engine.list_orders(query)
        census = await self._engine.count_orders(principal)
        page = Page(
            found.orders, query.limit, query.offset, found.unreadable, found.last, with_quotes
        )
        return Response(200, write_list(page, census.by_status, census.delayed))

    async def cancel(self, request: Request) -> Response:
        """Request the cancellation of an order, and answer with the outcome."""
        order_id = read_order_id(request.path_params["order_id"])
        principal = caller_of(request.scope).principal
        answer = await self._engine.cancel(order_id, principal) if order_id is not None else None
        if answer is None:
            raise RequestRejected(fault(Code.ORDER_NOT_FOUND))
        outcome, order = answer
        return Response(_CANCEL_STATUS[outcome], write_cancel(outcome, order))


_REPLAYED: Final = (b"idempotency-replayed", b"true")
_EVERYTHING: Final = StreamOptions(notes=True)


class PlaceOrder:
    """Accepts an order; without a request object, because this path must be fast."""

    def __init__(
        self, submitter: OrderSubmitter, messages: MessageCache, concurrency: ConcurrencyLimits
    ) -> None:
        self._submitter = submitter
        self._messages = messages
        self._concurrency = concurrency
        self._body_max = messages.settings.edge.body_bytes_max

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        """Answer one POST, or stream the order's events after it."""
        fields = header_fields(scope)
        body = await json_body(self._concurrency, fields, receive, self._body_max)
        key = fields.get(b"idempotency-key")
        caller = caller_of(scope)
        if wants_stream(fields) and Permission.READ in caller.permissions:
            with self._concurrency.open_stream(caller) as lifetime:
                result = await self._submitter.submit(body, key, caller)
                order = await self._messages.engine.get(result.order_id, caller.principal)
                if order is None:
                    raise RequestRejected(fault(Code.ORDER_NOT_FOUND))
                stream = OrderEvents(self._messages, order, _EVERYTHING)
                headers = (*_location(result), (b"x-order-id", result.order_id.encode()))
                start = StreamStart(202, headers, b"data: %b\n\n" % result.reply)
                await stream_sse(stream, lifetime, receive, send, start=start)
            return
        result = await self._submitter.submit(body, key, caller)
        status = 200 if result.replayed else 202
        await send_answer(send, Response(status, result.reply, headers=_location(result)))


def _location(result: SubmitResult) -> tuple[Header, ...]:
    location = (b"location", b"/api/orders/" + result.order_id.encode())
    return (location, _REPLAYED) if result.replayed else (location,)


class PlaceBatch:
    """Accepts several orders in one commit, and answers each as if it were alone."""

    def __init__(
        self,
        engine: Engine,
        submitter: OrderSubmitter,
        concurrency: ConcurrencyLimits,
        body_max: int,
    ) -> None:
        self._engine = engine
        self._submitter = submitter
        self._concurrency = concurrency
        self._body_max = body_max

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        fields = header_fields(scope)
        body = await json_body(self._concurrency, fields, receive, self._body_max)
        if b"idempotency-key" in fields:
            message = "A batch has no key of its own; give each order a clientOrderId."
            raise RequestRejected(fault(Code.INVALID_KEY, message, "Idempotency-Key"))
        caller = caller_of(scope)
        batch = read_batch(body)
        await charge(caller, len(batch))
        orders = [await self._command(fields_of_order, caller) for fields_of_order in batch]
        commands = [order for order in orders if isinstance(order, SubmitOrder)]
        answers = iter(await self._engine.submit_all(commands) if commands else ())
        results = [
            _result(next(answers) if isinstance(order, SubmitOrder) else order) for order in orders
        ]
        await send_answer(send, Response(200, write_batch(results)))

    async def _command(
        self, fields: JsonFields | None, caller: Caller
    ) -> SubmitOrder | tuple[Fault, ...]:
        if fields is None:
            return (fault(Code.NOT_AN_OBJECT, "An order is a JSON object."),)
        try:
            command = await self._submitter.command(fields, caller)
        except RequestRejected as rejected:
            return rejected.faults
        deadline = command.intent.terms.deadline
        if deadline is not None and deadline <= self._engine.clock.now():
            return (fault(Code.DEADLINE_PASSED, "", "expiresAt"),)
        return command


def _result(answer: SubmitResult | Fault | tuple[Fault, ...]) -> Result:
    if isinstance(answer, SubmitResult):
        return Result(200 if answer.replayed else 202, answer.reply)
    faults = (answer,) if isinstance(answer, Fault) else answer
    return Result(lead(faults).status, write_problem(faults))
