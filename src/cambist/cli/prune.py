"""Puts long closed orders away, so that a store need not grow for ever."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from cambist import bootstrap as house
from cambist.cli import json_output
from cambist.cli.exit_codes import errors
from cambist.cli.exit_on_error import explain
from cambist.cli.json_output import AsJson
from cambist.cli.order_view import console_out
from cambist.cli.settings import Home, settle_home
from cambist.cli.tables import say

DAYS_MAX: Final = 36_500
TOLD_EVERY: Final = 10_000


def prune(
    days: Annotated[
        int,
        typer.Option(
            "--older-than-days",
            min=house.PRUNED_AFTER_DAYS_MIN,
            max=DAYS_MAX,
            help="Only what has been closed and final for so long.",
        ),
    ],
    archive: Annotated[
        bool, typer.Option(help="Keep their journals in the home, as JSON lines in a gzip file.")
    ] = True,
    json: AsJson = False,
    home: Home = None,
) -> None:
    """Put long closed orders away: out of the store, into an archive that proves itself.

    Works while engines run. The keys of those orders are forgotten with them, and a stream of all
    orders can no longer be resumed from before. By default nothing is ever put away.
    """
    settings = settle_home(home)
    told = [0]

    def progress(orders: int) -> None:
        if orders - told[0] >= TOLD_EVERY:
            told[0] = orders
            errors.print(f"cambist: {orders:,} orders put away ...")

    try:
        done = house.prune(settings, days, progress, keeps=archive)
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain(error)
    if json:
        kept = None if done.path is None or not done.orders else str(done.path)
        json_output.write({"orders": done.orders, "archive": kept})
        return
    where = "" if done.path is None or not done.orders else f", into {done.path}"
    say(console_out(), f"{done.orders:,} orders put away{where}")
