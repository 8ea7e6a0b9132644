"""Keeps the runs quiet, and gives them a folder in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.simulation.run import quiet
from tests.simulation.sqlite_process import scratch


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder for the files of runs, and write no log meanwhile."""
    kept = structlog.get_config()
    quiet()
    try:
        with scratch() as name:
            yield Path(name)
    finally:
        structlog.configure(**kept)
