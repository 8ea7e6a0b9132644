"""Reads SQL that is written as SQL: named queries and numbered migrations."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

_NAMED: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_NUMBERED: Final = re.compile(r"(\d{4})_[a-z_]+\.sql")


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
