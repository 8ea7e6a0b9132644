"""Finds out the outcome of each write of a batch, and why a write was rejected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cambist.orders.order import Order
from cambist.ports.errors import (
    DuplicateIdempotencyKey,
    PortUnavailable,
    TradingHalted,
    VersionConflict,
)
from cambist.ports.store import Halt, IdempotencyRecord
from cambist.stores.commands import (
    AppendNote,
    ApplyDecision,
    CommittedEvents,
    InsertOrders,
    needs_trading,
)
from cambist.stores.postgres import reader
from cambist.stores.postgres.batch_partition import (
    KeyName,
    Statement,
    Write,
    WriteUnit,
    key_name,
    new_orders_of,
)
from cambist.stores.postgres.pool import ConnectionPool
from cambist.values.ids import OrderId

Result = CommittedEvents | BaseException


class StatementResult(NamedTuple):
    """Which writes failed, the position before the others' first event, and a halt in force."""

    lost: frozenset[OrderId]
    position: int
    halt: Halt | None


class RetryAlone(Exception):
    """An item that a halt kept out for the sake of one written with it: it may go alone."""


class _Known(NamedTuple):
    """What was looked up for writes that failed: positions of events that exist, keys, orders."""

    places: dict[int, int]
    keyed: dict[KeyName, IdempotencyRecord]
    fresh: dict[OrderId, Order]


async def resolve_outcomes(
    pool: ConnectionPool,
    one: Statement,
    writes: Sequence[Write],
    settled: StatementResult,
    *,
    unsure: bool,
) -> dict[int, Result]:
    """Give each item of a round its result.

    Lines stand in the order of their items. When it is `unsure` whether the round was written
    before, who lost may have lost to itself: then its lines are there. Raises PortUnavailable if
    so,
    and it cannot be looked up.
    """
    place = settled.position + 1
    at: dict[int, int] = {}
    lost: list[WriteUnit] = []
    for part in (part for parts in one.parts.values() for part in parts):
        if part.order_id in settled.lost:
            lost.append(part)
            continue
        at[id(part)] = place
        place += len(part.events)
    known, away = _Known({}, {}, {}), None
    try:
        known = await _look(pool, lost, unsure=unsure)
    except PortUnavailable as down:
        if unsure:
            raise
        away = down
    at |= known.places
    results: dict[int, Result] = {}
    for index, parts in one.parts.items():
        has_lost = any(id(part) not in at for part in parts)
        if has_lost and away is not None:
            results[index] = away
        elif has_lost and settled.halt is not None and one.may_be_halted(index):
            results[index] = TradingHalted(settled.halt) if _begins(writes[index]) else RetryAlone()
        elif has_lost and not isinstance(writes[index], InsertOrders):
            results[index] = _conflict(writes[index], known)
        else:
            results[index] = await _committed(pool, writes[index], parts, at, known.keyed)
    return results


async def _look(pool: ConnectionPool, lost: Sequence[WriteUnit], *, unsure: bool) -> _Known:
    """Look up all that explains why parts lost."""
    births = [part.new_order for part in lost if part.new_order is not None]
    names = [name for birth in births if (name := key_name(birth)) is not None]
    keyed = await reader.all_keyed(pool, names) if names else {}
    recorded = [part for part in lost if part.events and (unsure or _only_by_id(part, keyed))]
    places = await reader.places(pool, recorded) if recorded else {}
    moves = [part.order_id for part in lost if part.new_order is None and id(part) not in places]
    found = (await reader.by_ids(pool, moves)).orders if moves else ()
    fresh = {order.id: order for order in found}
    return _Known(places, keyed, fresh)


def _only_by_id(part: WriteUnit, keyed: dict[KeyName, IdempotencyRecord]) -> bool:
    """Whether a birth is there already, if at all, under no key but its id."""
    return part.new_order is not None and key_name(part.new_order) not in keyed


def _begins(write: Write) -> bool:
    """Whether a write begins something that a halt forbids: an order, an attempt, a trigger."""
    return not isinstance(write, ApplyDecision) or needs_trading(write.decision)


def _conflict(write: Write, known: _Known) -> BaseException:
    """Say what an item that lost ran into."""
    if isinstance(write, ApplyDecision):
        fresh = known.fresh.get(write.before.id)
        is_ours = (
            fresh is not None
            and not isinstance(write, AppendNote)
            and fresh.lease_epoch == write.before.lease_epoch
            and fresh.lease_owner == write.after.lease_owner
        )
        return VersionConflict(fresh if is_ours else None)
    name = key_name(new_orders_of(write)[0])
    taken = None if name is None else known.keyed.get(name)
    return (
        PortUnavailable("an order with this id is there")
        if taken is None
        else DuplicateIdempotencyKey(taken)
    )


async def _committed(
    pool: ConnectionPool,
    write: Write,
    parts: Sequence[WriteUnit],
    at: dict[int, int],
    keyed: dict[KeyName, IdempotencyRecord],
) -> CommittedEvents:
    """Say what became true by an item; of orders added together some may be there already."""
    recorded = tuple(line for part in parts if id(part) in at for line in part.events)
    place = next((at[id(part)] for part in parts if id(part) in at), 0)
    if not isinstance(write, InsertOrders):
        return CommittedEvents(recorded, place)
    ours = {part.order_id for part in parts if id(part) in at}
    named = {name: birth for birth in write.births if (name := key_name(birth)) is not None}
    taken: list[IdempotencyRecord | None] = []
    for birth in write.births:
        name = key_name(birth)
        if birth.event.order.id in ours or name is None:
            taken.append(None)
            continue
        if name not in keyed:
            # It lost to one before it in the same write, which is durable by now.
            keyed |= await reader.all_keyed(pool, list(named))
        taken.append(keyed.get(name))
    return CommittedEvents(recorded, place, tuple(taken))
