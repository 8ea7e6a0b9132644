"""Times quotes beside those of the venues' own SDKs, and routes: `python -m bench.quotes`.

Both sides get the same pools and amounts in the same run, and have to tell the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench import reference_sdks
from bench.host_info import name_machine
from bench.quote_timing import crossing, each_us, first_us, route_us
from bench.reference_sdks import Question, ours
from bench.report import Reading, put, rows, write_number
from bench.sample_pools import made, many_ticks, market, site

TIMES: Final = 5
QUICK_MS: Final = 10
MS: Final = 200
BARE, WHOLE, SDK = "bare", "whole", "sdk"
NAMES: Final = {
    "cpmm": "Raydium CPMM",
    "amm_v4": "Raydium AMM v4",
    "clmm": "Raydium CLMM",
    "dlmm": "Meteora DLMM",
    "damm_v2": "Meteora DAMM v2",
    "damm_v1": "Meteora DAMM v1",
}
STEPS: Final = {"clmm": "ticks", "dlmm": "bins"}
AIMS_US: Final = {
    "cpmm": (1, 0), "amm_v4": (1, 0), "damm_v2": (3, 0), "clmm": (5, 3), "dlmm": (5, 2),
}  # fmt: skip
"""Microseconds for a quote, and for each tick or bin that it crosses."""
ROUTE_AIM_US: Final = 5_000
CROSSED: Final = (0, 10, 100)
ROUTE_POOLS: Final = (20, 100, 500)
SLOW_SDK_US, SLOW_SDK_TIMES = 15, 5
"""From which cost of an SDK's on a quote is to be so many times as fast."""
_SOL: Final = 10**9


class Asked(NamedTuple):
    """A row of the table: what is asked, and how many ticks or bins the swap crosses."""

    label: str
    question: Question
    crossed: int = 0


Columns = dict[str, list[Reading]]
"""By column: readings with the rows' labels."""


def main(words: Sequence[str] | None = None) -> None:
    """Read the options, measure, and print one table."""
    given = _options().parse_args(words)
    times, ms = (1, QUICK_MS) if given.quick else (given.times, given.ms)
    why = "asked not to" if given.alone else reference_sdks.missing()
    asked = list(questions(CROSSED[:2] if given.quick else CROSSED))
    routes = ROUTE_POOLS[:1] if given.quick else ROUTE_POOLS
    columns: Columns = {BARE: [], WHOLE: [], SDK: []}
    told: dict[str, str] = {}
    for number in range(times):
        print(f"bench: quotes, {number + 1} of {times}", file=sys.stderr)
        measure(asked, ms, columns)
        if why is None:
            told |= compare(asked, ms, columns)
        for count in routes:
            columns[BARE] += route(count, ms)
    text = write(heading(times, why), asked, columns, told)
    print(text)
    if given.markdown is not None:
        put(given.markdown, text, "quotes" if given.markdown.exists() else "")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.quotes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short repetition")
    parser.add_argument("--alone", action="store_true", help="leave the SDKs out")
    parser.add_argument("--times", type=int, default=TIMES, help="repetitions (%(default)s)")
    parser.add_argument("--ms", type=int, default=MS, help="how long each loop runs (%(default)s)")
    parser.add_argument("--markdown", type=Path, help="also write the table into this file")
    return parser


def questions(crossed: Iterable[int] = CROSSED) -> Iterator[Asked]:
    """Yield what is asked, program by program."""
    counts = tuple(crossed)
    for program, name in NAMES.items():
        where = site(f"quoted {program}")
        pool = many_ticks(where) if program == "clmm" else made(program, where)
        for mode in ("exact_in", "exact_out"):
            if mode == "exact_out" and program == "damm_v1":
                continue  # the program knows none
            said = f"{name}, {mode.replace('_', ' ')}"
            if program not in STEPS:
                amount = 10 * _SOL if mode == "exact_in" else 1_500 * 10**6
                yield Asked(said, Question(pool, mode, amount))
                continue
            for count in counts:
                question = Question(pool, mode, crossing(pool, mode, count))
                yield Asked(f"{said}, {count} {STEPS[program]} crossed", question, count)


def measure(asked: Sequence[Asked], ms: int, columns: Columns) -> None:
    """Time our half: the amount alone, the whole swap, and the amount of a pool never asked."""
    for label, question, _ in asked:
        columns[BARE].append(Reading(label, each_us(question, ms, whole=False)))
        columns[WHOLE].append(Reading(label, each_us(question, ms, whole=True)))
        if question.pool.program in STEPS:
            columns[BARE].append(Reading(_first(label), first_us(question, ms)))


def compare(asked: Sequence[Asked], ms: int, columns: Columns) -> dict[str, str]:
    """Time the SDKs' half, and return where they tell other amounts than the pools."""
    differing: dict[str, str] = {}
    answers = reference_sdks.ask([request.question for request in asked], ms)
    for (label, question, _), answer in zip(asked, answers, strict=True):
        columns[SDK].append(Reading(label, None if answer.why else answer.us, answer.why))
        apart = answer.told - ours(question)
        if apart and not answer.why:
            differing[label] = f"tells {apart:+} raw units"
    return differing


def route(count: int, ms: int) -> list[Reading]:
    """Time a route over so many pools: asked again, and when all were just decoded."""
    pools = market(count)
    again, first = route_us(pools, ms)
    label = f"route over {count} pools of mixed programs"
    return [Reading(label, again), Reading(_first(label), first)]


def _first(label: str) -> str:
    return f"{label}, just decoded"


def heading(times: int, why: str | None) -> str:
    """Return the line above the table."""
    said = f"{name_machine()}; {times} {'repetition' if times == 1 else 'repetitions'}."
    half = (
        "The SDKs run in node, in turn with us, each after a warm-up as long as what is measured."
        if why is None
        else f"Our half alone, without the SDKs: {why}."
    )
    return f"{said} {half}"


def write(head: str, asked: Sequence[Asked], columns: Columns, told: dict[str, str]) -> str:
    """Write the table: a row for each question, and what was aimed at."""
    texts = {name: {row.label: row.text for row in rows(some)} for name, some in columns.items()}
    middles = {name: _medians(some) for name, some in columns.items()}
    aims = dict(_aims(asked))
    lines = [
        "| microseconds of CPU, median (min - max) | the amount alone | the whole swap | the SDK "
        "| SDK / amount | aim |",
        "|---|---|---|---|---|---|",
    ]
    for label in texts[BARE]:
        bare, theirs = middles[BARE][label], middles[SDK].get(label.removesuffix(_first("")))
        cells = [texts[name].get(label, "") for name in (BARE, WHOLE, SDK)]
        if label in told:
            cells[-1] += f"; {told[label]}"
        ratio = f"{write_number(theirs / bare)}x" if theirs else ""
        cells += [ratio, _verdict(bare, theirs, aims.get(label))]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines += [_slope(asked, middles, program) for program in STEPS]
    return "\n".join((head, "", *lines, ""))


def _medians(readings: Iterable[Reading]) -> dict[str, float]:
    kept: dict[str, list[float]] = {}
    for label, value, _ in readings:
        if value is not None:
            kept.setdefault(label, []).append(value)
    return {label: median(values) for label, values in kept.items()}


def _aims(asked: Sequence[Asked]) -> Iterator[tuple[str, float]]:
    for label, question, crossed in asked:
        base, step = AIMS_US.get(question.pool.program, (0, 0))
        if base:
            yield label, base + step * crossed
            yield _first(label), base + step * crossed
    for count in ROUTE_POOLS:
        if count == ROUTE_POOLS[-1]:
            label = f"route over {count} pools of mixed programs"
            yield label, ROUTE_AIM_US
            yield _first(label), ROUTE_AIM_US


def _verdict(bare: float, theirs: float | None, aim: float | None) -> str:
    said = []
    if aim is not None:
        said.append(f"under {write_number(aim)}: {'met' if bare < aim else 'MISSED'}")
    if theirs and theirs > SLOW_SDK_US:
        met = theirs >= SLOW_SDK_TIMES * bare
        said.append(f"{SLOW_SDK_TIMES}x: {'met' if met else 'MISSED'}")
    return "; ".join(said)


def _slope(asked: Sequence[Asked], middles: dict[str, dict[str, float]], program: str) -> str:
    """Write what each tick or bin more costs, between the fewest and the most that were crossed."""
    found = [
        request
        for request in asked
        if request.question.pool.program == program and request.question.mode == "exact_in"
    ]
    (near, _, few), (far, _, many) = found[0], found[-1]
    costs = [
        (at[far_label] - at[near_label]) / (many - few) if near_label in at else None
        for at, near_label, far_label in (
            (middles[BARE], _first(near), _first(far)),
            (middles[WHOLE], near, far),
            (middles[SDK], near, far),
        )
    ]
    cells = ["" if cost is None else write_number(round(cost, 3)) for cost in costs]
    bare, theirs = costs[0], costs[2]
    ratio = f"{write_number(theirs / bare)}x" if theirs and bare else ""
    _, step = AIMS_US[program]
    verdict = _verdict(bare or 0, None, step)
    each = STEPS[program].removesuffix("s")
    label = f"{NAMES[program]}, each {each} crossed, just decoded"
    return f"| {label} | {' | '.join(cells)} | {ratio} | {verdict} |"


if __name__ == "__main__":
    main()
