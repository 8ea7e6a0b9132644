"""Hold the import contracts to names that exist, and to the sins they were written against."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BESIDE = {"logs", "metrics", "failpoints", "__main__"}


def _contracts() -> list[dict[str, Any]]:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    return list(tool["importlinter"]["contracts"])


def _rooms() -> set[str]:
    floors = next(contract for contract in _contracts() if contract["type"] == "layers")
    return {room.strip().strip("()") for floor in floors["layers"] for room in floor.split("|")}


def test_every_contract_names_only_rooms_of_the_house() -> None:
    known = {f"cambist.{room}" for room in _rooms() | BESIDE}
    for contract in _contracts():
        for side in ("source_modules", "forbidden_modules"):
            ours = {name for name in contract.get(side, []) if name.startswith("cambist")}
            assert ours <= known, contract["name"]


def _house(home: Path, sin: str) -> str:
    """Build a house of empty rooms, commit one sin in it and return the linter's verdict."""
    package = home / "src" / "cambist"
    for room in (*_rooms(), "logs", "metrics", "failpoints", "paper/chain_ledger"):
        (package / room).mkdir(parents=True, exist_ok=True)
        (package / room / "__init__.py").touch()
    (package / "__init__.py").touch()
    room, _, line = sin.partition(": ")
    (package / room).mkdir(exist_ok=True)
    (package / room / "__init__.py").write_text(line + "\n")
    command = [
        sys.executable,
        "-c",
        "import sys; sys.path[:0] = [sys.argv.pop(1), sys.argv.pop(1)];"
        "from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))",
        str(home / "src"),
        str(ROOT),
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "sin",
    [
        "values: import cambist.orders",
        "engine: import cambist.stores",
        "utils: import cambist.values",
        "orders: import time",
        "venues: import datetime",
        "routing: import cambist.logs",
        "wire: import random",
        "ports: import sqlite3",
        "paper: import sqlite3",
        "engine: import starlette",
        "server: import sqlite3",
        "clock: import cambist.ports",
        "client: import cambist.engine",
        "logs: import cambist.engine",
    ],
)
def test_a_planted_sin_breaks_a_contract(tmp_path: Path, sin: str) -> None:
    assert "BROKEN" in _house(tmp_path, sin)


@pytest.mark.parametrize(
    "virtue",
    [
        "orders: import hashlib, msgspec",
        "wire: import datetime, msgspec",
        "paper/chain_ledger: import sqlite3",
        "stores: import sqlite3",
        "engine: import cambist.logs, cambist.failpoints",
        "client: import cambist.wire, cambist.clock",
        "bootstrap: import cambist.engine, cambist.stores",
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, virtue: str) -> None:
    assert " 0 broken" in _house(tmp_path, virtue)
