"""Compares routes with brute force: `python -m tests.routing.optimality --sets 400`.

It prints a table. `--markdown docs/routing.md` also writes the table between the markers of a page.
A ratio is what the route brings to what the best sharing over up to three pools brings (or the
inverse, for exact amounts out). Bytes do not bind here, and swaps cost nothing.
"""

# How a set is counted:
#
# - A set for which brute force finds no sharing has no optimum. It appears in no column.
# - The router leaves out a pool that promises far more than the others (routing/quote_checks.py).
#   Brute force uses such a pool, so the two solve different problems in that set, and its ratio
#   says nothing about the search. These sets have columns of their own, and their ratios are kept
#   apart. That makes the price of the rule visible, too.
# - Where a token has few decimals, a whole order may bring some hundred raw units. A ratio then
#   measures the size of the unit. A set within two raw units of the optimum counts as met: its
#   ratio is counted as 1.

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cambist.faults import Fault
from cambist.optimizer.clearing import SplitRequest
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing.hub_rules import with_hubs
from cambist.routing.paths import FREE, straight, through
from cambist.routing.quote_checks import screen_outliers
from cambist.routing.router import GAIN_MIN_HUNDREDTHS, MarketSnapshot, find_route
from cambist.routing.transaction_limits import V0
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL, Address
from cambist.values.token import Pair, Token
from tests.routing.brute_force import ChainedPools, best_alone, best_sharing
from tests.routing.pool_sets import FAMILIES, HubSet, PoolSet, draw_hub_set, draw_set

PPB = 10**9
UNITS = 2
"""How many raw units a route of few units may miss."""
FEW_DECIMALS = "few decimals"
MARKERS = ("<!-- optimality -->\n", "<!-- /optimality -->\n")


class Outcome(NamedTuple):
    """What became of one set. Ratios are in parts per billion; None: no route, or no optimum."""

    family: str
    seed: int
    sharing: int | None
    routed: int | None
    alone: int | None
    units_off: int
    routed_units_off: int
    has_optimum: bool
    is_screened: bool
    """Whether the router left out a pool or a path as too good to be true."""


def judge(family: str, seed: int) -> Outcome:
    """Route one set and hold it to brute force."""
    drawn = draw_set(family, seed)
    best = best_sharing(drawn.pools, drawn.mint_in, drawn.mode, drawn.amount)
    alone = best_alone(drawn.pools, drawn.mint_in, drawn.mode, drawn.amount)
    optimum = None if best is None else best.other
    free, default = _routed(drawn, 0), _routed(drawn, GAIN_MIN_HUNDREDTHS)
    ratio = partial(_ratio, drawn.mode == "exact_in")
    request = SplitRequest(drawn.mode, drawn.amount, V0.paths_max)
    _, off_market = screen_outliers(straight(drawn.pools, drawn.mint_in, drawn.mode), request)
    return Outcome(
        family,
        seed,
        ratio(free, optimum),
        ratio(default, optimum),
        ratio(default, alone),
        _units_off(free, optimum),
        _units_off(default, optimum),
        optimum is not None,
        bool(off_market),
    )


def _units_off(routed: int | None, optimum: int | None) -> int:
    return abs(routed - optimum) if routed is not None and optimum is not None else 0


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
    return Outcome(
        HUB,
        seed,
        ratio(found[0], optimum),
        ratio(found[1], optimum),
        ratio(found[1], alone),
        _units_off(found[0], optimum),
        _units_off(found[1], optimum),
        optimum is not None,
        _is_hub_screened(drawn),
    )


def _is_hub_screened(drawn: HubSet) -> bool:
    """Whether a direct pool, a pool of a half or a path through the hub is left out."""
    given, hub, _ = drawn.mints
    request = SplitRequest(drawn.mode, drawn.amount, V0.paths_max)
    direct, off_market = screen_outliers(straight(drawn.direct, given, drawn.mode), request)
    halves = straight(drawn.firsts, given, "exact_in"), straight(drawn.seconds, hub, drawn.mode)
    if off_market or any(screen_outliers(half, request)[1] for half in halves):
        return True
    candidates = through(halves, (given, hub), drawn.mode, drawn.amount)
    hubs = {hub: (drawn.firsts, drawn.seconds)}
    kept = with_hubs(direct, hubs, (given, drawn.mints[2]), request, FREE)
    return len(kept) < len(direct) + len(candidates)


HEADS = (
    "family",
    "sets",
    "sharing: min / p10 / median",
    "as routed: min / p10 / median",
    "within two units",
    "no route though one exists",
    "worse than one pool",
    "outlier rule: sets",
    "outlier rule: lowest",
)


def table(outcomes: list[Outcome]) -> str:
    """Return the figures by family, as a table."""
    rows = [HEADS, ("---",) * len(HEADS)]
    for family in (*FAMILIES, HUB):
        solved = [each for each in outcomes if each.family == family and each.has_optimum]
        if solved:
            rows.append(_row(family, solved))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(family: str, solved: list[Outcome]) -> tuple[str, ...]:
    compared = [each for each in solved if not each.is_screened]
    screened = [each.sharing or 0 for each in solved if each.is_screened]
    few = family == FEW_DECIMALS
    close = sum(each.sharing is not None and each.units_off <= UNITS for each in compared)
    return (
        family,
        str(len(compared)),
        _spread([_counted(each.sharing, each.units_off, few) for each in compared]),
        _spread([_counted(each.routed, each.routed_units_off, few) for each in compared]),
        str(close) if few else "",
        str(sum(each.sharing is None for each in compared)),
        str(sum(each.alone is not None and each.alone < PPB for each in compared)),
        str(len(screened)),
        f"{min(screened) / PPB:.7f}" if screened else "",
    )


def _counted(ratio: int | None, units_off: int, few: bool) -> int | None:
    return PPB if few and ratio is not None and ratio < PPB and units_off <= UNITS else ratio


def _spread(ratios: list[int | None]) -> str:
    known = sorted(ratio for ratio in ratios if ratio is not None)
    if not known:
        return "none"
    figures = (known[0], known[len(known) // 10], known[len(known) // 2])
    return " / ".join(f"{figure / PPB:.7f}" for figure in figures)


def write_into(page: Path, sets: int, outcomes: list[Outcome]) -> None:
    """Write the table, and the sentence that says how many sets it has, between the markers."""
    before, rest = page.read_text().split(MARKERS[0])
    _, after = rest.split(MARKERS[1])
    sentence = f"{sets} sets of each family were drawn:"
    body = f"{MARKERS[0]}{sentence}\n\n{table(outcomes)}\n{MARKERS[1]}"
    page.write_text(before + body + after)


def main() -> None:
    """Print the table, and write it into a page where one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=400, help="sets of each family")
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--family", choices=(*FAMILIES, HUB))
    parser.add_argument("--markdown", type=Path, help="page with the markers of the table")
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
    if chosen.markdown is not None:
        write_into(chosen.markdown, chosen.sets, outcomes)
    solved = [outcome for outcome in outcomes if outcome.has_optimum]
    for outcome in sorted(solved, key=lambda outcome: outcome.sharing or 0)[:12]:
        print(f"lowest: {outcome}")


def _judge(asked: tuple[str, int]) -> Outcome:
    family, seed = asked
    return judge_hub(seed) if family == HUB else judge(family, seed)


if __name__ == "__main__":
    main()
