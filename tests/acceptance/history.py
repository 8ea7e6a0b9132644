"""Records what clients asked and were told, and looks for what no correct engine could have said.

Every call has two instants on one count: when it was made, and when it was answered. A call that
was not answered may have been carried out at any time since, or never.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

CLOSED = frozenset(("confirmed", "failed", "cancelled", "expired"))
NEVER = 1 << 62


class Call(NamedTuple):
    """One call of one client, and its answer: `ok`, refused (`fail`), or unknown (`info`).

    `about` is the key of a `place` and the order of a `cancel` or a `read`. `word` is the order a
    place was answered with, the answer to a cancel, the status read. `number` is the seq that was
    read, or the total a `list` told; `body` the bytes of a place's answer.
    """

    client: int
    what: Literal["place", "cancel", "read", "list"]
    about: str
    began: int
    ended: int = NEVER
    how: Literal["ok", "fail", "info"] = "info"
    word: str = ""
    number: int = 0
    body: bytes = b""


class Truth(NamedTuple):
    """What stands at the end: orders of each key, the status of each order, how often the chain
    executed it, its journal; and what each listener heard of it."""

    orders: Mapping[str, Sequence[str]]
    status: Mapping[str, str]
    executed: Mapping[str, int]
    journals: Mapping[str, Sequence[bytes]]
    heard: Mapping[str, Sequence[bytes]]


class Recorder:
    """The one count of instants, and the calls as they end."""

    def __init__(self) -> None:
        self._now = 0
        self.calls: list[Call] = []

    def tick(self) -> int:
        """Return the next instant."""
        self._now += 1
        return self._now

    def note(self, call: Call) -> None:
        """Keep a call that was answered, or never will be."""
        self.calls.append(call)


def check(calls: Sequence[Call], truth: Truth) -> list[str]:
    """Return everything that is wrong with a history."""
    return [
        *_keys(calls, truth),
        *_endings(calls, truth),
        *_reads(calls),
        *_totals(calls),
        *_streams(truth),
    ]


def _keys(calls: Iterable[Call], truth: Truth) -> Iterator[str]:
    """A key has one order, whoever asks and however often, and one answer to the byte."""
    told: dict[str, set[tuple[str, bytes]]] = defaultdict(set)
    for call in calls:
        if call.what == "place" and call.how == "ok":
            told[call.about].add((call.word, call.body))
    for key, answers in told.items():
        if len(answers) > 1:
            yield f"key {key}: {len(answers)} different answers"
        for order_id, _ in answers:
            if order_id not in truth.orders.get(key, ()):
                yield f"key {key}: {order_id} was told and is not there"
    for key, orders in truth.orders.items():
        if len(orders) > 1:
            yield f"key {key}: {len(orders)} orders"


def _endings(calls: Iterable[Call], truth: Truth) -> Iterator[str]:
    """Of cancel and execution one wins, and both sides are told so."""
    for call in calls:
        if call.what != "cancel" or call.how != "ok":
            continue
        status = truth.status.get(call.about, "nowhere")
        if call.word == "cancelled" and status != "cancelled":
            yield f"order {call.about}: called cancelled, and it is {status}"
        if call.word == "too_late" and status == "cancelled":
            yield f"order {call.about}: too late to cancel, and it is cancelled"
    for order_id, status in truth.status.items():
        times = truth.executed.get(order_id, 0)
        if status not in CLOSED:
            yield f"order {order_id}: still {status}"
        elif times != (status == "confirmed"):
            yield f"order {order_id}: {status}, and executed {times} times"


def _reads(calls: Iterable[Call]) -> Iterator[str]:
    """What one client was told, no client is told less of later; a closed order stays as it is."""
    by_order: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.how == "ok" and call.what == "read":
            by_order[call.about].append(call)
    for order_id, reads in by_order.items():
        ended = sorted(reads, key=lambda one: one.ended)
        most, closed, passed = 0, "", 0
        for call in sorted(reads, key=lambda one: one.began):
            while ended[passed].ended < call.began:
                most = max(most, ended[passed].number)
                closed = ended[passed].word if ended[passed].word in CLOSED else closed
                passed += 1
            if call.number < most:
                yield f"order {order_id}: seq {call.number} was read after {most}"
            if closed and call.word != closed:
                yield f"order {order_id}: {call.word} was read after {closed}"


def _totals(calls: Sequence[Call]) -> Iterator[str]:
    """A count of orders has all that were answered before it, and none that was asked for after."""
    places = [call for call in calls if call.what == "place"]
    first: dict[str, int] = {}
    known: dict[str, int] = {}
    for call in places:
        first[call.about] = min(first.get(call.about, NEVER), call.began)
        if call.how == "ok":
            known[call.about] = min(known.get(call.about, NEVER), call.ended)
    for call in calls:
        if call.what != "list" or call.how != "ok":
            continue
        least = sum(ended < call.began for ended in known.values())
        most = sum(began < call.ended for began in first.values())
        if not least <= call.number <= most:
            yield f"a list told {call.number} orders, and there were {least} to {most}"


def _streams(truth: Truth) -> Iterator[str]:
    """What a listener heard is how the journal begins."""
    for order_id, heard in truth.heard.items():
        journal = list(truth.journals.get(order_id, ()))
        if list(heard) != journal[: len(heard)]:
            yield f"order {order_id}: what was heard is not how its journal begins"
