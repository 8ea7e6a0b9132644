"""Finds the compiled programs, and captured pools: they come from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return where a program's file is; skips the test where it is not."""
    folder = request.config.getoption("--programs")

    def find(name: str) -> Path:
        path = Path(folder or ".") / f"{name}.so"
        if not folder or not path.exists():
            pytest.skip(f"no {name}.so: name a folder that has it with --programs")
        return path

    return find


@pytest.fixture
def captures(request: pytest.FixtureRequest) -> Callable[[str], list[Path]]:
    """Return the files captured of a program's pools; skips the test where there are none."""
    folder = request.config.getoption("--captures")

    def find(name: str) -> list[Path]:
        found = sorted(Path(folder, name).glob("*.json")) if folder else []
        if not found:
            pytest.skip(f"no pools captured of {name}: name their folder with --captures")
        return found

    return find
