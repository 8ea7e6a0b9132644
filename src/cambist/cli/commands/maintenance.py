"""Commands that look after a store: verify, backup, restore, prune."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from rich.console import Console

from cambist import bootstrap
from cambist.cli import json_output
from cambist.cli.exit_codes import FAILED, USAGE, errors, exit_with
from cambist.cli.exit_on_error import explain_and_exit
from cambist.cli.json_output import AsJson
from cambist.cli.order_view import console_out
from cambist.cli.settings import Home, load_home_settings
from cambist.cli.tables import print_sentence
from cambist.clock import SystemClock
from cambist.config import Settings

BREAKS_SHOWN_MAX: Final = 20
TOLD_EVERY_MS: Final = 2_000
_EMPTY: Final = "{} places of the journal are empty: orders were put away, or somebody took them"


class Progress:
    """Says now and then how far the reading has come, where it takes long."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._told = self._clock.monotonic_ms()

    def __call__(self, orders: int) -> None:
        """Hear how many orders were read."""
        now = self._clock.monotonic_ms()
        if now - self._told >= TOLD_EVERY_MS:
            self._told = now
            errors.print(f"cambist: {orders} orders read ...")


def verify(json: AsJson = False, home: Home = None) -> None:
    """Check every order's journal against its rows, and the counts; exits 1 at any difference.

    Reads only, from one snapshot, while engines run or not: the file in the home, or the database
    that is named.
    """
    settings = load_home_settings(home)
    try:
        report = bootstrap.audit_store(settings, Progress())
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain_and_exit(error, damaged=FAILED)
    if json:
        json_output.write(report)
    else:
        tell(console_out(), report)
    if report.broken:
        raise typer.Exit(FAILED)


def tell(console: Console, report: bootstrap.AuditReport) -> None:
    """Print what is wrong, and how much was read."""
    for broken in report.breaks[:BREAKS_SHOWN_MAX]:
        print_sentence(console, f"{broken.order_id}: {broken.reason}")
    if report.broken > BREAKS_SHOWN_MAX:
        print_sentence(console, f"... and {report.broken - BREAKS_SHOWN_MAX} more")
    if report.empty_places:
        print_sentence(console, _EMPTY.format(report.empty_places))
    verdict = "all as written" if not report.broken else f"{report.broken} broken"
    orders = f"{report.orders} order" + ("" if report.orders == 1 else "s")
    print_sentence(console, f"{orders}, {report.entries} journal entries: {verdict}")


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
    made = _try(lambda: bootstrap.back_up(settings, target, Progress()))
    if json:
        json_output.write({"path": str(made.path), "audit": made.report})
    else:
        console = console_out()
        tell(console, made.report)
        print_sentence(console, f"Written to {made.path}")
        print_sentence(console, _PEPPER)
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
        exit_with(USAGE, "name the file that `cambist backup` wrote, or say --in-place, not both")
    settings, report = _settings(home), None
    if source is None:
        _try(
            lambda: bootstrap.set_halt(
                settings, bootstrap.RESTORED_BY, bootstrap.PUT_BACK, halts=True
            )
        )
    else:
        report = _try(lambda: bootstrap.restore(settings, source, Progress()))
    if json:
        json_output.write({"halted": True, "audit": report})
    elif report is not None:
        tell(console_out(), report)
    if report is not None and report.broken:
        raise typer.Exit(FAILED)
    if not json:
        print_sentence(console_out(), _NEXT)


def _settings(home: str | None) -> Settings:
    return load_home_settings(home)


def _try(work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain_and_exit(error)


DAYS_MAX: Final = 36_500
TOLD_EVERY: Final = 10_000


def prune(
    days: Annotated[
        int,
        typer.Option(
            "--older-than-days",
            min=bootstrap.PRUNED_AFTER_DAYS_MIN,
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
    settings = load_home_settings(home)
    printed = [0]

    def progress(orders: int) -> None:
        if orders - printed[0] >= TOLD_EVERY:
            printed[0] = orders
            errors.print(f"cambist: {orders:,} orders put away ...")

    try:
        done = bootstrap.prune(settings, days, progress, keeps=archive)
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain_and_exit(error)
    if json:
        kept = None if done.path is None or not done.orders else str(done.path)
        json_output.write({"orders": done.orders, "archive": kept})
        return
    where = "" if done.path is None or not done.orders else f", into {done.path}"
    print_sentence(console_out(), f"{done.orders:,} orders put away{where}")
