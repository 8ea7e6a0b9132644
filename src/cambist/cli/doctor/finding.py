"""Says how a part of the house is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from rich.console import Console
from rich.text import Text

from cambist.cli.tables import Column, print_table

State = Literal["ok", "note", "sick"]
_COLOURS: Final[dict[State, str]] = {"ok": "green", "note": "yellow", "sick": "bold red"}


_COLUMNS: Final = (
    Column("state"),
    Column("part"),
    Column("version", rank=1),
    Column("latency", rank=2, right=True),
    Column("told", folds=True),
)


class CheckResult(NamedTuple):
    """One line: `sick` keeps something from working, `note` is worth knowing."""

    state: State
    part: str
    message: str
    version: str = ""
    latency: str = ""
    fix: str = ""


def print_results(console: Console, findings: Iterable[CheckResult]) -> None:
    """Print findings in columns, what to do below each; on a screen, folded at words."""
    if console.is_terminal:
        print_table(console, _COLUMNS, _rows(findings), heads=False)
        return
    for one in findings:
        rest = f" {one.part:<12} {one.version:<10} {one.latency:>10}  {one.message}"
        console.print(Text(f"{one.state:<5}{rest}".rstrip()), soft_wrap=True)
        if one.fix:
            console.print(Text(f"{'':<6}do: {one.fix}"), soft_wrap=True)


def _rows(findings: Iterable[CheckResult]) -> Iterable[tuple[Text, ...]]:
    for one in findings:
        state = Text(one.state, _COLOURS[one.state])
        told = Text(one.message)
        if one.fix:
            told.append(f"\ndo: {one.fix}", "dim")
        yield state, Text(one.part), Text(one.version), Text(one.latency), told


def write_us(microseconds: int) -> str:
    """Write a latency: in microseconds below a millisecond, in milliseconds above."""
    whole, part = divmod(microseconds, 1_000)
    return f"{whole}.{part // 100} ms" if whole else f"{microseconds} us"
