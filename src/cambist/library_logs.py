"""Turns the log records of libraries into structured log lines."""

# Uvicorn and websockets log through the standard library, with a long traceback for a client that
# sent a broken frame. A client could fill the log with them, so their records become warnings
# without a traceback. A traceback of asyncio points to a defect of ours and is kept in the line.

from __future__ import annotations

import logging
from typing import Final

import structlog

MESSAGE_LETTERS_MAX: Final = 500
QUIET: Final = ("uvicorn", "uvicorn.error", "websockets")
"""Libraries whose tracebacks are caused by the bytes of clients."""

WITH_TRACE: Final = ("asyncio",)


class LibraryHandler(logging.Handler):
    """Logs records of libraries as warnings."""

    def __init__(self, *, with_trace: bool) -> None:
        super().__init__(logging.WARNING)
        self._with_trace = with_trace

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record."""
        fields: dict[str, object] = {"library": record.name}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            fields["error"] = type(error).__name__
            if self._with_trace:
                fields["exc_info"] = error
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 -- a record that cannot be written must not end a request
            message = str(record.msg)
        log = structlog.get_logger("cambist.libraries")
        log.warning("library_warning", message=message[:MESSAGE_LETTERS_MAX], **fields)


def capture_library_logs() -> None:
    """Capture the log records of libraries. A second call changes nothing."""
    for names, with_trace in ((QUIET, False), (WITH_TRACE, True)):
        for name in names:
            logger = logging.getLogger(name)
            logger.handlers = [LibraryHandler(with_trace=with_trace)]
            logger.propagate = False
