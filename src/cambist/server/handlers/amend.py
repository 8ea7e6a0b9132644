"""Handles changes of an order that waits for a price."""

from __future__ import annotations

from starlette.types import Receive, Send
from starlette.types import Scope as Call

from cambist.engine.engine import Engine
from cambist.faults import Code, RequestRejected, fault
from cambist.orders.order import Order
from cambist.orders.terms import Terms
from cambist.ports.api_keys import Permission
from cambist.server.auth.caller import Caller, caller_of, charge
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.header_fields import header_fields
from cambist.server.requests import find_order_by_id, json_body
from cambist.server.responses import Response, send_answer
from cambist.server.settings import ServerSettings
from cambist.wire.amend_request import EXPIRES_AT, Amendment, read_amendment, write_amended
from cambist.wire.resting_orders import check_prices, with_terms


class AmendHandler:
    """Changes the terms of an order."""

    def __init__(
        self, engine: Engine, settings: ServerSettings, concurrency: ConcurrencyLimits
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._concurrency = concurrency

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        """Answer one PATCH."""
        caller = caller_of(scope)
        order = await find_order_by_id(self._engine, scope["path_params"]["order_id"], caller)
        if not order.intent.waits_for_price or order.terms.time_in_force == "fok":
            kind = order.intent.kind
            message = f"A {kind} order cannot be changed; cancel it and place another."
            raise RequestRejected(fault(Code.NOT_YET_SUPPORTED, message))
        if caller.wallets and order.intent.wallet not in caller.wallets:
            raise RequestRejected(fault(Code.FORBIDDEN, "The order is of another wallet."))
        body_max = self._settings.edge.body_bytes_max
        body = await json_body(self._concurrency, header_fields(scope), receive, body_max)
        await charge(caller, 1)
        unit, now = self._settings.default_slippage_unit, self._engine.clock.now()
        asked = read_amendment(body, order, unit, self._settings.limits, now)
        warnings = await self._hold_to_prices(order, asked)

        def change(current: Order) -> Terms:
            terms = asked.new_terms(current.intent, current.terms)
            _check_permission(caller, current.terms, terms)
            return terms

        result = await self._engine.amend(order.id, caller.principal, change, asked.if_seq)
        text = write_amended(
            result.order, result.applies_from, tuple(warnings), is_new=result.is_new
        )
        status = 202 if result.applies_from == "next_attempt" else 200
        await send_answer(send, Response(status, text))

    async def _hold_to_prices(self, order: Order, asked: Amendment) -> list[str]:
        """Hold the prices that change against the price now. Raises RequestRejected."""
        terms = asked.new_terms(order.intent, order.terms)
        names = {
            name
            for name, before, after in (
                ("limitPrice", order.terms.limit_price, terms.limit_price),
                ("triggerPrice", order.terms.trigger_price, terms.trigger_price),
            )
            if name in asked.price_fields and before != after
        }
        if not names or order.is_closed:
            return []
        intent = with_terms(order.intent, terms)
        faults, warnings = check_prices(
            intent,
            await self._engine.observe(intent),
            fires_when_met=asked.fires_when_met,
            accepts_far_price=asked.accepts_far_price,
        )
        faults = [found for found in faults if found.field in names]
        if faults:
            raise RequestRejected(*faults)
        return warnings


def _check_permission(caller: Caller, before: Terms, after: Terms) -> None:
    """Reject a shorter life without the permission to cancel. Raises RequestRejected."""
    if after.deadline is None or after.deadline == before.deadline:
        return
    is_shorter = before.deadline is None or after.deadline < before.deadline
    if is_shorter and Permission.CANCEL not in caller.permissions:
        message = "An earlier expiresAt is a cancel: the key needs the permission `cancel`."
        raise RequestRejected(fault(Code.FORBIDDEN, message, EXPIRES_AT))
