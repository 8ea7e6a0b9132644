"""Stops all trading from the machine of the engine, and lets it go on."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from cambist import app as house
from cambist.cli.exits import USAGE, leave
from cambist.cli.failures import explain
from cambist.cli.live import console_out
from cambist.cli.settings import Home, settle_home
from cambist.wire.halts import REASON_LETTERS_MAX, is_reason

Reason = Annotated[str, typer.Argument(help="Why, for those who ask later.")]


def halt(reason: Reason, home: Home = None) -> None:
    """Stop all trading now: no order is taken or signed; what is in flight is watched to its end.

    Works while the engine runs and while it does not, and needs no server to answer.
    """
    _move(reason, home, halts=True)
    console_out().print("Trading is halted. `cambist resume REASON` lets it go on.")


def resume(reason: Reason, home: Home = None) -> None:
    """Let trading go on; orders that were waiting go on, each within its own tolerance."""
    _move(reason, home, halts=False)
    console_out().print("No halt is in force.")


def _move(reason: str, home: str | None, *, halts: bool) -> None:
    if not is_reason(reason):
        leave(USAGE, f"a reason has 1 to {REASON_LETTERS_MAX} printable letters")
    settings = settle_home(home)
    try:
        house.move_switch(settings, getpass.getuser(), reason.strip(), halts=halts)
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain(error)
