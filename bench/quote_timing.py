"""Times one question to a pool, asked again or for the first time, and one route.

In time of the processor, which the other processes of a busy machine do not count in.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from timeit import Timer
from typing import Any, Final

from bench.reference_sdks import Question
from bench.report import CannotMeasure
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing.router import MarketSnapshot, find_route
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL
from cambist.values.route import Route, SwapMode
from cambist.values.token import SOL, USDC, Pair
from cambist.venues.pool import Pool
from cambist.venues.registry import PROGRAMS
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import PoolRejected, Snapshot

ROUTED: Final = 200 * 10**9
"""Raw units of SOL: enough to be worth a split over pools of some thousands of dollars."""
_TOO_SMALL: Final = {RejectReason.AMOUNT_ZERO, RejectReason.PAYS_NOTHING, RejectReason.DUST}
_COPIES_MAX: Final = 200
_FRESH_ROUTES_MAX: Final = 10


def each_us(question: Question, ms: int, *, whole: bool) -> float:
    """Return what asking the pool again and again costs each time."""
    pool, mode, amount = question
    names: dict[str, Any] = {"mint": pool.mint_a, "mode": mode, "amount": amount, "gc": gc}
    if whole:
        names["ask"] = pool.swap
        return _repeat("ask(mint, mode, amount)", names, ms)
    names["ask"] = pool.amount_out if mode == "exact_in" else pool.amount_in
    return _repeat("ask(mint, amount)", names, ms)


def first_us(question: Question, ms: int) -> float:
    """Return what a pool's first answer costs, of pools that were decoded before."""
    pool, mode, amount = question
    begin = time.perf_counter()
    pools: list[Pool] = []
    while len(pools) < _COPIES_MAX and (not pools or time.perf_counter() - begin < ms / 1_000):
        pools.append(decoded(pool))
    mint = pool.mint_a
    asks = [pool.amount_out if mode == "exact_in" else pool.amount_in for pool in pools]
    started = time.process_time_ns()
    for ask in asks:
        ask(mint, amount)
    return (time.process_time_ns() - started) / len(asks) / 1_000


def route_us(pools: Sequence[Pool], ms: int) -> tuple[float, float]:
    """Return what a route over these pools costs: asked again, and when all are just decoded."""
    intent = Intent("market", LOCAL, Pair(SOL, USDC), "exact_in", RawAmount(ROUTED), Terms(Bps(50)))

    def ask(some: Sequence[Pool]) -> None:
        found = find_route(intent, MarketSnapshot(some, programs=PROGRAMS))
        if not isinstance(found, Route):
            raise CannotMeasure(found.message)

    again = _repeat("ask(pools)", {"ask": ask, "pools": pools, "gc": gc}, ms)
    firsts: list[float] = []
    begin = time.perf_counter()
    while len(firsts) < _FRESH_ROUTES_MAX and (
        not firsts or time.perf_counter() - begin < 3 * ms / 1_000
    ):
        fresh = [decoded(pool) for pool in pools]
        started = time.process_time_ns()
        ask(fresh)
        firsts.append((time.process_time_ns() - started) / 1_000)
    return again, sorted(firsts)[len(firsts) // 2]


def decoded(pool: Any) -> Pool:
    """Return the same pool anew, from its accounts."""
    program = PROGRAMS[pool.program]
    accounts = {account.address: account for account in program.encode(pool)}
    fresh: Pool = program.decode(pool.address, Snapshot(accounts, pool.time))
    return fresh


def crossing(pool: Any, mode: SwapMode, count: int) -> int:
    """Return an amount with which a swap crosses so many ticks or bins, and half of the next.

    Raises CannotMeasure where no amount does.
    """
    least, most = (_least(pool, mode, crossed) for crossed in (count, count + 1))
    return (least + most) // 2


def _least(pool: Any, mode: SwapMode, count: int) -> int:
    """Return the least amount that crosses so many, by halving."""
    low, high = 1, 1 << 50
    while low < high:
        middle = (low + high) // 2
        crossed = _crossed(pool, mode, middle)
        if crossed is None or crossed >= count:
            high = middle
        else:
            low = middle + 1
    if _crossed(pool, mode, low) is None and count:
        msg = f"no amount crosses {count}"
        raise CannotMeasure(msg)
    return low


def _crossed(pool: Any, mode: SwapMode, amount: int) -> int | None:
    """Return how many ticks or bins a swap crosses going down; None where it does not end."""
    try:
        end: Any = pool.swap(pool.mint_a, mode, amount).end
    except PoolRejected as refused:
        return 0 if refused.refusal in _TOO_SMALL else None
    if pool.program == "dlmm":
        return int(pool.pair.active_id - end.pair.active_id)
    return sum(
        end.tick_state.tick < number <= pool.tick_state.tick for number in pool.shelf.ticks.numbers
    )


def _repeat(statement: str, names: dict[str, Any], ms: int) -> float:
    """Return microseconds for each run of a statement, the garbage collector on as in earnest."""
    timer = Timer(statement, timer=time.process_time, setup="gc.enable()", globals=names)
    number = 1
    while (took := timer.timeit(number)) < ms / 4_000:
        number *= 4
    number = max(int(number * ms / 1_000 / max(took, 1e-9)), 1)
    return timer.timeit(number) / number * 1e6
