"""Is the SDK: an async, typed client of a cambist server, which loads nothing of the engine."""

from cambist.client.calls import Patience
from cambist.client.client import DEFAULT_URL, Client
from cambist.client.drafts import Amount, Draft, buy, sell, swap
from cambist.client.errors import (
    CambistError,
    FieldFault,
    Forbidden,
    NotFound,
    OrderFailed,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
    Unreachable,
    Unreadable,
)
from cambist.client.replies import (
    Absent,
    Cancel,
    Costs,
    Event,
    Health,
    Order,
    OrderPage,
    Placed,
    Quote,
    Ticket,
    VenueQuote,
)

__all__ = [
    "DEFAULT_URL",
    "Absent",
    "Amount",
    "CambistError",
    "Cancel",
    "Client",
    "Costs",
    "Draft",
    "Event",
    "FieldFault",
    "Forbidden",
    "Health",
    "NotFound",
    "Order",
    "OrderFailed",
    "OrderPage",
    "Patience",
    "Placed",
    "Quote",
    "RateLimited",
    "Refused",
    "Ticket",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "Unreadable",
    "VenueQuote",
    "buy",
    "sell",
    "swap",
]
