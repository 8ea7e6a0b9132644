"""Indexes resting orders by their level, so that a tick looks only at those near the price."""

# A tick of a pair must not compute a route for each of its resting orders. Two bounds hold for all
# orders of a direction and a size class (powers of two of the amount), without a route:
#
# - No order gets more than the *touch*, the best rate at which the next unit is exchanged, paths
#   through hubs counted.
# - No order of the class gets less than the best single pool pays at the greatest amount of the
#   class, because a route is never worse than a single pool.
#
# The levels of a class are sorted. So bisection finds the orders beyond both bounds, which are met,
# and those between the bounds, whose own effective price has to be computed. `MARGIN` widens both
# bounds: rates are floats, and a split may pay a few basis points more than its parts suggest. The
# bounds only choose what is looked at. The executor that holds an order decides by exact integers.

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from cambist.orders.order import Order
from cambist.orders.trigger import Condition, Side, TriggerState
from cambist.values.amount import RawAmount
from cambist.values.ids import OrderId
from cambist.values.route import SwapMode
from cambist.values.time_units import Timestamp
from cambist.values.token import Pair

NEVER: Final = -(10**12)
MARGIN: Final = 1.001
"""Ten basis points: by a split's least gain a greater order got up to 4 more than a smaller one."""


class SizeClass(NamedTuple):
    """A direction, a mode and a power of two that no amount of the class exceeds."""

    side: Side
    mode: SwapMode
    amount_max: int


class RestingOrder(msgspec.Struct, gc=False):
    """What the watcher knows of a resting order; small, since there may be very many.

    `level` only sorts. `not_before` is when the order may be checked again after it missed its
    limit. `notified_at` and `evaluated_at` are on the monotonic clock, in milliseconds.
    """

    order_id: OrderId
    pair: Pair
    amount: RawAmount
    condition: Condition
    level: float
    size: SizeClass
    not_before: Timestamp
    was_touched: bool
    version: int
    notified_at: int = NEVER
    evaluated_at: int = NEVER


class Bounds(NamedTuple):
    """The least and the greatest rate that any order of a class may get, margin included."""

    low: float
    high: float


class _Levels:
    """Orders of one class, sorted by level."""

    def __init__(self) -> None:
        self._sorted: list[tuple[float, OrderId]] = []

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, level: float, order_id: OrderId) -> None:
        insort(self._sorted, (level, order_id))

    def remove(self, level: float, order_id: OrderId) -> None:
        at = bisect_left(self._sorted, (level, order_id))
        if at < len(self._sorted) and self._sorted[at] == (level, order_id):
            del self._sorted[at]

    def up_to(self, level: float) -> int:
        return bisect_right(self._sorted, (level, OrderId("\U0010ffff")))

    def below(self, level: float) -> int:
        return bisect_left(self._sorted, (level, OrderId("")))

    def ids(self, start: int, end: int) -> list[OrderId]:
        return [order_id for _, order_id in self._sorted[start:end]]


class TriggerBook:
    """Resting orders by pair, direction and size class."""

    def __init__(self) -> None:
        self._orders: dict[OrderId, RestingOrder] = {}
        self._pairs: dict[Pair, dict[SizeClass, _Levels]] = {}

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[OrderId]:
        return iter(self._orders)

    def __contains__(self, order_id: OrderId) -> bool:
        return order_id in self._orders

    def is_known(self, order: Order) -> bool:
        """Whether an order is in the book as it is, or as it became later."""
        resting = self._orders.get(order.id)
        return resting is not None and resting.version >= order.version

    def put(self, order: Order) -> None:
        """Add an order that waits for a price, or put it where its terms have it now."""
        self.remove(order.id)
        condition = order.condition
        if condition is None:
            return
        intent, state = order.intent, order.trigger or TriggerState()
        resting = RestingOrder(
            order.id,
            intent.pair,
            intent.amount,
            condition,
            condition.level.taken / condition.level.given,
            SizeClass(condition.side, intent.mode, 1 << intent.amount.bit_length()),
            max(order.terms.start_at or Timestamp(0), state.not_before or Timestamp(0)),
            state.was_touched,
            order.version,
        )
        self._orders[order.id] = resting
        classes = self._pairs.setdefault(intent.pair, {})
        classes.setdefault(resting.size, _Levels()).add(resting.level, order.id)

    def remove(self, order_id: OrderId) -> None:
        """Remove an order; one that is not there changes nothing."""
        resting = self._orders.pop(order_id, None)
        if resting is None:
            return
        classes = self._pairs[resting.pair]
        levels = classes[resting.size]
        levels.remove(resting.level, order_id)
        if not levels:
            del classes[resting.size]
            if not classes:
                del self._pairs[resting.pair]

    def pairs(self) -> list[Pair]:
        """Return the pairs that orders rest on."""
        return list(self._pairs)

    def classes(self, pair: Pair) -> list[SizeClass]:
        """Return the size classes of a pair that have orders."""
        return list(self._pairs.get(pair, ()))

    def met(self, pair: Pair, size: SizeClass, bounds: Bounds) -> Iterator[RestingOrder]:
        """Yield the orders of a class that are met at both bounds."""
        levels = self._pairs[pair][size]
        if size.side == "at_or_above":
            found = levels.ids(0, levels.up_to(bounds.low))
        else:
            found = levels.ids(levels.below(bounds.high), len(levels))
        yield from (self._orders[order_id] for order_id in found)

    def undecided(self, pair: Pair, size: SizeClass, bounds: Bounds) -> Iterator[RestingOrder]:
        """Yield the orders of a class between the bounds, those most likely met first."""
        levels = self._pairs[pair][size]
        if size.side == "at_or_above":
            found = levels.ids(levels.up_to(bounds.low), levels.up_to(bounds.high))
        else:
            found = levels.ids(levels.below(bounds.low), levels.below(bounds.high))[::-1]
        yield from (self._orders[order_id] for order_id in found)
