"""Judges a crash test by the paper chain's ledger and by every journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from cambist.bootstrap import CHAIN_FILE, STORE_FILE
from cambist.paper.chain_ledger import executions
from cambist.stores.sqlite.maintenance import audit

OPEN: Final = frozenset(("pending", "routing", "building", "submitted"))
CONFIRMED: Final = "confirmed"


class ReportedOrder(NamedTuple):
    """An order as the engine tells it at the end."""

    key: str | None
    status: str


class Verdict(NamedTuple):
    """What became of the orders. The promise is kept when `broken` is empty."""

    orders: int
    executed_once: int
    executed_twice: int
    lost: int
    broken: tuple[str, ...]


def executed(home: Path) -> Counter[str]:
    """Return how often each order was executed, by the chain's own file."""
    path = home / CHAIN_FILE
    if not path.exists():
        return Counter()
    return Counter(execution.order_id for execution in executions(path) if execution.fault is None)


def judge(home: Path, accepted: Mapping[str, str], stored: Mapping[str, ReportedOrder]) -> Verdict:
    """Return the verdict; `accepted` maps each key to the id its sender was told."""
    moved = executed(home)
    lost = [order_id for order_id in accepted.values() if order_id not in stored]
    broken = [f"lost: {order_id} was accepted and is not stored" for order_id in lost]
    keys = Counter(order.key for order in stored.values() if order.key is not None)
    broken += [
        f"twice: the key {key} made {count} orders" for key, count in keys.items() if count > 1
    ]
    for order_id, order in stored.items():
        times = moved[order_id]
        if times > 1:
            broken.append(f"twice: {order_id} was executed {times} times")
        elif order.status in OPEN:
            broken.append(f"open: {order_id} is still {order.status}")
        elif (order.status == CONFIRMED) != (times == 1):
            broken.append(f"untrue: {order_id} is {order.status} and was executed {times} times")
    broken += [f"unknown: {order_id} was executed" for order_id in moved if order_id not in stored]
    report = audit(home / STORE_FILE)
    broken += [f"journal: {problem.order_id}: {problem.reason}" for problem in report.breaks]
    counts = Counter(moved.values())
    twice = sum(count for times, count in counts.items() if times > 1)
    return Verdict(len(stored), counts[1], twice, len(lost), tuple(broken))
