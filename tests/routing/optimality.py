"""Holds routes to brute force: `python -m tests.routing.optimality --sets 400` prints the table.

A ratio is what the route brings to what the best sharing over up to three pools brings (or the
other way about for exact amounts out). Bytes do not bind here, and swaps cost nothing.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from cambist.faults import Fault
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing.router import GAIN_MIN_HUNDREDTHS, MarketSnapshot, find_route
from cambist.routing.transaction_limits import V0
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL, Address
from cambist.values.token import Pair, Token
from tests.routing.brute_force import ChainedPools, best_alone, best_sharing
from tests.routing.pool_sets import FAMILIES, PoolSet, draw_hub_set, draw_set

PPB = 10**9


class Outcome(NamedTuple):
    """What became of one set. Ratios are in parts per billion; None: no route, or no optimum."""

    family: str
    seed: int
    sharing: int | None
    routed: int | None
    alone: int | None
    units_off: int
    has_optimum: bool


def judge(family: str, seed: int) -> Outcome:
    """Route one set and hold it to brute force."""
    drawn = draw_set(family, seed)
    best = best_sharing(drawn.pools, drawn.mint_in, drawn.mode, drawn.amount)
    alone = best_alone(drawn.pools, drawn.mint_in, drawn.mode, drawn.amount)
    optimum = None if best is None else best.other
    free, default = _routed(drawn, 0), _routed(drawn, GAIN_MIN_HUNDREDTHS)
    ratio = partial(_ratio, drawn.mode == "exact_in")
    off = abs(free - optimum) if free is not None and optimum is not None else 0
    return Outcome(
        family,
        seed,
        ratio(free, optimum),
        ratio(default, optimum),
        ratio(default, alone),
        off,
        optimum is not None,
    )


def _routed(drawn: PoolSet, gain: int) -> int | None:
    pool = drawn.pools[0]
    a, b = _token(pool.mint_a), _token(pool.mint_b)
    pair = Pair(a, b) if drawn.mint_in == pool.mint_a else Pair(b, a)
    intent = Intent("market", LOCAL, pair, drawn.mode, RawAmount(drawn.amount), Terms(Bps(50)))
    route = find_route(intent, MarketSnapshot(drawn.pools, envelope=V0, gain_min_hundredths=gain))
    if isinstance(route, Fault):
        return None
    return int(route.amount_out if drawn.mode == "exact_in" else route.amount_in)


def _token(mint: Address) -> Token:
    return Token(mint[:4].upper(), mint, 6)


def _ratio(exact_in: bool, got: int | None, best: int | None) -> int | None:
    if got is None or not best:
        return None
    return got * PPB // best if exact_in else best * PPB // got


HUB = "off-market direct pools and a hub"


def judge_hub(seed: int) -> Outcome:
    """Route one set with a hub, and hold it to brute force over the direct pools and all pairs."""
    drawn = draw_hub_set(seed)
    chained = [
        ChainedPools(first, second, drawn.mints[:2])
        for first in drawn.firsts
        for second in drawn.seconds
    ]
    pools = [*drawn.direct, *chained]
    best = best_sharing(pools, drawn.mints[0], drawn.mode, drawn.amount)  # type: ignore[arg-type]
    alone = best_alone(drawn.direct, drawn.mints[0], drawn.mode, drawn.amount)
    optimum = None if best is None else best.other
    pair = Pair(_token(drawn.mints[0]), _token(drawn.mints[2]))
    intent = Intent("market", LOCAL, pair, drawn.mode, RawAmount(drawn.amount), Terms(Bps(50)))
    hubs = {drawn.mints[1]: (drawn.firsts, drawn.seconds)}
    found = []
    for gain in (0, GAIN_MIN_HUNDREDTHS):
        route = find_route(
            intent, MarketSnapshot(drawn.direct, hubs, envelope=V0, gain_min_hundredths=gain)
        )
        known = None if isinstance(route, Fault) else route
        exact_in = drawn.mode == "exact_in"
        found.append(known and int(known.amount_out if exact_in else known.amount_in))
    ratio = partial(_ratio, drawn.mode == "exact_in")
    free, default = ratio(found[0], optimum), ratio(found[1], optimum)
    return Outcome(HUB, seed, free, default, ratio(found[1], alone), 0, optimum is not None)


def table(outcomes: list[Outcome]) -> str:
    """Return the figures by family, as a table."""
    lines = [
        "| family | sets | sharing: min / p10 / median | as routed: min / p10 / median | "
        "no route though one exists | worse than one pool |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for family in (*FAMILIES, HUB):
        of_family = [
            outcome for outcome in outcomes if outcome.family == family and outcome.has_optimum
        ]
        if not of_family:
            continue
        missing = sum(one.sharing is None for one in of_family)
        worse = sum(one.alone is not None and one.alone < PPB for one in of_family)
        lines.append(
            f"| {family} | {len(of_family)} | {_spread([one.sharing for one in of_family])} | "
            f"{_spread([one.routed for one in of_family])} | {missing} | {worse} |"
        )
    return "\n".join(lines)


def _spread(ratios: list[int | None]) -> str:
    known = sorted(ratio for ratio in ratios if ratio is not None)
    if not known:
        return "none"
    told = (known[0], known[len(known) // 10], known[len(known) // 2])
    return " / ".join(f"{event / PPB:.7f}" for event in told)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=400, help="sets of each family")
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--family", choices=(*FAMILIES, HUB))
    chosen = parser.parse_args()
    families = [chosen.family] if chosen.family else (*FAMILIES, HUB)
    asked = [
        (family, seed)
        for family in families
        for seed in range(chosen.first, chosen.first + chosen.sets)
    ]
    with ProcessPoolExecutor(chosen.jobs) as pool:
        outcomes = list(pool.map(_judge, asked, chunksize=8))
    print(table(outcomes))
    solved = [outcome for outcome in outcomes if outcome.has_optimum]
    for one in sorted(solved, key=lambda one: one.sharing or 0)[:8]:
        print(f"lowest: {one}")


def _judge(asked: tuple[str, int]) -> Outcome:
    family, seed = asked
    return judge_hub(seed) if family == HUB else judge(family, seed)


if __name__ == "__main__":
    main()
