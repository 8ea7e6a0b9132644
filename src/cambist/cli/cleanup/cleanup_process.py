"""Starts the process that cleans up after a command, and tells it what there is to clean up."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

CLOSE_WITHIN_S: Final = 10


class CleanupProcess:
    """Ends the processes noted here once this one is gone, and removes a folder if one is named."""

    def __init__(self, folder: Path | None = None) -> None:
        words = () if folder is None else (str(folder),)
        self._process = subprocess.Popen(  # noqa: S603 -- ourselves
            [sys.executable, "-m", "cambist.cli.cleanup", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Apart from our terminal: its Ctrl-C is for us.
            start_new_session=True,
            text=True,
        )

    def note(self, leader: int) -> None:
        """Have a process and its group ended; it must lead a group of its own."""
        self._tell(f"+{leader}")

    def forget(self, leader: int) -> None:
        """Leave a process alone that has ended and was waited for: its id may be another's."""
        self._tell(f"-{leader}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 -- it was asked for
        with suppress(OSError, ValueError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Have all cleaned up, and wait for it."""
        with suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=CLOSE_WITHIN_S)


@contextmanager
def cleaned_up_folder(prefix: str) -> Iterator[tuple[Path, CleanupProcess]]:
    """Yield a new folder that is gone when the command is, and the process that removes it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    with CleanupProcess(folder) as process:
        yield folder, process
