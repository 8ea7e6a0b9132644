"""Generates the page of the numbered cases of orders that wait for a price, from their tests.

The name of such a test begins with the number of its case (`test_l1_...`), and the rest of the name
says in words what holds.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from scripts.layout import page, table

TESTS: Final = Path(__file__).parents[1] / "tests"
SOURCES: Final = "engine/test_resting*.py"
SECTIONS: Final = {
    "L": "Limit", "S": "Stop", "T": "Trailing stop", "O": "Groups", "B": "Brackets",
    "F": "At once or not at all", "E": "Deadlines and cancels", "R": "Amendments", "H": "Halts",
    "X": "Failures and restarts",
}  # fmt: skip
_NAME: Final = re.compile(r"test_([a-z])(\d+)_(\w+)")


class Case(NamedTuple):
    """A numbered case: what holds, and the file of the test that proves it."""

    letter: str
    number: int
    sentence: str
    file: str


def read_cases(tests: Path = TESTS) -> Iterator[Case]:
    """Yield the cases, file by file in the order of the tests."""
    for path in sorted(tests.glob(SOURCES)):
        for node in ast.parse(path.read_text("utf-8")).body:
            found = (
                _NAME.fullmatch(node.name)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                else None
            )
            if found:
                words = found[3].replace("_", " ")
                name = path.relative_to(tests.parent).as_posix()
                yield Case(
                    found[1].upper(), int(found[2]), words[0].upper() + words[1:] + ".", name
                )


def cases() -> str:
    """Return the page; a section without tests is left out."""
    found = list(read_cases())
    blocks: list[list[str]] = []
    for letter, title in SECTIONS.items():
        rows = sorted(
            (case for case in found if case.letter == letter), key=lambda case: case.number
        )
        if rows:
            blocks.append([f"## {title}"])
            blocks.append(
                table(
                    ("Case", "What holds", "Test"),
                    (
                        (f"{case.letter}{case.number}", case.sentence, f"`{case.file}`")
                        for case in rows
                    ),
                )
            )
    return page(
        "Cases of orders that wait for a price",
        [
            "Each case is a test that plays it against a whole engine. The number is part of the",
            "test's name. [Orders that wait for a price](resting-orders.md) explains the terms.",
        ],
        *blocks,
    )
