"""Draws the lives of orders in the terminal as they happen, and their outcome as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from cambist.cli.formatting import format_amount, format_instant, format_price, route_label
from cambist.cli.tables import WIDE, Column, print_table, tabulate

if TYPE_CHECKING:
    from datetime import datetime

    from cambist.client import Event

REFRESH_PER_SECOND: Final = 8
COLOURS: Final = {
    "pending": "white",
    "waiting": "bright_cyan",
    "routing": "cyan",
    "building": "blue",
    "submitted": "yellow",
    "confirmed": "green",
    "failed": "red",
    "cancelled": "magenta",
    "expired": "magenta",
}
_ID_SHOWN: Final = 8
_BOARD: Final = (
    Column("order"),
    Column("asked", rank=1, folds=True),
    Column("path", folds=True),
    Column("", folds=True),
)
_OUTCOME: Final = (
    Column("order"),
    Column("asked", rank=3, folds=True),
    Column("status"),
    Column("venue", rank=2, folds=True),
    Column("in", right=True),
    Column("out", right=True),
    Column("price", rank=4, right=True),
    Column("slippage", rank=5, right=True),
    Column("time", rank=1, right=True),
)


class OrderProgress:
    """What is known of one order: its path so far, and its newest message."""

    def __init__(self, order_id: str, title: str) -> None:
        self.order_id = order_id
        self.title = title
        self.path: list[str] = []
        self.newest: Event | None = None
        self.first_at: datetime | None = None
        self.closed_at: datetime | None = None

    def hear(self, event: Event) -> None:
        """Take in one event."""
        self.first_at = self.first_at or event.timestamp
        if event.is_move:
            self.path.append(event.status)
            if event.is_closed:
                self.closed_at = event.timestamp
        self.newest = event

    @property
    def took(self) -> str:
        """The time from the first event to the last, as text."""
        if self.first_at is None or self.closed_at is None:
            return "-"
        return f"{(self.closed_at - self.first_at).total_seconds():.2f} s"


class LiveTable:
    """Several lives on one screen; where there is no screen, a line for each step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lives: dict[str, OrderProgress] = {}
        self._live = Live(
            console=console,
            refresh_per_second=REFRESH_PER_SECOND,
            get_renderable=self._table,
            transient=False,
            vertical_overflow="visible",
        )

    def __enter__(self) -> LiveTable:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def add(self, life: OrderProgress) -> None:
        """Show one more order."""
        self._lives[life.order_id] = life

    def hear(self, event: Event) -> None:
        """Take in one event of an order."""
        self._lives[event.order_id].hear(event)
        if not self._console.is_terminal:
            self._console.print(line_of(event), markup=False, soft_wrap=True)

    def _table(self) -> RenderableType:
        rows = [
            (_short(life.order_id), life.title, _path(life.path), describe(life.newest))
            for life in self._lives.values()
        ]
        return tabulate(_BOARD, rows, self._console.width)


def _short(order_id: str) -> str:
    """Return the end of an id: the beginning is the time, and alike for orders of one second."""
    return order_id[-_ID_SHOWN:]


def line_of(event: Event) -> str:
    """Write an event as a line."""
    line = f"{format_instant(event.timestamp)}  {_short(event.order_id)}  {event.event:<16}"
    return f"{line} {describe(event)}".rstrip()


def _path(steps: Iterable[str]) -> Text:
    text = Text()
    for number, step in enumerate(steps):
        if number:
            text.append(" → ", style="dim")
        text.append(step, style=COLOURS.get(step, ""))
    return text


def describe(event: Event | None) -> str:
    """Say what is worth knowing of an event, in a few words."""
    if event is None:
        return ""
    said = describe_transition(event)
    if said:
        return said
    match event.event:
        case "routing" if event.last_error:
            return f"try {event.attempt}: {event.last_error}"
        case "building":
            return event.reason or event.selected_dex or ""
        case "confirmed":
            return f"{format_amount(event.amount_in)} → {format_amount(event.amount_out)}"
        case "failed":
            return event.error or ""
        case _:
            return ""


def describe_transition(event: Event) -> str:
    """Say why an order that waits for a price took a step: the prices and slots it was based on."""
    level, price = format_price(event.level), format_price(event.effective_price)
    then = event.next_attempt_at
    match event.transition:
        case "armed":
            prices = "" if event.level is None else f" level {level}, now {price}"
            return f"armed:{prices}" + (f" from {format_instant(then)} on" if then else "")
        case "triggered" if event.level is None:
            return "triggered: its time has come"
        case "triggered":
            return f"triggered: {price} met {level}{_slots(event)}"
        case "touched":
            part = format_price(event.touch_price)
            return f"touched: a part gets {part}, all of it {price}, level {level}"
        case "rearmed":
            why = event.last_error or "it could not trade at its price."
            return f"rearmed: {why}" + (f" Next check {format_instant(then)}" if then else "")
        case _:
            return ""


def _slots(event: Event) -> str:
    """Say by how many slots a level was confirmed, and which was the last of them."""
    if event.observed_slot is None:
        return ""
    count = event.confirmed_by or 1
    if count == 1:
        return f" in slot {event.observed_slot}"
    return f" in {count} slots, the last {event.observed_slot}"


def outcome(console: Console, lives: Iterable[OrderProgress]) -> None:
    """Print how each order ended: pools, amounts, price, slippage and time."""
    rows = []
    for life in lives:
        order = life.newest
        if order is not None:
            rows.append(
                (
                    _short(life.order_id),
                    life.title,
                    Text(order.status, style=COLOURS.get(order.status, "")),
                    route_label(order),
                    format_amount(order.amount_in),
                    format_amount(order.amount_out),
                    format_price(order.executed_price),
                    "-" if order.slippage is None else f"{format_amount(order.slippage)} %",
                    life.took,
                )
            )
    console.print("Outcome")
    print_table(console, _OUTCOME, rows, how="cambist show ORDER")


def console_out() -> Console:
    """Return the console of standard output; without a screen, lines are not squeezed."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDE)
