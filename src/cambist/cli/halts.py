"""Stops all trading from the machine of the engine, and lets it go on."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cambist import bootstrap as house
from cambist.cli import json_output
from cambist.cli.exit_codes import USAGE, leave
from cambist.cli.json_output import AsJson
from cambist.cli.order_view import console_out
from cambist.cli.settings import Home, settle_home
from cambist.cli.tables import say
from cambist.wire.halts import REASON_LETTERS_MAX, is_reason
from cambist.wire.rfc3339 import write_moment

if TYPE_CHECKING:
    from cambist.ports.store import Halt

Reason = Annotated[str, typer.Argument(help="Why, for those who ask later.")]
_HALTED: Final = "Trading is halted. `cambist resume REASON` lets it go on."
_RESUMED: Final = "Trading goes on: no halt is in force."
_NONE: Final = "There is no halt: trading goes on as before, and nothing was changed."


def halt(reason: Reason, json: AsJson = False, home: Home = None) -> None:
    """Stop all trading now: no order is taken or signed; what is in flight is watched to its end.

    Works while the engine runs and while it does not, and needs no server to answer.
    """
    before = _move(reason, home, halts=True)
    if json:
        json_output.write({"halted": True, "before": _document(before)})
        return
    if before is not None:
        say(console_out(), f"It was halted before, by {before.by}: {before.reason}")
    say(console_out(), _HALTED)


def resume(reason: Reason, json: AsJson = False, home: Home = None) -> None:
    """Let trading go on; orders that were waiting go on, each within its own tolerance."""
    before = _move(reason, home, halts=False)
    if json:
        json_output.write({"halted": False, "before": _document(before)})
    elif before is None:
        say(console_out(), _NONE)
    else:
        say(console_out(), f"The halt of {before.by} is over: {before.reason}")
        say(console_out(), _RESUMED)


def _document(halt: Halt | None) -> dict[str, str] | None:
    if halt is None:
        return None
    return {"by": halt.by, "reason": halt.reason, "at": write_moment(halt.at)}


def _move(reason: str, home: str | None, *, halts: bool) -> Halt | None:
    if not is_reason(reason):
        leave(USAGE, f"a reason has 1 to {REASON_LETTERS_MAX} printable letters")
    settings = settle_home(home)
    return house.move_switch(settings, getpass.getuser(), reason.strip(), halts=halts)
