"""Puts a page of a list together from the ids that were found and the rows that were read."""

from __future__ import annotations

from typing import Final, NamedTuple

from cambist.orders.order import Order
from cambist.ports.store import OrderPage, OrderQuery
from cambist.stores.unreadable_orders import ReadRows, UnreadableOrders, shown_id
from cambist.values.ids import OrderId, order_id, read_order_id
from cambist.values.time_units import Timestamp

_BEYOND_ALL_IDS: Final = "~"
_ID_TIME_MAX: Final = Timestamp(2**48 - 1)


class PageRows(NamedTuple):
    """The ids of a page in its order, and their rows as they were read."""

    ids: tuple[OrderId, ...]
    loaded: ReadRows


def id_range(query: OrderQuery) -> tuple[str, str]:
    """Return the id that a page stays below, and the first one it may hold.

    An id carries the instant its order was made at.
    """
    since = "" if query.since is None else order_id(min(max(query.since, 0), _ID_TIME_MAX), 0)
    return query.before or _BEYOND_ALL_IDS, since


def page_of(paged: PageRows, known: UnreadableOrders) -> OrderPage:
    """Return a page, and note what of it could not be read."""
    by_id: dict[OrderId, Order] = {order.id: order for order in known.note_all(paged.loaded)}
    orders = tuple(by_id[one] for one in paged.ids if one in by_id)
    named = (shown_id(one) for one in paged.ids)
    unreadable = tuple(one for one in named if one in paged.loaded.unreadable)
    # An id that is none of ours stands before all others, and nobody can go on after it.
    last = next((one for one in reversed(paged.ids) if read_order_id(one) is not None), None)
    return OrderPage(orders, unreadable, last)
