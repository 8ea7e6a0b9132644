"""Walks ticks on which limit orders rest, with a fee that may move and be taken on either side.

The pools of Raydium's release of 2026. Nothing is summed up here: where the fee moves, each step
has its own. Source: raydium-clmm, `instructions/swap.rs`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

from cambist.curves import clmm_dynamic_fee
from cambist.curves.limit_orders import fill
from cambist.curves.segments import Segment, chords
from cambist.curves.swap_step import SwapSide, SwapStep, step
from cambist.curves.tick_walk_state import (
    PPM_ONE,
    STEPS_MAX,
    FeeRates,
    InconsistentTicks,
    InsufficientLiquidity,
    Release2026Features,
    TickOrders,
    TickPath,
    Ticks,
    TickState,
    TooFar,
)
from cambist.curves.ticks import TICK_MAX, TICK_MIN, sqrt_at_tick, tick_at_sqrt

_U64: Final = (1 << 64) - 1
NO_ORDERS: Final = TickOrders(0, 0)


class TickWalkTerms(NamedTuple):
    """Fee rates, what a pool of the newer release has beside, its tick spacing, and the time."""

    rates: FeeRates
    renewal: Release2026Features
    spacing: int
    now_s: int


class LimitOrderTickWalk:
    """What lies ahead of a tick state in one direction, to be walked anew for each amount."""

    __slots__ = ("_terms", "_tick_state", "_ticks", "down", "limit")

    def __init__(
        self, ticks: Ticks, tick_state: TickState, terms: TickWalkTerms, limit: int, *, down: bool
    ) -> None:
        self._ticks, self._tick_state, self._terms = ticks, tick_state, terms
        self.limit, self.down = limit, down

    def __eq__(self, other: object) -> bool:
        """Whether both begin alike."""
        return isinstance(other, LimitOrderTickWalk) and self._inputs() == other._inputs()

    def __hash__(self) -> int:
        return hash(self._inputs())

    def _inputs(self) -> tuple[object, ...]:
        return self._ticks, self._tick_state, self._terms, self.limit, self.down

    def amount_out(self, amount: int) -> int:
        """Return what exactly so much given pays. Raises InsufficientLiquidity, Broken."""
        path = self.path_in(amount)
        if not path.whole:
            raise InsufficientLiquidity
        return path.paid

    def amount_in(self, amount: int) -> int:
        """Return what has to be given for exactly so much. Raises InsufficientLiquidity, Broken."""
        path = self.path_out(amount)
        if not path.whole:
            raise InsufficientLiquidity
        return path.given

    def segments(self) -> Iterator[Segment]:
        """Yield chords: where the fee moves with each step there is no formula."""
        return chords(self._brought)

    def _brought(self, amount: int) -> int:
        try:
            return self.amount_out(amount)
        except (InsufficientLiquidity, InconsistentTicks):
            return 0

    def path_in(self, amount: int) -> TickPath:
        """Return the path of so much given, or of less to the limit.

        Raises InsufficientLiquidity, Broken.
        """
        return self._walked(amount, exact_in=True)

    def path_out(self, amount: int) -> TickPath:
        """Return the path to so much paid, or to less at the limit.

        Raises InsufficientLiquidity, Broken.
        """
        return self._walked(amount, exact_in=False)

    def _walked(self, amount: int, *, exact_in: bool) -> TickPath:
        run = _Run(self._tick_state, self._terms, amount, down=self.down, exact_in=exact_in)
        numbers, prices, nets = self._ticks
        at = bisect_right(numbers, self._tick_state.tick)
        way, at = (-1, at - 1) if self.down else (1, at)
        targets = 0
        while run.rest and run.price != self.limit:
            if not 0 <= at < len(numbers):
                raise InsufficientLiquidity
            tick_price = prices[at]
            target = max(tick_price, self.limit) if self.down else min(tick_price, self.limit)
            run.towards(numbers[at], tick_price, target, nets[at])
            at += way
            targets += 1
        return run.path(amount, targets)


class _Run:
    """The state of one swap."""

    def __init__(
        self,
        tick_state: TickState,
        terms: TickWalkTerms,
        amount: int,
        *,
        down: bool,
        exact_in: bool,
    ) -> None:
        self.rates, renewal, self.spacing, now_s = terms
        self.price, self.tick, self.liquidity = tick_state
        self.renewal, self.rest = renewal, amount
        self.down, self.exact_in = down, exact_in
        self.on_input = renewal.fee_on == 0 or (renewal.fee_on == 1) == down
        self.orders, self.gone = dict(renewal.orders), list[int]()
        self.other = self.fee = self.kept = self.steps = self.first = 0
        self.index = self.tick // self.spacing
        moving = renewal.volatility
        self.moving = moving and clmm_dynamic_fee.start(moving, self.index, now_s)

    def towards(self, number: int, tick_price: int, target: int, net: int) -> None:
        """Swap up to an initialised tick or the limit, in as many steps as the fee has."""
        after = self.liquidity
        while True:
            self.steps += 1
            if self.steps > STEPS_MAX:
                raise TooFar
            rate = self._rate()
            skipped, bounded, bound_tick = self._bounded(target)
            price, side = bounded, SwapSide(self.down, self.exact_in, self.on_input, rate)
            if self.price != bounded:
                done = step(self.price, bounded, self.liquidity, self.rest, side)
                self._apply(done, self.price)
                price = done.price
            if price == tick_price:
                after = self._reached(number, price, side, net)
            elif price != self.price:
                on_bound = bound_tick is not None and price == bounded
                self.tick = (
                    bound_tick if on_bound and bound_tick is not None else tick_at_sqrt(price)
                )
            self.price = price
            self._count(number if price == tick_price else self.tick, skipped=skipped)
            if not self.rest or price == target:
                break
        self.liquidity = after

    def path(self, amount: int, targets: int) -> TickPath:
        """Return what was done."""
        done, other = amount - self.rest, self.other
        given, paid = (done, other) if self.exact_in else (other, done)
        left = tuple(
            (n, order) for n, order in self.orders.items() if order.untouched or order.started
        )
        return TickPath(
            given,
            paid,
            self.fee,
            self.kept,
            TickState(self.price, self.tick, self.liquidity),
            targets,
            not self.rest,
            not self.on_input,
            self.renewal._replace(volatility=self.moving, orders=left),
            tuple(self.gone),
            self.first or self.price,
        )

    def _rate(self) -> int:
        if self.moving is None:
            return self.rates.trade
        self.moving = clmm_dynamic_fee.accumulate(self.moving, self.index)
        return clmm_dynamic_fee.rate(self.moving, self.spacing, self.rates.trade)

    def _bounded(self, target: int) -> tuple[bool, int, int | None]:
        """Return whether spacings are passed over, and the price (and tick) of the next bound."""
        moving = self.moving
        if moving is None or not self.liquidity or moving.accumulator == moving.accumulator_max:
            return True, target, None
        tick = (self.index if self.down else self.index + 1) * self.spacing
        tick = min(max(tick, TICK_MIN), TICK_MAX)
        price = sqrt_at_tick(tick)
        if target > price if self.down else target < price:
            return False, target, None
        return False, price, tick

    def _reached(self, number: int, price: int, side: SwapSide, net: int) -> int:
        """Fill the orders on a tick, and cross it when none are left; return the liquidity then."""
        orders = self.orders.get(number, NO_ORDERS)
        resting = orders.untouched + orders.started
        if resting and self.rest:
            filled = fill(orders, self.rest, price, side)
            self._apply(filled.step, price)
            orders = self.orders[number] = filled.left
            resting = orders.untouched + orders.started
            if not resting and orders.alone:
                self.gone.append(number)
        self.tick = number - 1 if self.down == (not resting) else number
        if resting:
            return self.liquidity
        after = self.liquidity - net if self.down else self.liquidity + net
        if after < 0:
            msg = "a tick takes more liquidity than there is"
            raise InconsistentTicks(msg)
        return after

    def _count(self, tick: int, *, skipped: bool) -> None:
        """Move the spacing that the fee is counted by."""
        if self.moving is None:
            return
        if skipped:
            self.index = tick // self.spacing
            if not self.down and tick % self.spacing == 0:
                self.index -= 1
            if self.moving.accumulator != self.moving.accumulator_max:
                self.moving = clmm_dynamic_fee.accumulate(self.moving, self.index)
        self.index += -1 if self.down else 1

    def _apply(self, done: SwapStep, begun: int) -> None:
        """Take a step's amounts off what is left, and split its fee; it began at this price."""
        if not self.first and (done.paid or (not self.on_input and done.fee)):
            self.first = begun
        given = done.given + done.fee if self.on_input else done.given
        used, other = (given, done.paid) if self.exact_in else (done.paid, given)
        self.rest -= used
        self.other += other
        if self.rest < 0 or self.other > _U64:
            msg = "a step too large"
            raise InconsistentTicks(msg)
        self.fee += done.fee
        shares = done.fee * self.rates.protocol // PPM_ONE + done.fee * self.rates.fund // PPM_ONE
        # Without liquidity nobody else could have the fee.
        self.kept += shares if self.liquidity else done.fee
