"""Hold every carrier of signals to one contract: memory, Redis and PostgreSQL's notices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from cambist.bootstrap.coordination import Coordination, ProcessRole, build_coordination
from cambist.clock import SystemClock
from cambist.config import Settings
from tests.contracts.coordination import SignalsContract
from tests.coordination.multi_process import Town, by_redis, town
from tests.servers.valkey import Valkey


class TestOneProcess(SignalsContract):
    """Where one process does all, it hears itself."""

    @pytest.fixture
    async def town(self, tmp_path: Path) -> AsyncIterator[Town]:
        alone = build_coordination(Settings(), SystemClock(), ProcessRole("alone"))
        async with town(tmp_path, lambda _: alone) as built:
            yield built


@pytest.mark.redis
class TestRedis(SignalsContract):
    """Inherits every promise."""

    @pytest.fixture
    async def town(self, tmp_path: Path, breakable_valkey: Valkey) -> AsyncIterator[Town]:
        async with town(tmp_path, by_redis(breakable_valkey.url)) as built:
            yield built


@pytest.mark.postgres
class TestNotices(SignalsContract):
    """Inherits every promise."""

    @pytest.fixture
    async def town(self, tmp_path: Path, postgres_url: str) -> AsyncIterator[Town]:
        def make(part: ProcessRole) -> Coordination:
            return build_coordination(
                Settings(), SystemClock(), replace(part, notices=postgres_url)
            )

        async with town(tmp_path, make) as built:
            yield built
