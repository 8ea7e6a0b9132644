"""Describes the result of one check, and prints results as a table."""

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

    def document(self) -> dict[str, str]:
        """Return the result as `--json` prints it; its names are those of the first version."""
        return {
            "state": self.state,
            "part": self.part,
            "told": self.message,
            "version": self.version,
            "latency": self.latency,
            "todo": self.fix,
        }


def print_results(console: Console, findings: Iterable[CheckResult]) -> None:
    """Print findings in columns, what to do below each; on a screen, folded at words."""
    if console.is_terminal:
        print_table(console, _COLUMNS, _rows(findings), heads=False)
        return
    for finding in findings:
        rest = f" {finding.part:<12} {finding.version:<10} {finding.latency:>10}  {finding.message}"
        console.print(Text(f"{finding.state:<5}{rest}".rstrip()), soft_wrap=True)
        if finding.fix:
            console.print(Text(f"{'':<6}do: {finding.fix}"), soft_wrap=True)


def _rows(findings: Iterable[CheckResult]) -> Iterable[tuple[Text, ...]]:
    for finding in findings:
        state = Text(finding.state, _COLOURS[finding.state])
        message = Text(finding.message)
        if finding.fix:
            message.append(f"\ndo: {finding.fix}", "dim")
        yield state, Text(finding.part), Text(finding.version), Text(finding.latency), message


def write_us(microseconds: int) -> str:
    """Write a latency: in microseconds below a millisecond, in milliseconds above."""
    whole, part = divmod(microseconds, 1_000)
    return f"{whole}.{part // 100} ms" if whole else f"{microseconds} us"
