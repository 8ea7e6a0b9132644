"""Writes what libraries log as one structured line each, so that no line is of another form.

Uvicorn and websockets log through the standard library, with a trace of many lines for a client
that sent a broken frame. Their lines become warnings without a trace. A trace from asyncio stands
for a mistake of our own and is kept, inside the line.
"""

from __future__ import annotations

import logging
from typing import Final

import structlog

MESSAGE_LETTERS_MAX: Final = 500
QUIET: Final = ("uvicorn", "uvicorn.error", "websockets")
"""Libraries whose traces tell of a client's bytes."""

WITH_TRACE: Final = ("asyncio",)


class LibraryHandler(logging.Handler):
    """Hands records on as warnings."""

    def __init__(self, *, with_trace: bool) -> None:
        super().__init__(logging.WARNING)
        self._with_trace = with_trace

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        told: dict[str, object] = {"library": record.name}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            told["error"] = type(error).__name__
            if self._with_trace:
                told["exc_info"] = error
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 -- a record that cannot be written must not end a request
            message = str(record.msg)
        log = structlog.get_logger("cambist.libraries")
        log.warning("library_warning", message=message[:MESSAGE_LETTERS_MAX], **told)


def capture_library_logs() -> None:
    """Begin to hand on what libraries log. Calling it again changes nothing."""
    for names, with_trace in ((QUIET, False), (WITH_TRACE, True)):
        for name in names:
            logger = logging.getLogger(name)
            logger.handlers = [LibraryHandler(with_trace=with_trace)]
            logger.propagate = False
