"""Walk every interleaving of the attempt protocol and look for an order that executes twice.

Two workers serve one order on a chain that lags. Leases may be stolen at any moment, a worker may
crash at any point, the chain lands a broadcast transaction at any height up to its last valid one,
and the node we ask may be behind. The walk is breadth first, so the first violation it meets is a
shortest one.

The sound protocol keeps five rules; each mistake in `PROTOCOLS` breaks one or two of them:

1. An attempt is recorded before it is sent.
2. The index: the store refuses a second attempt while one is in flight or has landed.
3. The version check: the store refuses a commit that names an old version.
4. A new attempt is built only after the old one is proven dead.
5. That proof takes height and status from one node at one moment.

Out of its reach, and so not proven by it: forks below finality, more than two workers, cancels,
deadlines, a node that lies.
"""

import gc
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

HEIGHT_MAX = 5
TRANSACTIONS_MAX = 3
CRASHES_MAX = 2
STEALS_MAX = 2
WINDOW_BLOCKS = 1  # a transaction may land up to this many blocks after the height it was built at

Index = Literal["wide", "narrow", "none"]
Proof = Literal["one view", "height alone", "two views"]


@dataclass(frozen=True)
class Protocol:
    """What the engine promises itself; the defaults are the sound protocol."""

    version_check: bool = True
    index: Index = "wide"
    records_first: bool = True
    waits_for_proof: bool = True
    proof: Proof = "one view"


PROTOCOLS = {
    "sound": Protocol(),
    "version check, no index": Protocol(index="none"),
    "wide index, no version check": Protocol(version_check=False),
    "narrow index, no version check": Protocol(version_check=False, index="narrow"),
    "neither version check nor index": Protocol(version_check=False, index="none"),
    "send, then record": Protocol(records_first=False),
    "new attempt while the old is unknown": Protocol(waits_for_proof=False, index="none"),
    "lapse by height alone": Protocol(proof="height alone"),
    "lapse by height and status of different nodes": Protocol(proof="two views"),
}

# Bare tuples and strings: a walk makes millions of worlds and hashes each.
Transaction = tuple[int, int]  # number, last valid height
Landing = tuple[int, int]  # number, height it landed at

INDEXED = {"wide": ("in flight", "landed"), "narrow": ("in flight",), "none": ()}


class Attempt(NamedTuple):
    """A row of the store."""

    number: int
    last_valid: int
    state: str  # in flight | landed | lapsed


class Row(NamedTuple):
    """The order as the store holds it."""

    status: str  # pending | submitted | confirmed
    version: int
    attempts: tuple[Attempt, ...]


class Worker(NamedTuple):
    """What a worker holds in memory: the version it believes in, and what it has yet to send."""

    version: int
    signed: Transaction | None
    recorded: bool


class World(NamedTuple):
    """Everything that can differ between two moments."""

    height: int  # the true finalized height
    node: int  # the height the lagging node has reached
    air: frozenset[Transaction]  # broadcast
    landed: frozenset[Landing]
    row: Row
    workers: tuple[Worker | None, Worker | None]
    crashes: int  # left
    steals: int  # left


Move = tuple[str, World]

START = World(
    0, 0, frozenset(), frozenset(), Row("pending", 0, ()), (None, None), CRASHES_MAX, STEALS_MAX
)


class Verdict(NamedTuple):
    """What a walk found."""

    states: int  # met, until the first violation
    violation: tuple[str, ...] | None  # the moves that execute an order twice


def explore(protocol: Protocol) -> Verdict:
    """Walk the worlds breadth first until none is new, or one executes the order twice."""
    gc.disable()  # millions of tuples and not one cycle: collecting would take half the time
    try:
        return _walk(protocol)
    finally:
        gc.enable()


def _walk(protocol: Protocol) -> Verdict:
    came_from: dict[World, tuple[World, str] | None] = {START: None}
    queue = deque([START])
    while queue:
        world = queue.popleft()
        if len(world.landed) > 1:
            return Verdict(len(came_from), _path(world, came_from))
        if world.row.status == "confirmed" and not world.landed:
            raise RuntimeError(world)
        for name, following in moves(world, protocol):
            if following not in came_from:
                came_from[following] = (world, name)
                queue.append(following)
    return Verdict(len(came_from), None)


def _path(world: World, came_from: dict[World, tuple[World, str] | None]) -> tuple[str, ...]:
    names = []
    while (step := came_from[world]) is not None:
        world, name = step
        names.append(name)
    return tuple(reversed(names))


def moves(world: World, protocol: Protocol) -> Iterator[Move]:
    """Name every next world: the chain moves, or one worker does."""
    yield from _chain(world)
    for me, worker in enumerate(world.workers):
        if worker is None:
            yield from _claim(world, me)
            continue
        if world.crashes:
            yield f"{me} crashes", _with(world, me, None)._replace(crashes=world.crashes - 1)
        if worker.signed is None:
            if _may_build(world.row, protocol):
                yield from _build(world, me, protocol)
            if world.row.status == "submitted":
                yield from _follow(world, me, protocol)
        elif worker.recorded:
            yield _send(world, me, worker.signed)
        else:
            yield _record(world, me, worker.signed, protocol)


def _chain(world: World) -> Iterator[Move]:
    """Grow by a block, let the node catch up, or land what was broadcast."""
    if world.height < HEIGHT_MAX:
        yield "block", world._replace(height=world.height + 1)
    if world.node < world.height:
        yield "node catches up", world._replace(node=world.node + 1)
    done = {number for number, _ in world.landed}
    for number, last_valid in world.air:
        if number not in done and world.height <= last_valid:
            landed = world.landed | {(number, world.height)}
            yield f"tx{number} lands at {world.height}", world._replace(landed=landed)


def _claim(world: World, me: int) -> Iterator[Move]:
    """Take the lease if it is free, or steal it from the other worker."""
    steals = world.workers[1 - me] is not None
    if world.row.status == "confirmed" or (steals and not world.steals):
        return
    row = world.row._replace(version=world.row.version + 1)
    claimed = _with(world, me, Worker(row.version, None, False), row)
    yield f"{me} claims", claimed._replace(steals=world.steals - steals)


def _may_build(row: Row, protocol: Protocol) -> bool:
    """Rule 4, or the usual retry that breaks it."""
    return row.status == "pending" or (row.status == "submitted" and not protocol.waits_for_proof)


def _build(world: World, me: int, protocol: Protocol) -> Iterator[Move]:
    """Sign the next transaction, in memory only; who breaks rule 1 sends it at once."""
    number = _next_number(world)
    if number == TRANSACTIONS_MAX:
        return
    signed = (number, world.height + WINDOW_BLOCKS)
    worker = world.workers[me]
    built = _with(world, me, worker and worker._replace(signed=signed))
    if protocol.records_first:
        yield f"{me} builds tx{number}", built
    else:
        yield f"{me} builds and sends tx{number}", built._replace(air=world.air | {signed})


def _next_number(world: World) -> int:
    used = {attempt.number for attempt in world.row.attempts}
    used |= {number for number, _ in world.air}
    used |= {w.signed[0] for w in world.workers if w and w.signed}
    return max(used, default=-1) + 1


def _record(world: World, me: int, signed: Transaction, protocol: Protocol) -> Move:
    """Commit the attempt, unless the version check or the index refuses."""
    row = world.row
    if protocol.version_check and _is_stale(world, me):
        return f"{me} is stale and lets go", _with(world, me, None)
    if any(attempt.state in INDEXED[protocol.index] for attempt in row.attempts):
        return f"{me} is refused by the index", _with(world, me, None)
    kept = Row("submitted", row.version + 1, (*row.attempts, Attempt(*signed, "in flight")))
    return f"{me} records tx{signed[0]}", _with(world, me, Worker(kept.version, signed, True), kept)


def _send(world: World, me: int, signed: Transaction) -> Move:
    """Broadcast what was recorded; a worker that lost its lease since may still do so."""
    worker = world.workers[me]
    sent = _with(world, me, worker and worker._replace(signed=None, recorded=False))
    return f"{me} sends tx{signed[0]}", sent._replace(air=world.air | {signed})


def _follow(world: World, me: int, protocol: Protocol) -> Iterator[Move]:
    """Send the same bytes again, or ask what became of them, for each attempt in flight."""
    for attempt in world.row.attempts:
        if attempt.state == "in flight":
            again = world.air | {(attempt.number, attempt.last_valid)}
            yield f"{me} resends tx{attempt.number}", world._replace(air=again)
            yield from _ask(world, me, attempt, protocol)


def _ask(world: World, me: int, attempt: Attempt, protocol: Protocol) -> Iterator[Move]:
    """Commit what the lagging node knows of the attempt, if that settles it."""
    row = world.row
    if protocol.version_check and _is_stale(world, me):
        yield f"{me} is stale and lets go", _with(world, me, None)
    elif any(n == attempt.number and at <= world.node for n, at in world.landed):
        settled = _settled(row, attempt, "confirmed", "landed")
        yield f"{me} sees tx{attempt.number} landed", _with(world, me, None, settled)
    elif _proven_dead(world, attempt, protocol):
        settled = _settled(row, attempt, "pending", "lapsed")
        yield f"{me} calls tx{attempt.number} lapsed", _with(world, me, None, settled)


def _is_stale(world: World, me: int) -> bool:
    worker = world.workers[me]
    return worker is None or worker.version != world.row.version


def _proven_dead(world: World, attempt: Attempt, protocol: Protocol) -> bool:
    """Judge by height; the node is known to be silent about the attempt.

    Rule 5 takes the height of the very node that was silent. Both mistakes take the true height,
    and so they behave alike: a status asked of a node that lags adds nothing.
    """
    height = world.node if protocol.proof == "one view" else world.height
    return height > attempt.last_valid


def _settled(row: Row, attempt: Attempt, status: str, state: str) -> Row:
    attempts = tuple(a._replace(state=state) if a is attempt else a for a in row.attempts)
    return Row(status, row.version + 1, attempts)


def _with(world: World, me: int, worker: Worker | None, row: Row | None = None) -> World:
    """Put a worker, and perhaps a row, in place of the old one."""
    height, node, air, landed, kept, (zero, one), crashes, steals = world
    workers = (worker, one) if me == 0 else (zero, worker)
    return World(height, node, air, landed, row or kept, workers, crashes, steals)


def main() -> None:
    """Print what each protocol comes to."""
    print(f"{'protocol':46} {'states':>8} {'seconds':>8}  verdict")
    for name, protocol in PROTOCOLS.items():
        began = time.perf_counter()
        states, violation = explore(protocol)
        verdict = f"EXECUTES TWICE in {len(violation)} moves" if violation else "never twice"
        print(f"{name:46} {states:>8,} {time.perf_counter() - began:>8.1f}  {verdict}", flush=True)
        if violation:
            print("    " + ", ".join(violation))


if __name__ == "__main__":
    main()
