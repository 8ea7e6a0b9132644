"""Classifies driver errors: rejected row, transient, unavailable, or outcome unknown."""

from __future__ import annotations

from typing import Final

import asyncpg

from cambist.ports.errors import PortError

_OURS: Final = ("22", "23")
"""Classes of errors that are their item's own fault: a value no column holds, or an index."""
_PASSING: Final = frozenset(("40001", "40P01", "55P03"))
"""Serialization failures, deadlocks and locks not had in time: the same again may well succeed."""
_ENDING: Final = ("08", "57P")
"""Classes of errors that say that the connection ends, and not whether a COMMIT came before."""


class OutcomeUnknown(PortError):
    """A statement was sent, and nobody said whether it was carried out."""


CONNECTION_LOST: Final = (
    OSError,
    TimeoutError,
    EOFError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What the driver raises when a connection is gone, or an answer too late."""


def is_outcome_unknown(error: asyncpg.PostgresError) -> bool:
    """Whether a statement that ended so may have been carried out: the server speaks of itself."""
    severity = getattr(error, "severity_en", None) or getattr(error, "severity", None)
    return severity in ("FATAL", "PANIC") or _state(error).startswith(_ENDING)


def is_transient(error: asyncpg.PostgresError) -> bool:
    """Whether the same statement may succeed when it is sent again; it was not carried out."""
    return _state(error) in _PASSING


def is_row_error(error: asyncpg.PostgresError) -> bool:
    """Whether a row was refused for what it holds; the statement was not carried out."""
    return _state(error).startswith(_OURS)


def _state(error: asyncpg.PostgresError) -> str:
    return str(getattr(error, "sqlstate", "") or "")
