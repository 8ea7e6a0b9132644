"""Is the SDK: an async, typed client of a cambist server, which loads nothing of the engine.

A name loads its module when it is first used: who writes an order down needs no connection yet.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cambist.client.client import DEFAULT_URL, Client
    from cambist.client.drafts import (
        Amount,
        Draft,
        Price,
        buy,
        limit,
        sell,
        stop,
        swap,
        take_profit,
    )
    from cambist.client.errors import (
        CambistError,
        ConnectionFailed,
        FieldFault,
        Forbidden,
        InvalidResponse,
        NotFound,
        OrderFailed,
        RateLimited,
        RequestRejected,
        Unauthorized,
        Unavailable,
    )
    from cambist.client.http_client import RetryPolicy
    from cambist.client.models import (
        Absent,
        Cancel,
        Costs,
        Depth,
        Event,
        Halted,
        Health,
        Leg,
        Order,
        OrderPage,
        Placed,
        Pool,
        PoolChoice,
        Pools,
        Quote,
        Report,
        ReportDay,
        Ticket,
        VenueQuote,
    )

_MODULES: Final = {
    "cambist.client.http_client": ("RetryPolicy",),
    "cambist.client.client": (
        "DEFAULT_URL",
        "Client",
    ),
    "cambist.client.drafts": (
        "Amount",
        "Draft",
        "Price",
        "buy",
        "limit",
        "sell",
        "stop",
        "swap",
        "take_profit",
    ),
    "cambist.client.errors": (
        "CambistError",
        "FieldFault",
        "Forbidden",
        "NotFound",
        "OrderFailed",
        "RateLimited",
        "RequestRejected",
        "Unauthorized",
        "Unavailable",
        "ConnectionFailed",
        "InvalidResponse",
    ),
    "cambist.client.models": (
        "Absent",
        "Cancel",
        "Costs",
        "Depth",
        "Event",
        "Halted",
        "Health",
        "Leg",
        "Order",
        "OrderPage",
        "Placed",
        "Pool",
        "PoolChoice",
        "Pools",
        "Quote",
        "Report",
        "ReportDay",
        "Ticket",
        "VenueQuote",
    ),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "DEFAULT_URL",
    "Absent",
    "Amount",
    "CambistError",
    "Cancel",
    "Client",
    "ConnectionFailed",
    "Costs",
    "Depth",
    "Draft",
    "Event",
    "FieldFault",
    "Forbidden",
    "Halted",
    "Health",
    "InvalidResponse",
    "Leg",
    "NotFound",
    "Order",
    "OrderFailed",
    "OrderPage",
    "Placed",
    "Pool",
    "PoolChoice",
    "Pools",
    "Price",
    "Quote",
    "RateLimited",
    "Report",
    "ReportDay",
    "RequestRejected",
    "RetryPolicy",
    "Ticket",
    "Unauthorized",
    "Unavailable",
    "VenueQuote",
    "buy",
    "limit",
    "sell",
    "stop",
    "swap",
    "take_profit",
]


def __getattr__(name: str) -> Any:
    """Load the module of a name."""
    module = _MODULE_OF.get(name)
    if module is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = globals()[name] = getattr(import_module(module), name)
    return found
