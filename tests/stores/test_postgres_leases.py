"""Promise that a small step back of the database's clock takes no lease that is alive."""

from __future__ import annotations

import pytest

from cambist.orders.retry import BACKOFF_MAX_MS
from cambist.stores.postgres.store import LEASE_MS
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.contracts.store_harness import Shelf
from tests.stores.postgres_stores import postgres_at, still_database

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("lease_ms", [LEASE_MS, BACKOFF_MAX_MS], ids=["default", "longest"])
@pytest.mark.parametrize("step_ms", [1, 1_000, LEASE_MS - 1])
async def test_a_step_back_that_is_shorter_than_a_lease_takes_none(
    postgres_url: str, lease_ms: int, step_ms: int
) -> None:
    async with (
        still_database(postgres_url) as url,
        Shelf(postgres_at(url, owner="me", lease_ms=lease_ms)) as mine,
        Shelf(postgres_at(url, owner="other", lease_ms=lease_ms)) as other,
    ):
        order = await mine.add()
        assert await mine.store.claim_due(order_factory.START, 1)
        back = Timestamp(order_factory.START - step_ms)
        assert await other.store.claim_due(back, 1) == ()
        assert await other.store.claim(order.id) is None


async def test_after_a_long_step_back_the_order_is_due(postgres_url: str) -> None:
    async with (
        still_database(postgres_url) as url,
        Shelf(postgres_at(url, owner="me", lease_ms=LEASE_MS)) as mine,
        Shelf(postgres_at(url, owner="other", lease_ms=LEASE_MS)) as other,
    ):
        await mine.add()
        assert await mine.store.claim_due(order_factory.START, 1)
        assert await other.store.claim_due(Timestamp(order_factory.START - BACKOFF_MAX_MS), 1)
