"""Hold every file to the rules of this project that no linter has."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import PYTHON, ROOT, parsed, place

LINES_MAX = 500
DRAWERS = {"utils", "util", "helpers", "helper", "manager", "core", "common", "base", "misc"}

# Split, so that this file does not convict itself.
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:ro" r"ot|ho" r"me/\w+|Us" r"ers/\w+|wo" r"rk|tm" r"p/\w+)\b"
)
PROSE = [
    path
    for pattern in ("*.md", "*.toml", "Makefile", "requirements/*.txt", ".ci/*", "docs/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]


def opening_fault(tree: ast.Module) -> str | None:
    """Tell what is wrong with the way a file opens."""
    docstring = ast.get_docstring(tree, clean=True)
    if docstring is None:
        return "opens without a docstring"
    if not docstring.splitlines()[0].endswith("."):
        return "opens with a first line that does not end in a period"
    return None


@pytest.mark.parametrize("path", PYTHON, ids=place)
def test_a_file_says_what_it_is_for(path: Path) -> None:
    assert path.read_text(encoding="utf-8").strip(), "is empty"
    assert opening_fault(parsed(path)) is None


@pytest.mark.parametrize("path", PYTHON, ids=place)
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_MAX


def test_no_drawer_for_odds_and_ends() -> None:
    drawers = [place(path) for path in PYTHON if DRAWERS & {path.stem, path.parent.name}]
    assert not drawers


def test_no_path_of_somebodys_machine() -> None:
    found = [
        f"{place(path)}: {match.group()}"
        for path in (*PYTHON, *PROSE)
        for match in MACHINE_PATH.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_the_lock_names_no_host() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text
        assert not re.search(r"^\s*-", text.replace("    --hash=sha256:", ""), re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("import os", "opens without a docstring"),
        ("'''Reads a file'''", "opens with a first line that does not end in a period"),
        ("'''Reads a file.'''", None),
    ],
)
def test_a_bad_opening_is_found(text: str, fault: str | None) -> None:
    assert opening_fault(ast.parse(text)) == fault


@pytest.mark.parametrize("folder", ["work/shared", "root", "home/ann", "tmp/box"])
def test_a_machine_path_is_found(folder: str) -> None:
    assert MACHINE_PATH.search(f"open('/{folder}/x')")


@pytest.mark.parametrize(
    "text", ["/ws/orders", "https://example.com/work", "a/tmp/b", "~/.cambist"]
)
def test_other_paths_pass(text: str) -> None:
    assert not MACHINE_PATH.search(text)
