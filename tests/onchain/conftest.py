"""Finds compiled programs and captured accounts, which come from elsewhere: by option or name."""

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
def captures(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return where captured accounts of a program are; skips the test where they are not."""
    folder = request.config.getoption("--captures")

    def find(name: str) -> Path:
        path = Path(folder or ".") / name
        if not folder or not path.exists():
            pytest.skip(f"no {name}: name a folder that has it with --captures")
        return path

    return find
