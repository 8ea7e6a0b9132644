"""Lays out tables so that no id, amount or word of an answer is cut, however narrow the screen.

Where a table is too wide, long text is folded at words, then columns leave by their rank, and a
line names those that left. Where what may not leave is still too wide, each row becomes a block of
lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

GAP: Final = 2
"""Cells between two columns."""
FOLDED_CELLS_MIN: Final = 12
"""No column of text is folded narrower than this."""
WORD_CELLS_MAX: Final = 24
"""A longer word, such as a signature, goes on in the next line of its column."""
WIDE: Final = 1_000
"""The width where there is no screen: nothing is squeezed into a pipe or a file."""
_LEFT: Final = "not shown here: {names} (a wider screen shows them, and so does {how})"

Cell = str | Text


class Column(NamedTuple):
    """A column. `rank` 0 never leaves; of the others the greatest leaves first."""

    name: Cell
    rank: int = 0
    right: bool = False
    folds: bool = False
    """Long text, which may be broken between words."""


class TableLayout(NamedTuple):
    """Which columns stand, how wide each is, and whether rows are blocks of lines instead."""

    kept: tuple[int, ...]
    widths: tuple[int, ...]
    is_stacked: bool = False


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> TableLayout:
    """Return what fits into so many cells."""
    natural = [
        max(_cells(column.name), *(_cells(row[place]) for row in rows), 0)
        for place, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    while True:
        room = width - GAP * (len(kept) - 1) - sum(natural[place] for place in kept)
        if room >= 0:
            return TableLayout(tuple(kept), tuple(natural[place] for place in kept))
        least = {
            place: min(
                natural[place],
                max(FOLDED_CELLS_MIN, min(WORD_CELLS_MAX, _longest_word(place, columns, rows))),
            )
            for place in kept
            if columns[place].folds
        }
        if room + sum(natural[place] - cells for place, cells in least.items()) >= 0:
            return TableLayout(tuple(kept), _folded(kept, natural, least, -room))
        ranks = [columns[place].rank for place in kept]
        if not max(ranks):
            return TableLayout(tuple(range(len(columns))), tuple(natural), is_stacked=True)
        del kept[len(ranks) - 1 - ranks[::-1].index(max(ranks))]


def _folded(
    kept: Sequence[int], natural: Sequence[int], least: dict[int, int], lacking: int
) -> tuple[int, ...]:
    """Return the widths when columns of text give up so many cells: the widest gives first."""
    widths = {place: natural[place] for place in kept}
    for _ in range(lacking):
        place = max(least, key=lambda column: widths[column] - least[column])
        widths[place] -= 1
    return tuple(widths[place] for place in kept)


def _longest_word(place: int, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> int:
    cells = [columns[place].name, *(row[place] for row in rows)]
    return max((_cells(word) for cell in cells for word in str(cell).split()), default=0)


def _cells(cell: Cell) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(cell)


def tabulate(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    width: int,
    *,
    heads: bool = True,
    how: str = "--json",
) -> RenderableType:
    """Return a table for a screen of so many cells; `how` is what shows all of it."""
    lines = [tuple(row) for row in rows]
    layout = lay_out(columns, lines, width)
    if layout.is_stacked:
        return _blocks(columns, lines)
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=heads)
    for place, cells in zip(layout.kept, layout.widths, strict=True):
        column = columns[place]
        table.add_column(
            column.name,
            justify="right" if column.right else "left",
            min_width=cells,
            max_width=cells,
            overflow="fold",
        )
    for line in lines:
        table.add_row(*(_plain(line[place]) for place in layout.kept))
    gone = [str(columns[place].name) for place in range(len(columns)) if place not in layout.kept]
    if not gone or not lines:
        return table
    return Group(table, Text(_LEFT.format(names=", ".join(gone), how=how), style="dim"))


def _plain(cell: Cell) -> Text:
    """Return a cell as it is: brackets in it are no markup."""
    return cell if isinstance(cell, Text) else Text(cell)


def _blocks(columns: Sequence[Column], lines: Sequence[Sequence[Cell]]) -> RenderableType:
    """Return each row as a block: a name and its value on a line."""
    indent = max(_cells(column.name) for column in columns) + GAP
    blocks: list[RenderableType] = []
    for number, line in enumerate(lines):
        if number:
            blocks.append(Text(""))
        for column, cell in zip(columns, line, strict=True):
            if str(cell):
                name = Text(str(column.name), style="bold")
                name.pad_right(indent - name.cell_len)
                blocks.append(Text.assemble(name, cell, overflow="fold"))
    return Group(*blocks)


def print_table(
    screen: Console,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    *,
    heads: bool = True,
    how: str = "--json",
) -> None:
    """Print a table as wide as the screen allows; where there is none, as wide as it is."""
    width = screen.width if screen.is_terminal else WIDE
    screen.print(tabulate(columns, rows, width, heads=heads, how=how))


def print_sentence(screen: Console, sentence: str) -> None:
    """Print a sentence: folded at words on a screen, on one line elsewhere."""
    screen.print(Text(sentence), soft_wrap=not screen.is_terminal)
