"""Writes all orders into one file while engines run, and puts such a file back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from cambist import bootstrap as house
from cambist.cli import json_output
from cambist.cli.exit_codes import FAILED, USAGE, leave
from cambist.cli.exit_on_error import explain
from cambist.cli.json_output import AsJson
from cambist.cli.order_view import console_out
from cambist.cli.settings import Home, settle_home
from cambist.cli.tables import say
from cambist.cli.verify import Progress, tell
from cambist.config import Settings

T = TypeVar("T")
_PEPPER: Final = (
    "API keys are in it, and the secret they are digested with is not: keep a copy of the home's"
    " `pepper` elsewhere."
)
_NEXT: Final = (
    "Trading waits until the next start has compared the store with the chain. It goes on by"
    " itself if nothing is missing; else it stays halted, and `cambist doctor` says what is."
)


def backup(
    target: Annotated[Path, typer.Argument(help="A new file, or a folder to put one in.")],
    json: AsJson = False,
    home: Home = None,
) -> None:
    """Write all orders, journals and keys into one file, from one moment, while engines run.

    The file is checked as `cambist verify` does; exits 1 when something in it is broken.
    """
    settings = _settings(home)
    made = _try(lambda: house.back_up(settings, target, Progress()))
    if json:
        json_output.write({"path": str(made.path), "audit": made.report})
    else:
        console = console_out()
        tell(console, made.report)
        say(console, f"Written to {made.path}")
        say(console, _PEPPER)
    if made.report.broken:
        raise typer.Exit(FAILED)


def restore(
    source: Annotated[Path | None, typer.Argument(help="What `cambist backup` wrote.")] = None,
    home: Home = None,
    in_place: Annotated[
        bool,
        typer.Option(help="The store was put back by other means: only make it wait likewise."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Put a backup into an empty home or database, and have it compared with the chain."""
    if (source is None) != in_place:
        leave(USAGE, "name the file that `cambist backup` wrote, or say --in-place, not both")
    settings, report = _settings(home), None
    if source is None:
        _try(lambda: house.move_switch(settings, house.RESTORED_BY, house.PUT_BACK, halts=True))
    else:
        report = _try(lambda: house.restore(settings, source, Progress()))
    if json:
        json_output.write({"halted": True, "audit": report})
    elif report is not None:
        tell(console_out(), report)
    if report is not None and report.broken:
        raise typer.Exit(FAILED)
    if not json:
        say(console_out(), _NEXT)


def _settings(home: str | None) -> Settings:
    return settle_home(home)


def _try(work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain(error)
