"""Lays out the pages that are printed: their notice, their title, their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

NOTICE: Final = "<!-- Printed from the code by `make docs`; changes here are lost. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Draw a table."""
    lines = [head, ["---"] * len(head), *rows]
    return [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    ]


def page(title: str, *blocks: Sequence[str]) -> str:
    """Lay out a page: its title, then blocks with a blank line between."""
    parts = [NOTICE, f"# {title}", *("\n".join(block) for block in blocks)]
    return "\n\n".join(parts) + "\n"
