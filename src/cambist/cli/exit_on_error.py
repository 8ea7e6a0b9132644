"""Ends a command whose work could not be done with a sentence and the exit code it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

from cambist.cli.exit_codes import BAD_SETTINGS, IN_USE, UNREACHABLE, exit_with, unwrap_group

CODES: Final[Mapping[str, int]] = {
    "in_use": IN_USE,
    "away": UNREACHABLE,
    "unfit": BAD_SETTINGS,
    "damaged": BAD_SETTINGS,
}


def explain_and_exit(error: BaseException, *, damaged: int = BAD_SETTINGS) -> NoReturn:
    """End the command with a sentence, where one says it all; raise what is a mistake of ours.

    `damaged` is the exit code for a file that is not what it was: for a command that looks for
    damage it is a result.
    """
    alone = unwrap_group(error)
    if type(alone).__module__.partition(".")[0] == "typer":  # its ways to end a command
        raise alone
    # What knows all failures loads most of the engine, and nearly every command ends well.
    from cambist.bootstrap.error_messages import describe

    failure = describe(alone)
    if failure is None:
        raise error
    exit_with(damaged if failure.kind == "damaged" else CODES[failure.kind], failure.sentence)
