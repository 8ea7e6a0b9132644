"""Writes to standard output and error so that no failed write can fail a command.

A letter that the encoding lacks is replaced; what cannot be written (a closed pipe, a full device)
is dropped. The command goes on either way, and its exit code stays that of its outcome.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any, Final, TextIO

_REPLACED: Final = "cambist: letters that {encoding} lacks are written as ? on standard output"
_LOST: Final = "cambist: standard output cannot be written ({reason}); the work goes on"
_STREAMS: Final = 3


class GuardedStream(io.TextIOBase):
    """A text stream over another one; it takes every write, and remembers the first that failed."""

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner
        self.lost: OSError | None = None
        self.replaced = False

    def __getattr__(self, name: str) -> Any:
        """Answer all else as the stream beneath does, but for its bytes: writes go through here."""
        if name in ("buffer", "detach", "reconfigure"):
            raise AttributeError(name)
        return getattr(self._inner, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream beneath."""
        return self._inner.encoding or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What becomes of letters that the encoding lacks."""
        return "replace"

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self.lost is None and self._inner.isatty()

    def fileno(self) -> int:
        """Return the descriptor beneath."""
        return self._inner.fileno()

    def writable(self) -> bool:
        """Take every write."""
        return True

    def write(self, text: str, /) -> int:
        """Write, with letters replaced where it takes that; never raises OSError."""
        if self.lost is not None:
            return len(text)
        try:
            self._inner.write(self._fitting(text))
        except (OSError, ValueError) as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Write out what is held; never raises OSError."""
        if self.lost is not None:
            return
        try:
            self._inner.flush()
        except (OSError, ValueError) as error:
            self._lose(error)

    def _fitting(self, text: str) -> str:
        """Return the text with `?` for every letter that the encoding lacks."""
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            self.replaced = True
            return text.encode(self.encoding, "replace").decode(self.encoding)
        return text

    def _lose(self, error: OSError | ValueError) -> None:
        """Give the stream up. What it still holds goes nowhere, so that the interpreter can end."""
        self.lost = error if isinstance(error, OSError) else OSError(0, "it is closed")
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._inner.fileno())
            os.close(nowhere)
        with suppress(OSError, ValueError):
            self._inner.flush()


def guard_streams() -> None:
    """Put a guard before standard output and error; one that is closed is opened to nowhere.

    Without that a file that is opened later would have the number of the closed stream.
    """
    for number in range(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is not None:
        sys.stdout = GuardedStream(sys.stdout)
    if sys.stderr is not None:
        sys.stderr = GuardedStream(sys.stderr)


def is_lost() -> bool:
    """Whether nobody can read standard output any more."""
    return isinstance(sys.stdout, GuardedStream) and sys.stdout.lost is not None


def close_streams() -> None:
    """Write out what is held, and say on standard error what did not reach standard output."""
    out = sys.stdout
    if not isinstance(out, GuardedStream):
        return
    out.flush()
    if out.lost is not None:
        _note(_LOST.format(reason=out.lost.strerror or "it is closed"))
    elif out.replaced:
        _note(_REPLACED.format(encoding=out.encoding))
    if sys.stderr is not None:
        sys.stderr.flush()


def _note(sentence: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{sentence}\n")
