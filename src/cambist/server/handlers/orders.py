"""Handles orders: place, batch, get, list, receipt, cancel."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Send
from starlette.types import Scope as Call

from cambist.engine.engine import Engine
from cambist.engine.intake import SubmitOrder, SubmitResult
from cambist.faults import Code, Fault, RequestRejected, fault
from cambist.ports.api_keys import Permission
from cambist.server.auth.caller import Caller, caller_of, charge
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.html_pages import compress
from cambist.server.requests import StreamOptions, find_order, json_body, read_query, wants_quotes
from cambist.server.responses import Header, Response, send_answer, wants_stream
from cambist.server.streaming.event_streams import MessageCache, OrderEvents
from cambist.server.streaming.sse import StreamStart, stream
from cambist.server.submission import OrderSubmitter
from cambist.values.ids import read_order_id
from cambist.wire.batch import Result, read_batch, write_batch
from cambist.wire.json_body import JsonFields
from cambist.wire.order_responses import Page, write_cancel, write_list, write_order
from cambist.wire.problems import lead, write_problem
from cambist.wire.receipts import write_receipt

_CANCEL_STATUS: Final = {"cancelled": 200, "cancel_pending": 202, "too_late": 409}


class OrderHandlers:
    """Reads, lists and cancels orders."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def read(self, request: Request) -> Response:
        """Answer with one order."""
        return Response(200, write_order(await find_order(self._engine, request)))

    async def receipt(self, request: Request) -> Response:
        """Answer with all that was decided and done for one order."""
        order = await find_order(self._engine, request)
        told = await self._engine.history(order.id)
        return Response(200, write_receipt(order, told))

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
        body = write_list(page, census.by_status, census.delayed)
        return await compress(request, Response(200, body))

    async def cancel(self, request: Request) -> Response:
        """Ask the engine to end an order, and answer with what became of it."""
        order_id = read_order_id(request.path_params["order_id"])
        principal = caller_of(request.scope).principal
        answer = await self._engine.cancel(order_id, principal) if order_id is not None else None
        if answer is None:
            raise RequestRejected(fault(Code.ORDER_NOT_FOUND))
        word, order = answer
        return Response(_CANCEL_STATUS[word], write_cancel(word, order))

    async def amend(self, request: Request) -> Response:
        """Refuse to change an order: one that does not rest is on its way already."""
        order = await find_order(self._engine, request)
        message = f"A {order.intent.kind} order cannot be changed; cancel it and place another."
        raise RequestRejected(fault(Code.NOT_YET_SUPPORTED, message))


_REPLAYED: Final = (b"idempotency-replayed", b"true")
_EVERYTHING: Final = StreamOptions(notes=True)


class PlaceOrder:
    """Takes an order. Bare of any request object: it is the path that must be fast."""

    def __init__(
        self, submitter: OrderSubmitter, messages: MessageCache, concurrency: ConcurrencyLimits
    ) -> None:
        self._submitter = submitter
        self._messages = messages
        self._concurrency = concurrency
        self._body_max = messages.settings.edge.body_bytes_max

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        """Answer one POST, or stream the order's events after it."""
        fields = dict(scope["headers"])
        body = await json_body(self._concurrency, fields, receive, self._body_max)
        key = fields.get(b"idempotency-key")
        passport = caller_of(scope)
        if wants_stream(fields) and Permission.READ in passport.permissions:
            with self._concurrency.open_stream(passport) as life:
                taken = await self._submitter.submit(body, key, passport)
                order = await self._messages.engine.get(taken.order_id, passport.principal)
                if order is None:
                    raise RequestRejected(fault(Code.ORDER_NOT_FOUND))
                story = OrderEvents(self._messages, order, _EVERYTHING)
                headers = (*_where(taken), (b"x-order-id", taken.order_id.encode()))
                opening = StreamStart(202, headers, b"data: %b\n\n" % taken.reply)
                await stream(story, life, (receive, send), opening)
            return
        taken = await self._submitter.submit(body, key, passport)
        status = 200 if taken.replayed else 202
        await send_answer(send, Response(status, taken.reply, headers=_where(taken)))


def _where(taken: SubmitResult) -> tuple[Header, ...]:
    location = (b"location", b"/api/orders/" + taken.order_id.encode())
    return (location, _REPLAYED) if taken.replayed else (location,)


class PlaceBatch:
    """Takes many orders in one commit, and answers each as it would have been answered alone."""

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
        fields = dict(scope["headers"])
        body = await json_body(self._concurrency, fields, receive, self._body_max)
        if b"idempotency-key" in fields:
            message = "Orders of a batch have a clientOrderId each, and no key together."
            raise RequestRejected(fault(Code.INVALID_KEY, message, "Idempotency-Key"))
        passport = caller_of(scope)
        batch = read_batch(body)
        await charge(passport, len(batch))
        asked = [self._wish(one, passport) for one in batch]
        wishes = [request for request in asked if isinstance(request, SubmitOrder)]
        answers = iter(await self._engine.submit_all(wishes) if wishes else ())
        results = [_result(next(answers) if isinstance(one, SubmitOrder) else one) for one in asked]
        await send_answer(send, Response(200, write_batch(results)))

    def _wish(self, fields: JsonFields | None, caller: Caller) -> SubmitOrder | tuple[Fault, ...]:
        if fields is None:
            return (fault(Code.NOT_AN_OBJECT, "An order is a JSON object."),)
        try:
            wish = self._submitter.command(fields, caller)
        except RequestRejected as refused:
            return refused.faults
        deadline = wish.intent.terms.deadline
        if deadline is not None and deadline <= self._engine.clock.now():
            return (fault(Code.DEADLINE_PASSED, "", "expiresAt"),)
        return wish


def _result(answer: SubmitResult | Fault | tuple[Fault, ...]) -> Result:
    if isinstance(answer, SubmitResult):
        return Result(200 if answer.replayed else 202, answer.reply)
    faults = (answer,) if isinstance(answer, Fault) else answer
    return Result(lead(faults).status, write_problem(faults))
