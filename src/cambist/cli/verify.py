"""Checks what is kept: numbers, hashes, that each journal folds to its rows, and the counts."""

from __future__ import annotations

from typing import Final

import typer
from rich.console import Console

from cambist import bootstrap as house
from cambist.cli import json_output
from cambist.cli.exit_codes import FAILED, errors
from cambist.cli.exit_on_error import explain
from cambist.cli.json_output import AsJson
from cambist.cli.order_view import console_out
from cambist.cli.settings import Home, settle_home
from cambist.cli.tables import say
from cambist.clock import SystemClock

BREAKS_SHOWN_MAX: Final = 20
TOLD_EVERY_MS: Final = 2_000
_EMPTY: Final = "{} places of the journal are empty: orders were put away, or somebody took them"


class Progress:
    """Says now and then how far the reading has come, where it takes long."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._told = self._clock.elapsed()

    def __call__(self, orders: int) -> None:
        """Hear how many orders were read."""
        now = self._clock.elapsed()
        if now - self._told >= TOLD_EVERY_MS:
            self._told = now
            errors.print(f"cambist: {orders} orders read ...")


def verify(json: AsJson = False, home: Home = None) -> None:
    """Check every order's journal against its rows, and the counts; exits 1 at any difference.

    Reads only, from one snapshot, while engines run or not: the file in the home, or the database
    that is named.
    """
    settings = settle_home(home)
    try:
        report = house.audit_store(settings, Progress())
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain(error, damaged=FAILED)
    if json:
        json_output.write(report)
    else:
        tell(console_out(), report)
    if report.broken:
        raise typer.Exit(FAILED)


def tell(console: Console, report: house.Report) -> None:
    """Print what is wrong, and how much was read."""
    for broken in report.breaks[:BREAKS_SHOWN_MAX]:
        say(console, f"{broken.order_id}: {broken.reason}")
    if report.broken > BREAKS_SHOWN_MAX:
        say(console, f"... and {report.broken - BREAKS_SHOWN_MAX} more")
    if report.empty_places:
        say(console, _EMPTY.format(report.empty_places))
    verdict = "all as written" if not report.broken else f"{report.broken} broken"
    orders = f"{report.orders} order" + ("" if report.orders == 1 else "s")
    say(console, f"{orders}, {report.entries} journal entries: {verdict}")
