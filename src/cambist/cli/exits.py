"""Ends a command with the exit code its outcome stands for, and a sentence."""

from __future__ import annotations

from typing import Final, NoReturn

import typer
from rich.console import Console

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 69
IN_USE: Final = 75
BAD_SETTINGS: Final = 78

errors: Final = Console(stderr=True, highlight=False)


def leave(code: int, sentence: str) -> NoReturn:
    """Say why, and end the process."""
    errors.print(f"cambist: {sentence}", markup=False, soft_wrap=True)
    raise typer.Exit(code)
