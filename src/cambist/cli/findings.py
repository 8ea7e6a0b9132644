"""Says how a part of the house is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from rich.console import Console
from rich.text import Text

State = Literal["ok", "note", "sick"]
_COLOURS: Final[dict[State, str]] = {"ok": "green", "note": "yellow", "sick": "bold red"}


class Finding(NamedTuple):
    """One line: `sick` keeps something from working, `note` is worth knowing."""

    state: State
    part: str
    told: str
    version: str = ""
    latency: str = ""
    todo: str = ""


def tell(console: Console, findings: Iterable[Finding]) -> None:
    """Print findings in columns, what to do below each."""
    for one in findings:
        line = Text(f"{one.state:<5}", style=_COLOURS[one.state])
        rest = f" {one.part:<12} {one.version:<10} {one.latency:>10}  {one.told}"
        line.append(rest.rstrip(), style="")
        console.print(line, soft_wrap=True)
        if one.todo:
            console.print(Text(f"{'':<6}do: {one.todo}", style="dim"), soft_wrap=True)


def write_us(microseconds: int) -> str:
    """Write a latency: in microseconds below a millisecond, in milliseconds above."""
    whole, part = divmod(microseconds, 1_000)
    return f"{whole}.{part // 100} ms" if whole else f"{microseconds} us"
