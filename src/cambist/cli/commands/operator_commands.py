"""Commands of an operator: halt, resume, drain, orders stuck, orders resolve."""

from __future__ import annotations

import asyncio
import getpass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cambist import bootstrap
from cambist.cli import json_output
from cambist.cli.exit_codes import FAILED, USAGE, exit_with
from cambist.cli.exit_on_error import explain_and_exit
from cambist.cli.json_output import AsJson
from cambist.cli.order_ids import chosen, is_ending
from cambist.cli.order_view import console_out
from cambist.cli.settings import Home, load_home_settings
from cambist.cli.tables import Column, print_sentence, print_table
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.orders.order import Order
from cambist.ports.store import StuckOrders
from cambist.values.ids import read_order_id
from cambist.values.time_units import SECOND, Millis, Timestamp
from cambist.wire.halts import REASON_LETTERS_MAX, is_reason
from cambist.wire.rfc3339 import write_moment

if TYPE_CHECKING:
    from cambist.ports.store import Halt


Reason = Annotated[str, typer.Argument(help="Why, for those who ask later.")]
_HALTED: Final = "Trading is halted. `cambist resume REASON` lets it go on."
_RESUMED: Final = "Trading goes on: no halt is in force."
_NOT_HALTED: Final = "There is no halt: trading goes on as before, and nothing was changed."


def halt(reason: Reason, json: AsJson = False, home: Home = None) -> None:
    """Stop all trading now: no order is taken or signed; what is in flight is watched to its end.

    Works while the engine runs and while it does not, and needs no server to answer.
    """
    before = _move(reason, home, halts=True)
    if json:
        json_output.write({"halted": True, "before": _halt_json(before)})
        return
    if before is not None:
        print_sentence(console_out(), f"It was halted before, by {before.by}: {before.reason}")
    print_sentence(console_out(), _HALTED)


def resume(reason: Reason, json: AsJson = False, home: Home = None) -> None:
    """Let trading go on; orders that were waiting go on, each within its own tolerance."""
    before = _move(reason, home, halts=False)
    if json:
        json_output.write({"halted": False, "before": _halt_json(before)})
    elif before is None:
        print_sentence(console_out(), _NOT_HALTED)
    else:
        print_sentence(console_out(), f"The halt of {before.by} is over: {before.reason}")
        print_sentence(console_out(), _RESUMED)


def _halt_json(halt: Halt | None) -> dict[str, str] | None:
    if halt is None:
        return None
    return {"by": halt.by, "reason": halt.reason, "at": write_moment(halt.at)}


def _move(reason: str, home: str | None, *, halts: bool) -> Halt | None:
    if not is_reason(reason):
        exit_with(USAGE, f"a reason has 1 to {REASON_LETTERS_MAX} printable letters")
    settings = load_home_settings(home)
    return bootstrap.set_halt(settings, getpass.getuser(), reason.strip(), halts=halts)


STILL_FOR_S: Final = 60
STILL_FOR_S_MAX: Final = 31_536_000
SHOWN: Final = 20
SHOWN_MAX: Final = 1_000
DRAIN_S: Final = 60
DRAIN_S_MAX: Final = 3_600
LOOK_EVERY_MS: Final = 500
_TOLD: Final = "Nothing is in flight, and nothing will be before `cambist resume REASON`."


_NOTED: Final = (
    "Noted. The engine ends it within seconds of a witness saying that its time is over."
)
_STILL: Final = (
    Column("order"),
    Column("status"),
    Column("still for", rank=1, right=True),
    Column("waits for", folds=True),
)

app = typer.Typer(help="Look after orders that stand still.", no_args_is_help=True)


@app.command()
def stuck(
    seconds: Annotated[
        int, typer.Option("--for", min=0, max=STILL_FOR_S_MAX, help="Still for so many seconds.")
    ] = STILL_FOR_S,
    limit: Annotated[int, typer.Option(min=1, max=SHOWN_MAX, help="Show so many.")] = SHOWN,
    json: AsJson = False,
    home: Home = None,
) -> None:
    """List open orders that have not moved for a while, longest first, and what each waits for.

    Exits 1 when there are any. Works while the engine runs and while it does not.
    """
    settings = load_home_settings(home)
    still = _look(settings, Millis(seconds * SECOND), limit)
    now = SystemClock().now()
    if json:
        json_output.write(
            {
                "open": still.open,
                "inFlight": still.in_flight,
                "orders": [_stuck_order_json(order, now) for order in still.orders],
            }
        )
    else:
        _tell_still(still, seconds, now)
    if still.orders:
        raise typer.Exit(FAILED)


def _tell_still(still: StuckOrders, seconds: int, now: Timestamp) -> None:
    console = console_out()
    print_sentence(
        console,
        f"{still.open} open, {still.in_flight} with a transaction in flight; "
        f"{len(still.orders)} still for {seconds} s or more",
    )
    if still.orders:
        rows = [
            (order.id, order.status, _duration(now - order.last_at), waits_for(order, now))
            for order in still.orders
        ]
        print_table(console, _STILL, rows)


def _stuck_order_json(order: Order, now: Timestamp) -> dict[str, Any]:
    return {
        "orderId": order.id,
        "status": order.status,
        "stillForMs": now - order.last_at,
        "waitsFor": waits_for(order, now),
    }


def waits_for(order: Order, now: Timestamp) -> str:
    """Say what an open order waits for."""
    attempt = order.in_flight
    if attempt is not None:
        seen = "seen, not final" if attempt.first_seen_slot is not None else "seen by nobody"
        word = "written off, " if order.written_off_at is not None else ""
        return (
            f"the chain: {word}{seen}, last valid height {attempt.last_valid_height}, "
            f"signature {attempt.signature}"
        )
    if order.awaits_chain:
        return "the chain: landed, and not yet final"
    if order.wake_at is not None and order.wake_at > now:
        why = "" if order.fault is None else f" after {order.fault.code}"
        return f"its next try in {_duration(order.wake_at - now)}{why}"
    last = "" if order.lease_owner is None else f", last had by {order.lease_owner}"
    return f"a worker{last}: is one running, and is trading halted? `cambist doctor` tells"


def _duration(millis: int) -> str:
    seconds = max(millis, 0) // SECOND
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


@app.command()
def resolve(
    order_id: Annotated[str, typer.Argument(help="The order's id, or its last 6 letters or more.")],
    reason: Annotated[str, typer.Argument(help="How you know, for those who ask later.")],
    json: AsJson = False,
    home: Home = None,
) -> None:
    """Vouch that an order's transaction can never land, where no witness can prove it any more.

    The order then ends as failed (`written_off`), or as cancelled if its user asked for that. It
    is never signed again, and your word counts only once a witness says that the transaction's time
    is long over and none has seen it: what landed is still found to have landed.
    """
    if not is_reason(reason):
        exit_with(USAGE, f"a reason has 1 to {REASON_LETTERS_MAX} printable letters")
    settings = load_home_settings(home)
    known = read_order_id(order_id)
    if known is None and is_ending(order_id):
        every = _look(settings, Millis(0), SHOWN_MAX).orders
        ends = [stuck_order for stuck_order in every if stuck_order.id.endswith(order_id.lower())]
        known = read_order_id(chosen(order_id, [(end.id, str(end.status)) for end in ends]))
    if known is None:
        exit_with(USAGE, "that is no order's id")
    try:
        order = bootstrap.write_off(settings, known, getpass.getuser(), reason.strip())
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain_and_exit(error)
    if order is None:
        exit_with(FAILED, "there is no such order")
    if order.written_off_at is None:
        exit_with(
            FAILED, f"it is {order.status}, and has no transaction in flight: nothing to resolve"
        )
    if json:
        json_output.write({"orderId": order.id, "status": order.status, "writtenOff": True})
    else:
        print_sentence(console_out(), _NOTED)


def drain(
    reason: Annotated[str, typer.Argument(help="Why, for those who ask later.")],
    seconds: Annotated[
        int, typer.Option("--wait", min=0, max=DRAIN_S_MAX, help="Wait so long at most.")
    ] = DRAIN_S,
    json: AsJson = False,
    home: Home = None,
) -> None:
    """Halt, and wait until no transaction is in flight: for maintenance of all processes at once.

    Exits 1 when something is still in flight by then; the halt stays in force either way, and open
    orders are kept. To end one process alone, send it SIGTERM: the others go on.
    """
    if not is_reason(reason):
        exit_with(USAGE, f"a reason has 1 to {REASON_LETTERS_MAX} printable letters")
    settings = load_home_settings(home)
    try:
        bootstrap.set_halt(settings, getpass.getuser(), reason.strip(), halts=True)
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain_and_exit(error)
    console, clock = console_out(), SystemClock()
    until, printed = clock.monotonic_ms() + seconds * SECOND, -1
    while (left := _look(settings, Millis(0), 1)).in_flight:
        if left.in_flight != printed:
            printed = left.in_flight
            if not json:
                print_sentence(console, f"{printed} in flight, {left.open} open")
        if clock.monotonic_ms() >= until:
            exit_with(FAILED, f"{printed} still in flight; trading stays halted")
        asyncio.run(clock.sleep(LOOK_EVERY_MS))
    if json:
        json_output.write({"halted": True, "open": left.open, "inFlight": 0})
    else:
        print_sentence(console, f"{left.open} open. {_TOLD}")


def _look(settings: Settings, for_ms: Millis, limit: int) -> StuckOrders:
    try:
        return bootstrap.list_stuck(settings, for_ms, limit)
    except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
        explain_and_exit(error)
