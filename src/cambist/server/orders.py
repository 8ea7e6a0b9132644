"""Places, reads, lists and cancels orders over HTTP."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from cambist.engine.engine import Engine
from cambist.engine.intake import Wish
from cambist.faults import Code, Refused, fault
from cambist.orders.order import Order
from cambist.server.answers import Answer, read_body, refusal, send_answer
from cambist.server.passports import Passport, passport_of
from cambist.server.queries import read_query
from cambist.server.settings import ServerSettings
from cambist.values.ids import read_order_id
from cambist.wire.body import Parsed, read_order
from cambist.wire.fields import is_key
from cambist.wire.intents import Caller, to_intent
from cambist.wire.replies import Page, receipt_writer, write_cancel, write_list, write_order

KEY_HEADER: Final = "Idempotency-Key"
_CANCEL_STATUS: Final = {"cancelled": 200, "cancel_pending": 202, "too_late": 409}
_REPLAYED: Final = (b"idempotency-replayed", b"true")


class PlaceOrder:
    """Takes an order. Bare of any request object: it is the path that must be fast."""

    def __init__(self, engine: Engine, settings: ServerSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._body_max = settings.edge.body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"")
        if kind != b"application/json" and not _is_json(kind):
            raise Refused(fault(Code.UNSUPPORTED_MEDIA_TYPE))
        body = await read_body(receive, self._body_max)
        if body is None:
            too_large = fault(Code.BODY_TOO_LARGE, f"A body has at most {self._body_max} bytes.")
            await send_answer(send, refusal((too_large,)))
            return
        key = headers.get(b"idempotency-key")
        await send_answer(send, await self._place(body, key, passport_of(scope)))

    async def _place(self, body: bytes, header_key: bytes | None, passport: Passport) -> Answer:
        settings, market = self._settings, self._engine.market
        parsed = read_order(body, settings.bare_slippage)
        key = _one_key(header_key, parsed)
        # With a key, the engine judges the deadline after it has looked the key up.
        now = self._engine.clock.now() if key is None else None
        intent = to_intent(
            parsed, market.token, settings.limits, Caller(passport.principal, now, key)
        )
        reply = receipt_writer(market.venues, parsed.warnings)
        fingerprint = parsed.request.fingerprint() if key is not None else b""
        taken = await self._engine.submit(Wish(intent, reply, key, fingerprint))
        location = (b"location", b"/api/orders/" + taken.order_id.encode())
        if taken.replayed:
            return Answer(200, taken.reply, headers=(location, _REPLAYED))
        return Answer(202, taken.reply, headers=(location,))


def _is_json(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() == b"application/json"


def _one_key(header: bytes | None, parsed: Parsed) -> str | None:
    """Return the key a request goes by: the header and `clientOrderId` are one thing."""
    if header is None:
        return parsed.client_order_id
    key = header.decode("latin-1")
    if not is_key(key):
        raise Refused(fault(Code.INVALID_KEY, "", KEY_HEADER))
    if parsed.client_order_id not in (None, key):
        message = f"{KEY_HEADER} and clientOrderId differ."
        raise Refused(fault(Code.CONFLICTING_FIELDS, message, "clientOrderId"))
    return key


class Orders:
    """Reads, lists and cancels orders."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def read(self, request: Request) -> Answer:
        """Answer with one order."""
        return Answer(200, write_order(await find_order(self._engine, request)))

    async def list(self, request: Request) -> Answer:
        """Answer with a page of orders and the counts of all."""
        principal = passport_of(request.scope).principal
        query = read_query(request.query_params, principal)
        rows = await self._engine.find(query)
        census = await self._engine.census(principal)
        page = Page(rows, query.limit, query.offset)
        return Answer(200, write_list(page, census.by_status, census.delayed))

    async def cancel(self, request: Request) -> Answer:
        """Ask the engine to end an order, and answer with what became of it."""
        order_id = read_order_id(request.path_params["order_id"])
        principal = passport_of(request.scope).principal
        answer = await self._engine.cancel(order_id, principal) if order_id is not None else None
        if answer is None:
            raise Refused(fault(Code.ORDER_NOT_FOUND))
        word, order = answer
        return Answer(_CANCEL_STATUS[word], write_cancel(word, order))


async def find_order(engine: Engine, request: Request) -> Order:
    """Return the order a path names. Raises Refused when the caller has none such."""
    order_id = read_order_id(request.path_params["order_id"])
    principal = passport_of(request.scope).principal
    order = await engine.get(order_id, principal) if order_id is not None else None
    if order is None:
        raise Refused(fault(Code.ORDER_NOT_FOUND))
    return order
