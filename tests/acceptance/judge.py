"""Judges a home after a storm, by the paper chain's own file and the store's journals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from cambist.paper.chain_ledger import executions
from tests.acceptance.stored_orders import Books, read_file


class Verdict(NamedTuple):
    """What became of the orders. A promise is broken when `broken` is not empty."""

    orders: int
    confirmed: int
    failed: int
    cancelled: int
    attempts: int
    executed: int
    lost: int
    twice: int
    broken: tuple[str, ...]


def judge(home: Path, accepted: dict[str, str], cancelled: Collection[str] = ()) -> Verdict:
    """Return the verdict on every order of a home's own file.

    `accepted` maps each key to the id its sender was told; `cancelled` are the orders whose
    senders were told that they are cancelled.
    """
    return weigh(read_file(home), home, accepted, cancelled)


def weigh(
    books: Books, home: Path, accepted: dict[str, str], cancelled: Collection[str] = ()
) -> Verdict:
    """Hold what a store says to what senders were told, and to the chain's file in the home."""
    broken: list[str] = []
    stored, landed, signed = books.stored, books.landed, books.signed
    lost = [order_id for order_id in accepted.values() if order_id not in stored]
    broken += [f"lost: {order_id} was accepted and is not stored" for order_id in lost]
    for key, count in Counter(key for key, _ in stored.values()).items():
        if key is not None and count > 1:
            broken.append(f"the key {key} made {count} orders")
    done = executions(home / "paper-chain.db")
    moved = Counter(one.order_id for one in done if one.fault is None)
    by_signature = {one.signature: one for one in done}
    broken += [
        f"sent without a record: {one.signature}" for one in done if one.signature not in signed
    ]
    for order_id, (_, status) in stored.items():
        times = moved.get(order_id, 0)
        if times > 1:
            broken.append(f"twice: {order_id} was executed {times} times")
        if status == "confirmed" and (
            times != 1 or by_signature[landed[order_id]].order_id != order_id
        ):
            broken.append(f"untrue: {order_id} is confirmed and was executed {times} times")
        if status in ("failed", "cancelled", "expired") and times:
            broken.append(f"untrue: {order_id} is {status} and was executed")
        if status not in ("confirmed", "failed", "cancelled", "expired"):
            broken.append(f"open: {order_id} is still {status}")
    broken += [
        f"untrue: {order_id} was called cancelled and is {stored[order_id][1]}"
        for order_id in cancelled
        if order_id in stored and stored[order_id][1] != "cancelled"
    ]
    broken += [
        f"unknown: {order_id} was executed and is not stored"
        for order_id in moved
        if order_id not in stored
    ]
    broken += [f"journal: {problem}" for problem in books.breaks]
    statuses = Counter(status for _, status in stored.values())
    return Verdict(
        len(stored),
        statuses["confirmed"],
        statuses["failed"],
        statuses["cancelled"],
        len(done),
        sum(moved.values()),
        len(lost),
        sum(times > 1 for times in moved.values()),
        tuple(broken),
    )
