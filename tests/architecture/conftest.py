"""Names the long files after the checks: a warning for the reviewer, which fails nothing."""

from __future__ import annotations

import pytest

from tests.architecture.tree import PYTHON, place

LINES_WANTED = 300


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print every file over 300 lines with its length."""
    counts = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    for name, lines in sorted(counts.items()):
        if lines > LINES_WANTED:
            terminalreporter.write_line(f"{name}: {lines} lines (warning over {LINES_WANTED})")
