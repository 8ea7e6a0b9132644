"""Finds the compiled programs and captured pools, which come from elsewhere; prints the counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.onchain.counts import PROPERTY, Count, Row, SwapCount, row, table
from tests.onchain.releases import Release


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return where a program's file is, in the folder or below; skips the test where it is not."""
    folder = request.config.getoption("--programs")

    def find(name: str) -> Path:
        path = next(Path(folder).rglob(f"{name}.so"), None) if folder else None
        if path is None:
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


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Iterator[Count]:
    """Return what counts a test's swaps at a release; the report carries them to the table."""
    counts: list[SwapCount] = []

    def begin(release: Release) -> SwapCount:
        counts.append(SwapCount(release))
        return counts[-1]

    yield begin
    for counted in counts:
        record_property(PROPERTY, tuple(row(counted)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was counted, where that was asked for."""
    if not terminalreporter.config.getoption("--counts"):
        return
    rows = [
        Row(*value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    terminalreporter.section("swaps by program and release")
    for line in table(rows):
        terminalreporter.write_line(line)
