"""Draws the lives of orders in the terminal as they happen, and their outcome as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

REFRESH_PER_SECOND: Final = 8
COLOURS: Final = {
    "pending": "white",
    "routing": "cyan",
    "building": "blue",
    "submitted": "yellow",
    "confirmed": "green",
    "failed": "red",
    "cancelled": "magenta",
    "expired": "magenta",
}
CLOSED: Final = frozenset(("confirmed", "failed", "cancelled", "expired"))
_ID_SHOWN: Final = 8
_DIGITS_SHOWN: Final = 8
WIDTH_WITHOUT_SCREEN: Final = 140

Message = dict[str, Any]


class Life:
    """What is known of one order: its path so far, and its newest message."""

    def __init__(self, order_id: str, title: str) -> None:
        self.order_id = order_id
        self.title = title
        self.path: list[str] = []
        self.newest: Message = {}
        self.first_at: str = ""
        self.closed_at: str = ""

    def hear(self, message: Message) -> None:
        """Take in one message."""
        status = str(message["status"])
        self.first_at = self.first_at or str(message["timestamp"])
        if message.get("event") == status:
            self.path.append(status)
            if status in CLOSED:
                self.closed_at = str(message["timestamp"])
        self.newest = message

    @property
    def is_closed(self) -> bool:
        """Whether the order has ended."""
        return bool(self.closed_at)


class Board:
    """Several lives on one screen; where there is no screen, a line for each step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lives: dict[str, Life] = {}
        self._live = Live(
            console=console,
            refresh_per_second=REFRESH_PER_SECOND,
            get_renderable=self._table,
            transient=False,
        )

    def __enter__(self) -> Board:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def add(self, life: Life) -> None:
        """Show one more order."""
        self._lives[life.order_id] = life

    def hear(self, order_id: str, message: Message) -> None:
        """Take in one message of an order."""
        life = self._lives[order_id]
        life.hear(message)
        if not self._console.is_terminal:
            told = f"{message['timestamp']}  {_short(order_id)}  {message['event']:<16}"
            self._console.print(f"{told} {remark(message)}".rstrip(), markup=False, soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("order", "asked", "path", ""):
            table.add_column(name, no_wrap=name != "", header_style="bold")
        for life in self._lives.values():
            table.add_row(_short(life.order_id), life.title, _path(life.path), remark(life.newest))
        return table


def _short(order_id: str) -> str:
    """Return the end of an id: the beginning is the time, and alike for orders of one second."""
    return order_id[-_ID_SHOWN:]


def _path(steps: Iterable[str]) -> Text:
    text = Text()
    for number, step in enumerate(steps):
        if number:
            text.append(" → ", style="dim")
        text.append(step, style=COLOURS.get(step, ""))
    return text


def remark(message: Message) -> str:
    """Say what is worth knowing of a message, in a few words."""
    match message.get("event"):
        case "routing" if message.get("lastError"):
            return f"try {message.get('attempt')}: {message['lastError']}"
        case "building":
            return str(message.get("reason") or message.get("selectedDex") or "")
        case "confirmed":
            return f"{message.get('amountIn')} → {message.get('amountOut')}"
        case "failed":
            return str(message.get("error") or "")
        case _:
            return ""


def _brief(price: object) -> str:
    """Write a price with eight digits that count; the order itself shows all of them."""
    text = "-" if price is None else str(price)
    counted = 0
    for place, letter in enumerate(text):
        counted += letter.isdigit() and (counted > 0 or letter != "0")
        if counted >= _DIGITS_SHOWN and "." in text[: place + 1]:
            return text[: place + 1].rstrip(".")
    return text


def outcome(console: Console, lives: Iterable[Life], seconds: dict[str, str]) -> None:
    """Print how each order ended: venue, amounts, price, slippage and time."""
    table = Table(title="Outcome", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("order", "asked", "status", "venue", "in", "out", "price", "slippage", "time"):
        right = name in {"in", "out", "price", "slippage", "time"}
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "asked")
    for life in lives:
        told = life.newest
        slippage = told.get("slippage")
        table.add_row(
            _short(life.order_id),
            life.title,
            Text(str(told.get("status", "")), style=COLOURS.get(str(told.get("status")), "")),
            str(told.get("selectedDex") or "-"),
            str(told.get("amountIn") or "-"),
            str(told.get("amountOut") or "-"),
            _brief(told.get("executedPrice")),
            "-" if slippage is None else f"{slippage} %",
            seconds.get(life.order_id, "-"),
        )
    console.print(table)


def console_out() -> Console:
    """Return the console of standard output; without a screen, lines are not squeezed."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_SCREEN)
