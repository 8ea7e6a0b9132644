"""Reads, lists and cancels orders over HTTP."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from cambist.engine.engine import Engine
from cambist.faults import Code, Refused, fault
from cambist.orders.order import Order
from cambist.server.auth.caller import passport_of
from cambist.server.html_pages import pack
from cambist.server.requests import read_query, wants_quotes
from cambist.server.responses import Answer
from cambist.values.ids import read_order_id
from cambist.wire.order_responses import Page, write_cancel, write_list, write_order
from cambist.wire.receipts import write_receipt

_CANCEL_STATUS: Final = {"cancelled": 200, "cancel_pending": 202, "too_late": 409}


class Orders:
    """Reads, lists and cancels orders."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def read(self, request: Request) -> Answer:
        """Answer with one order."""
        return Answer(200, write_order(await find_order(self._engine, request)))

    async def receipt(self, request: Request) -> Answer:
        """Answer with all that was decided and done for one order."""
        order = await find_order(self._engine, request)
        told = await self._engine.history(order.id)
        return Answer(200, write_receipt(order, told))

    async def list(self, request: Request) -> Answer:
        """Answer with a page of orders and the counts of all."""
        principal = passport_of(request.scope).principal
        query = read_query(request.query_params, principal)
        with_quotes = wants_quotes(request.query_params)
        found = await self._engine.find(query)
        census = await self._engine.census(principal)
        page = Page(
            found.orders, query.limit, query.offset, found.unreadable, found.last, with_quotes
        )
        body = write_list(page, census.by_status, census.delayed)
        return await pack(request, Answer(200, body))

    async def cancel(self, request: Request) -> Answer:
        """Ask the engine to end an order, and answer with what became of it."""
        order_id = read_order_id(request.path_params["order_id"])
        principal = passport_of(request.scope).principal
        answer = await self._engine.cancel(order_id, principal) if order_id is not None else None
        if answer is None:
            raise Refused(fault(Code.ORDER_NOT_FOUND))
        word, order = answer
        return Answer(_CANCEL_STATUS[word], write_cancel(word, order))

    async def amend(self, request: Request) -> Answer:
        """Refuse to change an order: one that does not rest is on its way already."""
        order = await find_order(self._engine, request)
        message = f"A {order.intent.kind} order cannot be changed; cancel it and place another."
        raise Refused(fault(Code.NOT_YET_SUPPORTED, message))


async def find_order(engine: Engine, request: Request) -> Order:
    """Return the order a path names. Raises Refused when the caller has none such."""
    order_id = read_order_id(request.path_params["order_id"])
    principal = passport_of(request.scope).principal
    order = await engine.get(order_id, principal) if order_id is not None else None
    if order is None:
        raise Refused(fault(Code.ORDER_NOT_FOUND))
    return order
