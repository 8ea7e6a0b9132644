"""Finds the best sharing of an amount by trying: all subsets of up to three pools, in integers.

It shares no code with the router. Each subset starts on a grid; then raw units change places in
steps that halve, until not even a single unit gains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise, permutations
from typing import NamedTuple

from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.venues.pool import Pool, SwapResult
from cambist.venues.snapshot import PoolRejected

SUBSET_MAX = 3
BPS, HOP_BPS = 10_000, 5
GRID = {1: 1, 2: 40, 3: 14}
IMPACT_MAX_HUNDREDTHS = 500_000
STARTS = 3


class Best(NamedTuple):
    """What the best sharing brings (exact_in) or costs (exact_out), and the parts by pool."""

    other: int
    parts: tuple[tuple[int, int], ...]


def best_sharing(
    pools: Sequence[Pool], mint_in: Address, mode: SwapMode, amount: int
) -> Best | None:
    """Return the best sharing within the impact limit, or None where no three pools carry it."""
    found: Best | None = None
    asks = [_ask(pool, mint_in, mode) for pool in pools]
    for count in range(1, min(SUBSET_MAX, len(pools)) + 1):
        for chosen in combinations(range(len(pools)), count):
            moved = [address for at in chosen for address in _moved(pools[at])]
            if len(set(moved)) < len(moved):
                continue  # a pool that two paths move is not quoted alone
            best = _best_of([asks[at] for at in chosen], mode, amount)
            if best is None or (found is not None and not _is_better(best[0], found.other, mode)):
                continue
            parts = tuple(zip(chosen, best[1], strict=True))
            if all(_is_within(pools[at], mint_in, mode, part) for at, part in parts):
                found = Best(best[0], parts)
    return found


def best_alone(pools: Sequence[Pool], mint_in: Address, mode: SwapMode, amount: int) -> int | None:
    """Return what the best single pool within the impact limit brings or costs."""
    told = [
        other
        for pool in pools
        if (other := _ask(pool, mint_in, mode)(amount)) and _is_within(pool, mint_in, mode, amount)
    ]
    return (max if mode == "exact_in" else min)(told, default=None)


def _moved(pool: Pool) -> tuple[Address, ...]:
    return pool.moved if isinstance(pool, ChainedPools) else (pool.address,)


def capacity(pool: Pool, mint_in: Address, mode: SwapMode) -> int:
    """Return about the greatest amount that a pool carries within the impact limit; 0: none."""
    powers = [1 << bit for bit in range(63) if _is_within(pool, mint_in, mode, 1 << bit)]
    low = max(powers, default=0)
    high = 2 * low
    while high - low > max(low >> 10, 1):
        middle = (low + high) // 2
        if _is_within(pool, mint_in, mode, middle):
            low = middle
        else:
            high = middle
    return low


def _ask(pool: Pool, mint_in: Address, mode: SwapMode) -> Callable[[int], int]:
    known: dict[int, int] = {}
    ask = pool.amount_out if mode == "exact_in" else pool.amount_in

    def asked(amount: int) -> int:
        if amount not in known:
            known[amount] = ask(mint_in, amount)
        return known[amount]

    return asked


def _is_within(pool: Pool, mint_in: Address, mode: SwapMode, amount: int) -> bool:
    try:
        impact = pool.swap(mint_in, mode, amount).impact_hundredths
    except PoolRejected:
        return False
    return impact is None or impact <= IMPACT_MAX_HUNDREDTHS


def _is_better(one: int, other: int, mode: SwapMode) -> bool:
    return one > other if mode == "exact_in" else one < other


def _best_of(
    asks: Sequence[Callable[[int], int]], mode: SwapMode, amount: int
) -> tuple[int, tuple[int, ...]] | None:
    grid = GRID[len(asks)]
    starts = []
    for parts in _grid(len(asks), grid, amount):
        other = _value(asks, parts)
        if other:
            starts.append((other, parts))
    starts.sort(key=lambda start: -start[0] if mode == "exact_in" else start[0])
    best: tuple[int, tuple[int, ...]] | None = None
    for other, parts in starts[:STARTS]:
        refined = _refined(asks, mode, (other, parts), max(amount // grid, 1))
        if best is None or _is_better(refined[0], best[0], mode):
            best = refined
    return best


def _grid(count: int, steps: int, amount: int) -> Iterator[tuple[int, ...]]:
    if count == 1:
        yield (amount,)
        return
    for cuts in combinations(range(1, steps), count - 1):
        edges = (0, *(amount * cut // steps for cut in cuts), amount)
        parts = tuple(high - low for low, high in pairwise(edges))
        if min(parts) > 0:
            yield parts


def _value(asks: Sequence[Callable[[int], int]], parts: Sequence[int]) -> int:
    """Return what the parts bring or cost together; 0 where one of them is refused."""
    told = [ask(part) for ask, part in zip(asks, parts, strict=True)]
    return sum(told) if all(told) else 0


def _refined(
    asks: Sequence[Callable[[int], int]],
    mode: SwapMode,
    start: tuple[int, tuple[int, ...]],
    step: int,
) -> tuple[int, tuple[int, ...]]:
    best = start
    while step:
        moved = False
        for source, target in permutations(range(len(asks)), 2):
            parts = list(best[1])
            parts[source] -= step
            parts[target] += step
            if parts[source] <= 0:
                continue
            other = _value(asks, parts)
            if other and _is_better(other, best[0], mode):
                best, moved = (other, tuple(parts)), True
        if not moved:
            step //= 2
    return best


class ChainedPools:
    """Two pools one after another, as a pool to `best_sharing`; the hub's allowance is kept."""

    def __init__(self, first: Pool, second: Pool, mints: tuple[Address, Address]) -> None:
        self._first, self._second, self._mints = first, second, mints
        self.moved = (first.address, second.address)

    def amount_out(self, mint_in: Address, amount: int) -> int:
        middle = self._first.amount_out(mint_in, amount) * (BPS - HOP_BPS) // BPS
        return self._second.amount_out(self._mints[1], middle) if middle else 0

    def amount_in(self, mint_in: Address, amount: int) -> int:
        middle = -(-self._second.amount_in(self._mints[1], amount) * (BPS + HOP_BPS) // BPS)
        return self._first.amount_in(mint_in, middle) if middle else 0

    def swap(self, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
        """Return the swap of the pool that is moved most."""
        if mode == "exact_in":
            one = self._first.swap(mint_in, mode, amount)
            two = self._second.swap(self._mints[1], mode, one.amount_out * (BPS - HOP_BPS) // BPS)
        else:
            two = self._second.swap(self._mints[1], mode, amount)
            one = self._first.swap(mint_in, mode, -(-two.amount_in * (BPS + HOP_BPS) // BPS))
        return max(one, two, key=lambda swap: swap.impact_hundredths or 0)
