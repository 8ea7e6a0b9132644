"""Writes the answers to requests: an order taken, an order as it stands, lists and cancels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from cambist.orders.intent import Intent
from cambist.orders.order import Order, Status
from cambist.orders.trigger import PriceObservation
from cambist.values.amount import write_amount, write_percent
from cambist.values.ids import OrderId
from cambist.values.route import Route
from cambist.values.time_units import Timestamp
from cambist.wire.decimals import number
from cambist.wire.public_order_state import Number, OrderState, order_state, realised_slippage
from cambist.wire.resting_orders import describe_resting, resting_terms
from cambist.wire.rfc3339 import write_moment

_encode: Final = msgspec.json.Encoder().encode


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The answer to an order that was taken. A repeat under the same key gets the same bytes."""

    success: bool
    order_id: str
    client_order_id: str | None = None
    status: Status
    message: str
    timestamp: str
    websocket: str
    stream: str
    slippage_bps: int
    summary: str
    warnings: tuple[str, ...]


def acceptance_renderer(
    venues: Sequence[str], warnings: tuple[str, ...], observed: PriceObservation | None = None
) -> Callable[[Order], bytes]:
    """Return what writes the answer for an order, once it has its id and instant."""

    def write(order: Order) -> bytes:
        return _encode(
            Acceptance(
                success=True,
                order_id=order.id,
                client_order_id=order.intent.client_order_id,
                status=order.status,
                message="Order submitted successfully",
                timestamp=write_moment(order.created_at),
                websocket=f"/api/orders/execute?orderId={order.id}",
                stream=f"/api/orders/{order.id}/events",
                slippage_bps=order.terms.slippage_bps,
                summary=summary(order.intent, venues, now=observed),
                warnings=warnings,
            )
        )

    return write


def summary(
    intent: Intent,
    venues: Sequence[str],
    route: Route | None = None,
    now: PriceObservation | None = None,
) -> str:
    """Say in one plain sentence what the order will do, on a route where one is known.

    A way through a hub gives a little less than its part, or takes a little more: without a route
    the sentence promises neither. Of an order that waits for a price it says the price `now`.
    """
    if intent.waits_for_price:
        return describe_resting(intent, now)
    given, taken = intent.pair.token_in, intent.pair.token_out
    amount = write_amount(intent.amount, intent.sized_token.decimals)
    tolerance = write_percent(intent.terms.slippage_bps * 100)
    best = _listed([venue.capitalize() for venue in venues])
    sells = intent.mode == "exact_in"
    moved = intent.amount if route is None else route.amount_in if sells else route.amount_out
    by_quote = ""
    if moved != intent.amount:
        amount = f"at {'most' if sells else 'least'} {amount}"
        sized = intent.sized_token
        by_quote = f" ({write_amount(moved, sized.decimals)} {sized.symbol} by this quote)"
    if sells:
        deal, side = f"Sell {amount} {given.symbol}{by_quote} for {taken.symbol}", "below"
    else:
        deal, side = f"Buy {amount} {taken.symbol}{by_quote} with {given.symbol}", "above"
    return f"{deal} at the best of {best}, at most {tolerance} % {side} the quote"


def _listed(names: list[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


class OrderView(OrderState, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An order as it stands. `slippage` is the tolerance in percent."""

    id: str
    type: str
    order_type: str
    token_in: str
    token_out: str
    token_in_mint: str
    token_out_mint: str
    symbol: str | None = None
    side: str | None = None
    synthetic: bool = False
    slippage: Number
    realised_slippage: Number | None = None
    wallet_address: str | None = None
    user_id: str | None = None
    error_message: str | None = None
    retry_count: int | msgspec.UnsetType = msgspec.UNSET
    max_attempts: int
    seq: int
    is_final: bool | msgspec.UnsetType = msgspec.UNSET
    created_at: str
    updated_at: str
    confirmed_at: str | None = None
    closed_at: str | None = None
    expires_at: str | None = None
    cancel_requested_at: str | None = None
    limit_price: Number | None = None
    trigger_price: Number | None = None
    confirm_slots: int | None = None
    slippage_ladder_bps: tuple[int, ...] = ()
    time_in_force: str | None = None
    start_at: str | None = None
    summary: str | None = None


_QUOTES: Final = ("quotes", "r_quote", "m_quote")


def view_order(order: Order, *, with_quotes: bool = True) -> OrderView:
    """Return an order as clients see it; without quotes, each venue's price is told alone."""
    intent = order.intent
    given, taken = intent.pair.token_in, intent.pair.token_out
    known = order_state(order)
    if not with_quotes:
        for name in _QUOTES:
            known.pop(name, None)
    known["error_message"] = known.get("error")
    if intent.quoted != "pair":
        base = taken if intent.quoted == "buy" else given
        known["symbol"], known["side"] = base.symbol, intent.quoted
    if order.fill is not None and order.route is not None:
        known["realised_slippage"] = realised_slippage(order.route, order.fill)
    return OrderView(
        **known,
        id=order.id,
        type=intent.kind,
        order_type=intent.kind,
        token_in=given.symbol,
        token_out=taken.symbol,
        token_in_mint=given.mint,
        token_out_mint=taken.mint,
        synthetic=given.synthetic or taken.synthetic,
        slippage=number(write_percent(order.terms.slippage_bps * 100)),
        wallet_address=intent.wallet,
        user_id=intent.user_id,
        retry_count=order.try_number - 1,
        max_attempts=order.terms.tries_max,
        seq=order.last_seq,
        is_final=order.is_final,
        created_at=write_moment(order.created_at),
        updated_at=write_moment(order.last_at),
        confirmed_at=_moment(order.closed_at if order.fill is not None else None),
        closed_at=_moment(order.closed_at),
        expires_at=_moment(order.terms.deadline),
        cancel_requested_at=_moment(order.cancel_requested_at),
        **resting_terms(order),
    )


def _moment(at: Timestamp | None) -> str | None:
    return write_moment(at) if at is not None else None


def write_order(order: Order) -> bytes:
    """Write an order as it stands."""
    return _encode(view_order(order))


class Page(msgspec.Struct, frozen=True):
    """The rows of one answer, and where they stand among all.

    `unreadable` names the rows that stand among them and cannot be read, `last` the last row.
    """

    orders: Sequence[Order]
    limit: int
    offset: int = 0
    unreadable: Sequence[OrderId] = ()
    last: OrderId | None = None
    with_quotes: bool = False


class OrderList(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A page of orders, newest first, with counts of all the caller's orders.

    `unreadable` counts the orders of this page that cannot be read and `unreadableIds` names them;
    both are left out where there are none. `waiting` is due and not begun, `delayed` waits for an
    instant, `active` is being worked on, `completed` is confirmed, `failed` is failed or expired.
    """

    orders: tuple[OrderView, ...]
    count: int
    limit: int
    offset: int
    next_cursor: str | None
    waiting: int
    active: int
    completed: int
    failed: int
    cancelled: int
    delayed: int
    total: int
    unreadable: int = 0
    unreadable_ids: tuple[OrderId, ...] = ()


def write_list(page: Page, by_status: Mapping[Status, int], delayed: int) -> bytes:
    """Write a page of orders."""

    def count(*statuses: Status) -> int:
        return sum(by_status.get(status, 0) for status in statuses)

    orders = page.orders
    return _encode(
        OrderList(
            orders=tuple(view_order(order, with_quotes=page.with_quotes) for order in orders),
            count=len(orders),
            limit=page.limit,
            offset=page.offset,
            next_cursor=page.last if len(orders) + len(page.unreadable) == page.limit else None,
            waiting=count(Status.PENDING),
            active=count(Status.ROUTING, Status.BUILDING, Status.SUBMITTED),
            completed=count(Status.CONFIRMED),
            failed=count(Status.FAILED, Status.EXPIRED),
            cancelled=count(Status.CANCELLED),
            delayed=delayed,
            total=sum(by_status.values()),
            unreadable=len(page.unreadable),
            unreadable_ids=tuple(page.unreadable),
        )
    )


class CancelReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of a request to cancel: cancelled, cancel_pending or too_late."""

    success: bool | msgspec.UnsetType = msgspec.UNSET
    order_id: str
    cancel: str
    status: Status
    error: str | None = None


def write_cancel(answer: str, order: Order) -> bytes:
    """Write the answer to a request to cancel."""
    late = answer == "too_late"
    error = f"The order is {order.status} already." if late else None
    return _encode(
        CancelReply(
            success=not late, order_id=order.id, cancel=answer, status=order.status, error=error
        )
    )


class EventList(msgspec.Struct, frozen=True, rename="camel"):
    """An order's journal as messages."""

    order_id: str
    events: tuple[msgspec.Raw, ...]


def write_events(order_id: str, messages: Sequence[bytes]) -> bytes:
    """Write messages that are JSON already as one list."""
    return _encode(EventList(order_id, tuple(msgspec.Raw(message) for message in messages)))
