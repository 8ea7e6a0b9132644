"""Formats generated pages: notice, title and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

NOTICE: Final = "<!-- Generated from the code by `make docs`; changes here are lost. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    ]


def page(title: str, *blocks: Sequence[str]) -> str:
    """Return a page: its title, then blocks separated by blank lines."""
    parts = [NOTICE, f"# {title}", *("\n".join(block) for block in blocks)]
    return "\n\n".join(parts) + "\n"
