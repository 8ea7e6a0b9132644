"""Times `find` and decoding in one checkout: tasks come line by line, and their figures go back.

`bench.find` runs this file with the checkout's sources first on the path. It imports nothing else
of this folder, and of the sources only what older ones have too.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import cambist
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing.router import MarketSnapshot, find_route
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL, Address
from cambist.values.route import Route
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC, Pair
from cambist.venues.registry import PROGRAMS
from cambist.venues.snapshot import Account, ChainTime, Snapshot

RUNS_MAX: Final = 40
BUDGET_NS: Final = 60_000_000
"""Runs of one task end after so much of the processor's time; one is always made."""

Encoded = tuple[str, Address, dict[Address, Account]]
"""A pool as it is read: its program, its address, its accounts."""


class Worker:
    """The pools of each market as bytes, and those that were decoded to be asked again."""

    def __init__(self, told: dict[str, Any]) -> None:
        slot, unix_s, epoch = told["time"]
        self._now = ChainTime(Slot(slot), unix_s, epoch)
        self._next = ChainTime(Slot(slot + 1), unix_s, epoch)
        self._markets = [
            [_pool(pool_record) for pool_record in market] for market in told["markets"]
        ]
        self._known: dict[tuple[int, int], list[Any]] = {}
        self._asked: Sequence[Any] = ()

    def measure(self, task: dict[str, Any]) -> float:
        """Return the microseconds of one run of a task: the median of some."""
        number, count, changed = task["market"], task["pools"], task["changed"]
        encoded = self._markets[number][:count]
        runs: dict[str, Callable[[], int]] = {
            "known": lambda: self._find(self._decoded_once(number, count), task["sol"]),
            "fresh": lambda: self._find(self._decoded(encoded), task["sol"]),
            "next slot": lambda: self._find(
                self._one_slot_on(number, count, changed)[0], task["sol"]
            ),
            "decode": lambda: self._decode(encoded),
            "decode next slot": lambda: self._one_slot_on(number, count, changed)[1],
        }
        run = runs[task["what"]]
        if task["what"] in {"known", "next slot"}:
            self._find(self._decoded_once(number, count), task["sol"])
        gc.collect()
        took: list[int] = []
        while not took or (sum(took) < BUDGET_NS and len(took) < RUNS_MAX):
            took.append(run())
        return median(took) / 1_000

    def _decoded(self, encoded: Sequence[Encoded], time: ChainTime | None = None) -> list[Any]:
        now = time or self._now
        return [
            PROGRAMS[program].decode(address, Snapshot(accounts, now))
            for program, address, accounts in encoded
        ]

    def _decoded_once(self, number: int, count: int) -> list[Any]:
        if (number, count) not in self._known:
            self._known[number, count] = self._decoded(self._markets[number][:count])
        return self._known[number, count]

    def _decode(self, encoded: Sequence[Encoded]) -> int:
        begin = time.process_time_ns()
        self._decoded(encoded)
        return time.process_time_ns() - begin

    def _one_slot_on(self, number: int, count: int, changed: int) -> tuple[list[Any], int]:
        """Decode the pools a slot changed, put the others under its clock; how long it took."""
        before = self._decoded_once(number, count)
        every = count // changed
        encoded = self._markets[number][:count:every]
        begin = time.process_time_ns()
        pools = [pool.at(self._next) for pool in before]
        pools[::every] = self._decoded(encoded, self._next)
        return pools, time.process_time_ns() - begin

    def _find(self, pools: Sequence[Any], sol: int) -> int:
        amount = RawAmount(sol * 10**SOL.decimals)
        intent = Intent("market", LOCAL, Pair(SOL, USDC), "exact_in", amount, Terms(Bps(50)))
        offered = MarketSnapshot(pools, programs=PROGRAMS)
        if pools is not self._asked:
            gc.collect()  # what decoding made is not this route's to go through
        begin = time.process_time_ns()
        found = find_route(intent, offered)
        took = time.process_time_ns() - begin
        self._asked = pools  # those before are freed now, and not while the clock runs
        if not isinstance(found, Route):
            raise LookupError(found.message)  # noqa: TRY004 -- no route is no wrong type
        return took


def _pool(told: list[Any]) -> Encoded:
    program, address, accounts = told
    read = (Account(Address(at), Address(owner), b64decode(data)) for at, owner, data in accounts)
    return program, Address(address), {account.address: account for account in read}


def answers(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield where the sources are, then what each task took, or why it could not be measured."""
    worker = Worker(json.loads(Path(next(lines).strip()).read_bytes()))
    yield {"sources": str(Path(cambist.__file__).parents[1])}
    for line in lines:
        try:
            yield {"us": worker.measure(json.loads(line))}
        except Exception as error:  # noqa: BLE001 -- it is told in the table
            yield {"us": None, "why": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    for answer in answers(sys.stdin):
        print(json.dumps(answer), flush=True)
