"""Adds up many runs, and says what they came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from tests.simulation.run import Outcome


class Bad(NamedTuple):
    """A run that broke a promise, with the story of the order it broke it for."""

    seed: int
    violations: tuple[str, ...]
    story: str


class Tally(NamedTuple):
    """What some runs came to."""

    seeds: int
    struck: Counter[str]
    orders: Counter[str]
    steps: int
    seconds: float
    bad: tuple[Bad, ...]


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Add runs up."""
    struck, orders, bad = Counter[str](), Counter[str](), list[Bad]()
    seeds = steps = 0
    seconds = 0.0
    for outcome in outcomes:
        seeds, steps, seconds = seeds + 1, steps + outcome.steps, seconds + outcome.seconds
        struck += outcome.struck
        orders += outcome.orders
        if outcome.violations:
            bad.append(tell(outcome))
    return Tally(seeds, struck, orders, steps, seconds, tuple(bad))


def tell(outcome: Outcome) -> Bad:
    """Tell what a bad run did, as people read it."""
    first = outcome.violations[0]
    said = tuple(str(violation) for violation in outcome.violations)
    return Bad(outcome.seed, said, outcome.diary.story(first.order))


def add(one: Tally, other: Tally) -> Tally:
    """Add two sums up."""
    return Tally(
        one.seeds + other.seeds,
        one.struck + other.struck,
        one.orders + other.orders,
        one.steps + other.steps,
        one.seconds + other.seconds,
        (*one.bad, *other.bad),
    )


def lines(total: Tally, took_s: float) -> list[str]:
    """Write a sum for people."""
    seeds = max(total.seeds, 1)
    faults = sum(total.struck.values())
    orders = sum(total.orders.values())
    said = [
        f"{total.seeds:,} seeds in {took_s:,.0f} s: {seeds / max(took_s, 0.001):.1f} seeds/s",
        f"{total.seconds / 3_600:,.1f} virtual hours, {total.steps:,} callbacks",
        f"{orders:,} orders: {_shares(total.orders)}",
        f"{faults:,} faults, {faults / seeds:.1f} a seed:",
    ]
    said += [f"  {many / seeds:>8.2f}  {name}" for name, many in total.struck.most_common()]
    return [*said, f"{len(total.bad)} seeds with violations"]


def _shares(counted: Counter[str]) -> str:
    return ", ".join(f"{many:,} {name}" for name, many in counted.most_common())
