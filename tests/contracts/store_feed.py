"""States how every store takes orders together, and in which order it tells all its lines."""

from __future__ import annotations

import random

from cambist.orders import events
from cambist.orders.order import Status
from cambist.values.ids import LOCAL, Principal
from tests.contracts.store_harness import Shelf, at_once

ANN = Principal("ann")


class Together:
    """Orders that belong together become durable together."""

    async def test_orders_added_together_are_all_there(self, shelf: Shelf) -> None:
        births = [shelf.birth(f"key-{n}") for n in range(100)]
        assert await shelf.store.add_all(births) == (None,) * 100
        await shelf.reopen()
        for birth in births:
            assert await shelf.journal(birth.event.order) == (birth.event.entry,)
        assert await shelf.store.backlog() == 100

    async def test_a_key_that_is_taken_adds_nothing_and_says_whose_it_is(
        self, shelf: Shelf
    ) -> None:
        first = shelf.birth("mine")
        await shelf.store.add(first)
        births = [shelf.birth("new"), shelf.birth("mine"), shelf.birth("new"), shelf.birth()]
        new, mine, again, bare = await shelf.store.add_all(births)
        assert (new, bare) == (None, None)
        assert mine is not None
        assert mine.order_id == first.event.order.id
        assert again is not None
        assert (again.order_id, again.reply) == (births[0].event.order.id, births[0].reply)
        assert await shelf.store.get(births[1].event.order.id) is None
        assert [event.order.id for event in shelf.events] == [
            one.event.order.id for one in (first, births[0], births[3])
        ]

    async def test_batches_that_race_for_a_key_make_one_order(self, shelf: Shelf) -> None:
        races = [[shelf.birth(f"key-{n}") for n in range(5)] for _ in range(8)]
        answers = await at_once(*(shelf.store.add_all(race) for race in races))
        for place in range(5):
            assert [got[place] for got in answers].count(None) == 1
        assert len(shelf.events) == 5


class Feeding:
    """All lines of a store stand in one order, and every listener is told that order."""

    async def test_places_only_grow_and_are_those_of_the_news(self, shelf: Shelf) -> None:
        orders = await at_once(*(shelf.claimed(one) for one in Status for _ in range(3)))
        await shelf.store.add_all([shelf.birth(), shelf.birth("key"), shelf.birth("key")])
        await at_once(*(shelf.store.request_cancel(order.id, order.last_at) for order in orders))
        assert shelf.places == sorted(set(shelf.places))
        lines = await shelf.store.feed(LOCAL, 0, 10_000)
        assert [(line.position, line.order_id, line.seq) for line in lines] == [
            (place, one.order.id, one.entry.seq)
            for place, one in zip(shelf.places, shelf.events, strict=True)
        ]
        assert await shelf.store.last_position() == shelf.places[-1]

    async def test_a_refused_write_moves_nobody_elses_place(self, shelf: Shelf) -> None:
        held = await shelf.claimed()
        await at_once(
            *(shelf.commit(held, events.Started()) for _ in range(5)),
            *(shelf.add("same") for _ in range(5)),
        )
        lines = await shelf.store.feed(LOCAL, 0, 10_000)
        assert [line.position for line in lines] == shelf.places
        assert [one.order_id for one in lines] == [event.order.id for event in shelf.events]

    async def test_a_feed_has_one_principals_lines_and_no_others(self, shelf: Shelf) -> None:
        mine = [await shelf.add() for _ in range(3)]
        hers = [await shelf.add(principal=ANN) for _ in range(3)]
        for who, orders in (LOCAL, mine), (ANN, hers):
            lines = await shelf.store.feed(who, 0, 100)
            assert [line.order_id for line in lines] == [order.id for order in orders]

    async def test_a_feed_is_read_page_by_page_from_any_place(self, shelf: Shelf) -> None:
        await at_once(*(shelf.claimed(one) for one in Status for _ in range(3)))
        lines = await shelf.store.feed(LOCAL, 0, 10_000)
        chance = random.Random(1)
        for start in chance.sample(range(len(lines)), 5):
            read, after = [], lines[start].position
            while page := await shelf.store.feed(LOCAL, after, chance.randrange(1, 9)):
                read += page
                after = page[-1].position
            assert read == list(lines[start + 1 :])

    async def test_an_empty_store_ends_at_nothing(self, shelf: Shelf) -> None:
        assert await shelf.store.last_position() == 0
        assert await shelf.store.feed(LOCAL, 0, 10) == ()
