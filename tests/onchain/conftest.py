"""Finds the compiled programs, which come from elsewhere: by `--programs DIR`, or PROGRAMS."""

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
