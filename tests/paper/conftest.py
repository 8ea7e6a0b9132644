"""Give each test a world of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.paper.paper_networks import InProcess


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[InProcess]:
    one = InProcess(tmp_path / "paper-chain.db")
    await one.start()
    yield one
    await one.stop()
