"""Checks a home's journals: numbers, hashes, and that each folds to the row beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from cambist.cli.exits import BAD_SETTINGS, FAILED, leave
from cambist.stores.sqlite.audit import audit
from cambist.stores.sqlite.connection import NotAStore

STORE_FILE: Final = "cambist.db"
BREAKS_SHOWN_MAX: Final = 20


Home = Annotated[Path, typer.Option(envvar="CAMBIST_HOME", help="The folder that holds the state.")]


def verify(home: Home = Path(".cambist")) -> None:
    """Check every order's journal against its row; exits 1 at any difference."""
    path = home / STORE_FILE
    if not path.exists():
        leave(BAD_SETTINGS, f"{path} is not there; name another folder with --home")
    try:
        report = audit(path)
    except NotAStore as error:
        leave(BAD_SETTINGS, str(error))
    console = Console(highlight=False)
    for broken in report.breaks[:BREAKS_SHOWN_MAX]:
        console.print(f"{broken.order_id}: {broken.reason}", markup=False, soft_wrap=True)
    verdict = "all as written" if not report.breaks else f"{len(report.breaks)} broken"
    orders = f"{report.orders} order" + ("" if report.orders == 1 else "s")
    console.print(f"{orders}, {report.entries} journal entries: {verdict}")
    if report.breaks:
        raise typer.Exit(FAILED)
