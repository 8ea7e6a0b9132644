"""Hold quotes to their permits: few compute at once, one of a caller, and none waits for ever."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from msgspec.structs import replace

from cambist.engine import quote_budget
from cambist.engine.quote_budget import PERMITS, QuoteBudget, QuotePermit
from cambist.engine.quoting import could_carry
from cambist.faults import Code, RequestRejected
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.paper.pool_states import VENUES, first_pool, pool_keys
from cambist.paper.tokens import token
from cambist.values.amount import RawAmount
from cambist.values.ids import LOCAL
from cambist.values.token import Pair
from cambist.venues.pool import Pool

SOL, USDC = token("SOL"), token("USDC")
assert SOL is not None
assert USDC is not None
POOLS: list[Pool] = [
    first_pool(key) for venue in VENUES for key in pool_keys(venue, SOL.mint, USDC.mint)
]


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quote_budget, "IDLE_FACTOR", 0)


async def rejected(budget: QuoteBudget, caller: str | None = None) -> Code:
    """Return why a quote that comes now is rejected."""
    with pytest.raises(RequestRejected) as refused:
        async with budget.permit(caller):
            pass
    return refused.value.faults[0].code


async def test_so_many_compute_at_once_and_the_next_is_rejected_after_its_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budget = QuoteBudget()
    async with AsyncExitStack() as stack:
        for _ in range(PERMITS):
            await stack.enter_async_context(budget.permit(None))
        monkeypatch.setattr(quote_budget, "QUEUE_MS", 1)
        assert await rejected(budget) is Code.RATE_LIMITED
    monkeypatch.undo()
    async with budget.permit(None):
        pass


async def test_a_caller_computes_one_at_a_time_and_another_is_not_held_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budget = QuoteBudget()
    monkeypatch.setattr(quote_budget, "QUEUE_MS", 50)
    async with budget.permit("key:a"):
        assert await rejected(budget, "key:a") is Code.RATE_LIMITED
        async with budget.permit("key:b"):
            assert len(budget) == 2
    assert len(budget) == 0


async def test_those_who_wait_for_venues_hold_no_permit() -> None:
    budget = QuoteBudget()
    answered = asyncio.Event()
    waiting: list[QuotePermit] = []

    async def wait() -> None:
        async with budget.permit(None) as permit, permit.waiting_for_venues():
            waiting.append(permit)
            await answered.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(PERMITS):
            tasks.create_task(wait())
        async with asyncio.timeout(10):
            while len(waiting) < PERMITS:  # noqa: ASYNC110 -- there is no event to wait for
                await asyncio.sleep(0)
            async with budget.permit(None) as permit:
                await permit.rest()
        answered.set()


async def test_a_quote_that_is_cancelled_gives_its_permits_back() -> None:
    budget = QuoteBudget()
    began = asyncio.Event()

    async def compute() -> None:
        async with budget.permit("key:a"):
            began.set()
            await asyncio.Event().wait()

    for _ in range(2 * PERMITS):
        began.clear()
        task = asyncio.create_task(compute())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(budget) == 0


def test_a_crowd_is_rejected_one_by_one_and_never_much_later() -> None:
    budget = QuoteBudget()
    ends = [budget.deadline(100.0) for _ in range(1_000)]
    assert ends == sorted(ends)
    assert ends[0] == 100 + quote_budget.QUEUE_MS / 1_000
    assert ends[1] > ends[0]
    assert ends[-1] == ends[0] + quote_budget.SPREAD_MS / 1_000


@pytest.mark.parametrize(
    ("mode", "amount", "carried"),
    [
        ("exact_in", 10**9, True),
        ("exact_in", 2**64 - 1, False),
        ("exact_out", 10**6, True),
        ("exact_out", 2**63, False),
    ],
)
def test_what_the_pools_cannot_hold_together_is_seen_before_routing(
    mode: str, amount: int, carried: bool
) -> None:
    assert SOL is not None
    assert USDC is not None
    few = [one for one in POOLS if one.program == "cpmm"]
    intent = Intent("market", LOCAL, Pair(SOL, USDC), "exact_in", RawAmount(amount), Terms())
    assert could_carry(few, replace(intent, mode=mode)) is carried
    assert not could_carry([], intent)
