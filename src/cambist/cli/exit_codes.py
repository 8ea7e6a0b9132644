"""Ends a command with the exit code its outcome stands for, and a sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shutil import which
from typing import Final, NoReturn

import typer
from rich.console import Console

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 69
IN_USE: Final = 75
BAD_SETTINGS: Final = 78
INTERRUPTED: Final = 130

errors: Final = Console(stderr=True, highlight=False)


def exit_with(code: int, sentence: str) -> NoReturn:
    """Say why, and end the process."""
    errors.print(f"cambist: {sentence}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def unwrap_group(error: BaseException) -> BaseException:
    """Return the one error of a group, however deep it stands; any other error as it is."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        (error,) = error.exceptions
    return error


def program() -> str:
    """Return what a user types here to run cambist again."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m cambist"
    found = which(called.name)
    if found is not None and called.exists() and Path(found).samefile(called):
        return called.name
    return os.fspath(called)
