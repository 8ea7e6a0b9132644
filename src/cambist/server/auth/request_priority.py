"""Tells requests that must be answered under load from those that may be rejected for it."""

from __future__ import annotations

from enum import Enum
from typing import Final

from starlette.types import Scope

HEALTH_PATHS: Final = frozenset(("/health", "/health/live", "/health/ready"))
_HALT_PATHS: Final = frozenset(("/api/halt", "/api/resume"))
_ORDERS: Final = "/api/orders/"
_CANCEL: Final = "/cancel"
_KEY: Final = "cambist.priority"


class Priority(Enum):
    """How a request is counted.

    A probe is counted nowhere. A stop (cancel, halt, resume) is outside the limit of the whole
    server, and each caller has a few permits for stops beside those for its other requests.
    """

    PROBE = 0
    STOP = 1
    NORMAL = 2


def assign_priority(scope: Scope) -> Priority:
    """Return how an HTTP request is counted, and note it in its scope."""
    path, method = scope["path"], scope["method"]
    priority = Priority.NORMAL
    if path in HEALTH_PATHS:
        priority = Priority.PROBE
    elif method == "DELETE":
        if path.startswith(_ORDERS):
            priority = Priority.STOP
    elif method == "POST" and (
        path in _HALT_PATHS or (path.endswith(_CANCEL) and path.startswith(_ORDERS))
    ):
        priority = Priority.STOP
    scope[_KEY] = priority
    return priority


def priority_of(scope: Scope) -> Priority:
    """Return how a request is counted."""
    priority: Priority = scope.get(_KEY, Priority.NORMAL)
    return priority
