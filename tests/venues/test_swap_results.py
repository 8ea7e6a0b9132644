"""Hold what a swap does to being computed when it is used, once, and to comparing by figures."""

from __future__ import annotations

import pytest

from bench.sample_pools import made, site
from cambist.values.ids import Address
from cambist.values.token import SOL
from cambist.venues.pool import Fees, Pool, SwapResult
from cambist.venues.registry import PROGRAMS


def _result(end: Pool, touched: tuple[Address, ...] = ()) -> SwapResult:
    return SwapResult(1, 2, Fees(1), None, lambda: end, lambda: touched)


def test_the_pool_afterwards_is_computed_once_and_only_when_it_is_used() -> None:
    asked: list[str] = []
    pool = made("cpmm", site("one"))

    def end() -> Pool:
        asked.append("end")
        return pool

    def touched() -> tuple[Address, ...]:
        asked.append("touched")
        return (pool.address,)

    swap = SwapResult(1, 2, Fees(1), None, end, touched)
    assert not asked
    assert swap.end is swap.end is pool
    assert swap.touched is swap.touched == (pool.address,)
    assert asked == ["end", "touched"]


def test_results_are_equal_where_all_figures_are() -> None:
    one, two = made("cpmm", site("one")), made("cpmm", site("two"))
    assert _result(one) == _result(made("cpmm", site("one")))
    assert _result(one) != _result(two)
    assert _result(one) != _result(one, (one.address,))
    assert _result(one) != 1


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_swap_twice_is_the_same_and_another_is_not(program: str) -> None:
    pool = made(program, site("one"))
    first, second = (pool.swap(SOL.mint, "exact_in", 10**9) for _ in range(2))
    assert first == second
    assert first != pool.swap(SOL.mint, "exact_in", 10**9 + 1)
    assert first.end != pool
