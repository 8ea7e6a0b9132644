"""Writes batches to PostgreSQL, a statement each, and finds out what became of every item.

A statement is its own transaction. What is refused for a row of it is written again item by
item, so that the bad one fails alone. When the answer does not come, the same statement is sent
again until one does: what was carried out the first time loses to itself then, and is known by
its line in the journal. Nothing is told, and nobody answered, before that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from cambist.faultpoints import faultpoint
from cambist.orders.journal import Told
from cambist.orders.lifecycle import IllegalFact
from cambist.ports.failures import KeyTaken, PortDown, StaleClaim
from cambist.ports.store import Keyed
from cambist.stores.postgres import reads
from cambist.stores.postgres.pool import Pool
from cambist.stores.postgres.round import (
    Part,
    Round,
    Write,
    births_of,
    key_name,
    rounds,
)
from cambist.stores.postgres.trouble import Unsure, is_own_fault, is_passing
from cambist.stores.sql import queries
from cambist.stores.writes import AddAll, Facts, Move, Wish
from cambist.values.ids import OrderId, Principal

SQL: Final = queries("postgres")
PASSING_TRIES_MAX: Final = 5
"""How often a statement that lost to a deadlock, or waited too long for a lock, is sent again."""

Result = Facts | BaseException
Tell = Callable[[Sequence[Told], Sequence[int]], None]
Again = Callable[[BaseException], Awaitable[None]]
"""Called before a statement of unknown outcome is sent again: waits, or raises to give up."""


class _Settled(NamedTuple):
    """Who won, the place before the first line of those, and the backlog after them."""

    won: frozenset[OrderId]
    place: int
    backlog: int | None


class BatchWriter:
    """Applies batches, one statement after the other. `tell` hears what became true in each."""

    def __init__(self, pool: Pool, tell: Tell, again: Again, lease_ms: int) -> None:
        self._pool = pool
        self._tell = tell
        self._again = again
        self._lease_ms = lease_ms
        self.backlog: int | None = None
        self.failed = False

    async def apply(self, writes: Sequence[Write]) -> list[Result]:
        """Write a batch; each result is what became true, or why its item was refused."""
        results: list[Result] = [PortDown("the write was not tried")] * len(writes)
        for one in rounds(writes, range(len(writes))):
            await self._write(one, writes, results)
        return results

    async def _write(self, one: Round, writes: Sequence[Write], results: list[Result]) -> None:
        """Write a round, or its items one by one when some row of it is refused."""
        try:
            done = await self._until_known(one, writes)
        except asyncpg.PostgresError as error:
            if len(one.parts) > 1 and is_own_fault(error):
                for index in one.parts:
                    for alone in rounds(writes, [index]):
                        await self._write(alone, writes, results)
                return
            done = {index: _refused(writes[index], error) for index in one.parts}
        except PortDown as down:
            done = dict.fromkeys(one.parts, down)
        self.failed = any(isinstance(result, PortDown) for result in done.values())
        for index, result in done.items():
            results[index] = result
        told = sorted(
            (result for result in done.values() if isinstance(result, Facts) and result.told),
            key=_first_place,
        )
        if told:
            self._tell(
                [line for facts in told for line in facts.told],
                [facts.place + nth for facts in told for nth in range(len(facts.told))],
            )

    async def _until_known(self, one: Round, writes: Sequence[Write]) -> dict[int, Result]:
        """Send a round until it is known what became of it.

        Raises PortDown when nothing was sent, and what the server refused the statement with.
        """
        unsure = False
        passing = 0
        while True:
            try:
                settled = await self._send(one)
                return await self._judge(one, writes, settled, unsure=unsure)
            except Unsure as error:
                unsure = True
                await self._again(error)
            except PortDown as down:
                if not unsure:
                    raise
                await self._again(down)
            except asyncpg.PostgresError as error:
                passing += is_passing(error)
                if is_own_fault(error) and not unsure:
                    raise
                if unsure:
                    await self._again(error)
                elif not is_passing(error) or passing == PASSING_TRIES_MAX:
                    raise PortDown(f"the database refused: {error}") from error

    async def _send(self, one: Round) -> _Settled:
        columns = one.sheet.columns()
        faultpoint("store.before_commit")
        rows = await self._pool.run(
            lambda line: line.fetch(SQL["write_batch"], *columns, self._lease_ms)
        )
        faultpoint("store.after_commit")
        if not rows:
            return _Settled(frozenset(), 0, None)
        if rows[0][2] is not None:
            self.backlog = int(rows[0][2])
        won = frozenset(OrderId(row[0]) for row in rows)
        return _Settled(won, rows[0][1] or 0, rows[0][2])

    # --------------------------------------------------------------------------- who lost

    async def _judge(
        self, one: Round, writes: Sequence[Write], settled: _Settled, *, unsure: bool
    ) -> dict[int, Result]:
        """Give each item of a round its result; who won stands in the order of its lines."""
        place = settled.place + 1
        at: dict[int, int] = {}
        lost: list[Part] = []
        for part in (part for parts in one.parts.values() for part in parts):
            if part.order_id not in settled.won:
                lost.append(part)
                continue
            at[id(part)] = place
            place += len(part.told)
        try:
            known = await _Losers.look(self._pool, lost, writes, one, unsure=unsure)
        except PortDown as down:
            if unsure:
                raise
            return {
                index: down
                if any(part in lost for part in parts)
                else _won(writes[index], parts, at, {})
                for index, parts in one.parts.items()
            }
        at |= {id(part): known.places[id(part)] for part in lost if id(part) in known.places}
        results: dict[int, Result] = {}
        for index, parts in one.parts.items():
            write = writes[index]
            if isinstance(write, AddAll) or id(parts[0]) in at:
                results[index] = _won(write, parts, at, known.keyed)
            else:
                results[index] = known.explain(write)
        return results


class _Losers(NamedTuple):
    """What is known of those who lost: places of lines that are ours after all, keys, orders."""

    places: dict[int, int]
    keyed: dict[tuple[Principal, str], Keyed]
    fresh: dict[OrderId, Any]

    @staticmethod
    async def look(
        pool: Pool, lost: Sequence[Part], writes: Sequence[Write], one: Round, *, unsure: bool
    ) -> _Losers:
        """Look up all that explains why parts lost. Raises PortDown."""
        names = [
            name
            for index in one.parts
            if not isinstance(writes[index], Move)
            for birth in births_of(writes[index])  # type: ignore[arg-type]
            if (name := key_name(birth)) is not None
        ]
        asks = any(part.birth is not None for part in lost) or any(
            isinstance(writes[index], AddAll) for index in one.parts
        )
        keyed = await reads.all_keyed(pool, names) if names and asks else {}
        nameless = [part for part in lost if part.told and (unsure or _is_nameless(part, keyed))]
        places = await reads.places(pool, nameless) if nameless else {}
        moves = [part.order_id for part in lost if part.before is not None]
        fresh = {order.id: order for order in await reads.by_ids(pool, moves)} if moves else {}
        return _Losers(places, keyed, fresh)

    def explain(self, write: Write) -> BaseException:
        """Say what an item that lost ran into."""
        if isinstance(write, Move):
            fresh = self.fresh.get(write.before.id)
            mine = (
                fresh is not None
                and not isinstance(write, Wish)
                and fresh.lease_epoch == write.before.lease_epoch
                and fresh.lease_owner == write.after.lease_owner
            )
            return StaleClaim(fresh if mine else None)
        birth = births_of(write)[0]
        name = key_name(birth)
        known = None if name is None else self.keyed.get(name)
        return PortDown("an order with this id is there") if known is None else KeyTaken(known)


def _is_nameless(part: Part, keyed: dict[tuple[Principal, str], Keyed]) -> bool:
    """Whether only its id can tell whether a birth is there already."""
    return part.birth is not None and key_name(part.birth) not in keyed


def _won(
    write: Write,
    parts: Sequence[Part],
    at: dict[int, int],
    keyed: dict[tuple[Principal, str], Keyed],
) -> Result:
    """Say what became true by an item; of orders added together some may be there already."""
    told = tuple(line for part in parts if id(part) in at for line in part.told)
    place = next((at[id(part)] for part in parts if id(part) in at), 0)
    if not isinstance(write, AddAll):
        return Facts(told, place)
    ours = {part.order_id for part in parts if id(part) in at}
    taken: list[Keyed | None] = []
    for birth in write.births:
        name = key_name(birth)
        is_new = birth.told.order.id in ours or name is None
        taken.append(None if is_new or name is None else keyed.get(name))
    return Facts(told, place, tuple(taken))


def _first_place(facts: Facts) -> int:
    return facts.place


def _refused(write: Write, error: asyncpg.PostgresError) -> BaseException:
    """Say what a refused item ran into, in the port's own words."""
    if isinstance(write, Move) and is_own_fault(error):
        return IllegalFact(write.before.status, f"written so: {error}")
    return PortDown(f"the database refused: {error}")
