"""Places, watches and cancels orders at one server: the client class of the SDK."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Final, Self, TypedDict, Unpack
from urllib.parse import quote as percent_encoded

import httpx
import msgspec
from msgspec.structs import replace

from cambist.client.drafts import Amount, Draft, DraftTerms, buy, exact, sell, swap
from cambist.client.errors import OrderFailed, RequestRejected, refusal
from cambist.client.event_streams import (
    OrderStream,
    Over,
    ReconnectBackoff,
    StreamCursor,
    follow_all,
    stream_sse,
    stream_websocket,
)
from cambist.client.http_client import HttpClient, RetryClock, RetryPolicy, connect, read
from cambist.client.models import (
    ApiModel,
    Cancel,
    Event,
    Health,
    Order,
    OrderPage,
    Placed,
    Pools,
    Quote,
    Report,
    Ticket,
)
from cambist.clock import Entropy, SystemClock
from cambist.values.connection_urls import DEFAULT_URL as DEFAULT_URL
from cambist.values.ids import order_id as new_id

PAGE_ORDERS: Final = 100
_TOO_LATE: Final = frozenset((409,))
_DOWN: Final = frozenset((503,))


class Filters(TypedDict, total=False):
    """Which orders to list: `status` is words with commas between, `since` RFC 3339."""

    status: str
    wallet: str
    token: str
    since: str
    cursor: str


class _Journal(ApiModel, frozen=True, kw_only=True):
    events: tuple[Event, ...]


class _Info(msgspec.Struct, frozen=True):
    version: str


class _Described(msgspec.Struct, frozen=True):
    info: _Info


class _One(msgspec.Struct, frozen=True):
    status: int
    body: msgspec.Raw


class _Results(msgspec.Struct, frozen=True):
    results: tuple[_One, ...]


class Client:
    """A client of one server; every call raises the errors of `cambist.client.errors`.

    The key goes to the server as a bearer token and is shown nowhere. Bound a call by
    `asyncio.timeout`: what was cut off by it may be sent again with the same `client_order_id`.
    Raises ValueError for what is no URL, and for a key that cannot be sent.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        api_key: str | None = None,
        *,
        patience: RetryPolicy = RetryPolicy(),  # noqa: B008 -- frozen
        transport: httpx.AsyncBaseTransport | None = None,
        clock: RetryClock | None = None,
    ) -> None:
        self._lines = connect(url, api_key, patience, transport)
        self._clock = clock if clock is not None else SystemClock()
        self._calls = HttpClient(self._lines, patience, self._clock)
        self._entropy = Entropy()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    @property
    def url(self) -> str:
        """The server's address."""
        return self._calls.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._lines.aclose()

    # -------------------------------------------------------------------------------- placing

    async def buy(self, symbol: str, quantity: Amount, **more: Unpack[DraftTerms]) -> Placed:
        """Place an order that gets so many of a token."""
        return await self.place(buy(symbol, quantity, **more))

    async def sell(self, symbol: str, quantity: Amount, **more: Unpack[DraftTerms]) -> Placed:
        """Place an order that gives so many of a token."""
        return await self.place(sell(symbol, quantity, **more))

    async def swap(
        self,
        token_in: str,
        token_out: str,
        *,
        amount_in: Amount | None = None,
        amount_out: Amount | None = None,
        **more: Unpack[DraftTerms],
    ) -> Placed:
        """Place an order between two tokens, sized by one of its amounts."""
        draft = swap(token_in, token_out, amount_in=amount_in, amount_out=amount_out, **more)
        return await self.place(draft)

    async def place(self, draft: Draft) -> Placed:
        """Place an order, once, however often it has to be sent.

        Without a `client_order_id` it is given one, so that a repeat is the same order.
        """
        body = msgspec.json.encode(self._keyed(draft))
        return read((await self._calls.ask("POST", "/api/orders", body=body)).body, Placed)

    async def batch(self, drafts: Sequence[Draft]) -> tuple[Placed | RequestRejected, ...]:
        """Place up to 100 orders at once; each is answered in its place, placed or refused."""
        body = msgspec.json.encode({"orders": [self._keyed(draft) for draft in drafts]})
        answer = await self._calls.ask("POST", "/api/orders/batch", body=body)
        return tuple(self._judge(result) for result in read(answer.body, _Results).results)

    def _judge(self, answer: _One) -> Placed | RequestRejected:
        if answer.status < httpx.codes.BAD_REQUEST:
            return read(bytes(answer.body), Placed)
        return refusal(answer.status, {}, bytes(answer.body), self._clock.now())

    def _keyed(self, draft: Draft) -> Draft:
        if draft.client_order_id is not None:
            return draft
        return replace(draft, client_order_id=new_id(self._clock.now(), self._entropy()))

    async def quote(self, draft: Draft) -> Quote:
        """Ask what an order would do now; nothing is stored."""
        body = msgspec.json.encode(draft)
        return read((await self._calls.ask("POST", "/api/quotes", body=body)).body, Quote)

    async def pools(
        self,
        token_in: str,
        token_out: str,
        amount_in: Amount = 1,
        *,
        amount_out: Amount | None = None,
    ) -> Pools:
        """Return the pools of two tokens: what each makes of an amount, and its depth."""
        params = {"tokenIn": token_in, "tokenOut": token_out}
        if amount_out is None:
            params["amountIn"] = exact(amount_in)
        else:
            params["amountOut"] = exact(amount_out)
        return read((await self._calls.ask("GET", "/api/pools", params=params)).body, Pools)

    # -------------------------------------------------------------------------------- reading

    async def get(self, order_id: str) -> Order:
        """Return an order as it stands."""
        return read((await self._calls.ask("GET", _path(order_id))).body, Order)

    async def history(self, order_id: str, after_seq: int = 0) -> tuple[Event, ...]:
        """Return the journal of an order so far, after a line."""
        params = {"fromSeq": after_seq}
        answer = await self._calls.ask("GET", f"{_path(order_id)}/events", params=params)
        return read(answer.body, _Journal).events

    async def page(self, *, limit: int = PAGE_ORDERS, **filters: Unpack[Filters]) -> OrderPage:
        """Return one page of orders, newest first, and the counts of all."""
        answer = await self._calls.ask("GET", "/api/orders", params={"limit": limit, **filters})
        return read(answer.body, OrderPage)

    async def list(
        self, *, page_orders: int = PAGE_ORDERS, **filters: Unpack[Filters]
    ) -> AsyncGenerator[Order, None]:
        """Yield orders, newest first, page by page."""
        while True:
            page = await self.page(limit=page_orders, **filters)
            for order in page.orders:
                yield order
            if page.next_cursor is None:
                return
            filters["cursor"] = page.next_cursor

    async def cancel(self, order_id: str) -> Cancel:
        """Ask to end an order, and return what became of it; too late is an answer, no error."""
        answer = await self._calls.ask("DELETE", _path(order_id), also=_TOO_LATE)
        return read(answer.body, Cancel)

    async def report(self, since: str | None = None) -> Report:
        """Return what confirmed orders moved and cost, by day and pair; `since` is RFC 3339."""
        params = {} if since is None else {"since": since}
        return read((await self._calls.ask("GET", "/api/report", params=params)).body, Report)

    # ------------------------------------------------------------------------------ following

    async def follow(
        self, order_id: str, after_seq: int = 0, *, to_finality: bool = False, over: Over = "sse"
    ) -> AsyncGenerator[Event, None]:
        """Yield an order's events, each once and without gap, until it is closed.

        A cut, a silence or a stop of the server is resumed where it was. With `to_finality` the
        story goes on until the chain cannot take the fill back.
        """
        path = f"{_path(order_id)}/events"
        socket = f"/api/orders/execute?orderId={percent_encoded(order_id, safe='')}"

        def open_at(seen: int) -> AsyncGenerator[Event | None, None]:
            if over == "websocket":
                return stream_websocket(self._calls, f"{socket}&fromSeq={seen}")
            return stream_sse(self._calls, path, StreamCursor(str(seen)))

        story = OrderStream(
            open_at, lambda: self.get(order_id), ReconnectBackoff(self._calls), after_seq
        )
        async with aclosing(story.events(to_finality=to_finality)) as events:
            async for event in events:
                yield event

    async def follow_all(
        self, cursor: str | None = None, *, over: Over = "sse"
    ) -> AsyncGenerator[Event, None]:
        """Yield the events of all orders, from now or after a `cursor`, until it is enough.

        Over `sse` a cut is resumed after the last event; a socket has no cursors, and goes on
        with what happens then.
        """
        mark = StreamCursor(cursor)

        def open_again() -> AsyncGenerator[Event | None, None]:
            if over == "websocket":
                return stream_websocket(self._calls, "/ws?notes=1")
            return stream_sse(self._calls, "/api/events", mark)

        async with aclosing(follow_all(open_again, ReconnectBackoff(self._calls))) as events:
            async for event in events:
                yield event

    async def wait_until_armed(self, order_id: str) -> Event:
        """Return the event that armed an order: from then on it rests, and its price is watched.

        The event has the level and the price then. Of an order that trades without resting it is
        the first event past `pending`. Raises OrderFailed when the order ends before.
        """
        async with aclosing(self.follow(order_id)) as events:
            async for event in events:
                if event.status == "pending":
                    continue
                if event.is_closed and event.status != "confirmed":
                    break
                return event
        raise OrderFailed(await self.get(order_id))

    async def wait(self, order_id: str) -> Order:
        """Return the order once it is confirmed. Raises OrderFailed when it ends otherwise.

        An order that rests is waited for as long as it rests, which may be months; bound the call
        by `asyncio.timeout`, or use `wait_until_armed`.
        """
        async with aclosing(self.follow(order_id)) as events:
            async for _ in events:
                pass
        order = await self.get(order_id)
        if order.status != "confirmed":
            raise OrderFailed(order)
        return order

    # ----------------------------------------------------------------------------- the server

    async def health(self) -> Health:
        """Return which parts of the server answer; a server that is down says so, too."""
        return read((await self._calls.ask("GET", "/health", also=_DOWN)).body, Health)

    async def version(self) -> str:
        """Return the version of the server."""
        return read((await self._calls.ask("GET", "/openapi.json")).body, _Described).info.version

    async def ticket(self) -> Ticket:
        """Return a word that opens one stream where no key can be sent, as in a browser."""
        return read((await self._calls.ask("POST", "/api/stream-tickets", body=b"{}")).body, Ticket)


def _path(order_id: str) -> str:
    return f"/api/orders/{percent_encoded(order_id, safe='')}"
