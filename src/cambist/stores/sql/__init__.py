"""Reads SQL that is written as SQL: named queries and numbered migrations."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final, NamedTuple

_NAMED: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_NUMBERED: Final = re.compile(r"(\d{4})_[a-z_]+\.sql")
_HALF: Final = re.compile(r"(\d{4})_[a-z_]+\.(pre|post)\.sql")


class TwoPhaseMigration(NamedTuple):
    """A migration in two halves: what it adds, and what it takes away."""

    number: int
    pre: str
    post: str


def queries(dialect: str) -> dict[str, str]:
    """Return the dialect's queries by name."""
    text = files(__name__).joinpath(f"{dialect}.sql").read_text("utf-8")
    parts = _NAMED.split(text)[1:]
    return {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def migrations(dialect: str) -> tuple[tuple[int, str], ...]:
    """Return the dialect's migrations, each with its number, in order."""
    folder = files(__name__).joinpath("schema").joinpath(dialect)
    found = ((_NUMBERED.fullmatch(file.name), file) for file in folder.iterdir())
    numbered = [(int(name[1]), file.read_text("utf-8")) for name, file in found if name]
    return tuple(sorted(numbered))


def halves(dialect: str) -> tuple[TwoPhaseMigration, ...]:
    """Return the dialect's migrations that come in two halves, in order."""
    folder = files(__name__).joinpath("schema").joinpath(dialect)
    found: dict[int, dict[str, str]] = {}
    for file in folder.iterdir():
        if name := _HALF.fullmatch(file.name):
            found.setdefault(int(name[1]), {})[name[2]] = file.read_text("utf-8")
    return tuple(TwoPhaseMigration(number, **found[number]) for number in sorted(found))
