"""Walks concentrated liquidity from tick to tick, with the fee taken from what is given.

Between two ticks the liquidity L is constant, and with p the square root of the price (Q64.64)

    token 0:  L * (b - a) / (a * b)        token 1:  L * (b - a)

is what moves the price from a to b. What is given is rounded up, what is paid is rounded down, and
the new price is rounded so that the trader never gains: up when token 0 moves it, down when token 1
does. Source: raydium-clmm, `libraries/{swap_math,sqrt_price_math,liquidity_math}.rs`.

A piece that is crossed whole costs and pays the same for every amount, so pieces are summed as they
are first reached, and an amount finds its last piece by bisection.
"""

# The program swaps in a loop: find the next initialised tick, compute one step with
# `swap_math::compute_swap_step`, cross the tick, repeat (raydium-clmm, `instructions/swap.rs`).
# Each step is computed here with the program's own roundings:
#
# - next price, token 0 given or taken: rounded up
#   (`sqrt_price_math::get_next_sqrt_price_from_input` and `..._from_output`)
# - next price, token 1: rounded down when given; when taken, the amount is divided rounding up
# - amounts: what goes in rounded up, what comes out rounded down
#   (`liquidity_math::get_delta_amount_0_unsigned` and `get_delta_amount_1_unsigned`)
# - fee: ceil(in * fee / (1e6 - fee)) where the target is reached or an amount out is asked for.
#   Where an amount in ends before the target, the fee is all that the new price does not need: dust
#   goes to the fee.
#
# Two facts of the program allow the sums. First, a step that reaches its tick gives and pays
# amounts that depend on the tick alone and not on the amount swapped. Second, the program goes
# straight to the next initialised tick, also across array borders and empty ranges, so a fee is
# rounded once per initialised tick. Pieces can therefore be added up once, and each further
# question costs a bisection and one step. Routing asks a pool many times per order.
#
# This is the release without limit orders and with the fee on what is given. Where the fee moves or
# lies on the output, a step depends on the steps before it; tick_walk_limit_orders.py walks those.
#
# The program holds an amount of more than 64 bits in one step to be unreachable
# (`calculate_amount_in_range` returns None). `_price_for` refuses such a piece instead of following
# the program into that case.

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from cambist.curves import price_impact
from cambist.curves.segments import Segment, ending, straight
from cambist.curves.tick_walk_state import (
    PPM_ONE,
    STEPS_MAX,
    FeeRates,
    InconsistentTicks,
    InsufficientLiquidity,
    TickPath,
    Ticks,
    TickState,
    TooFar,
)
from cambist.curves.ticks import tick_at_sqrt

U64: Final = (1 << 64) - 1
_FEW: Final = 1 << 7
"""Of fewer raw units rounding is much of what a segment takes."""
U128: Final = (1 << 128) - 1


class TickWalk:
    """The liquidity ahead of a tick state in one direction, summed up as far as it was asked for.

    `down` gives token 0, which lowers the price; the walk ends at `limit`. Tables of n pieces have
    n + 1 entries, the first for the start.
    """

    __slots__ = (
        "_nets", "_next", "_prices", "_rates", "_rest_ppm", "_start", "_step", "_ticks",
        "down", "given", "limit", "liquidities", "nets_in", "paid", "prices", "stuck",
    )  # fmt: skip

    def __init__(
        self, ticks: Ticks, tick_state: TickState, rates: FeeRates, limit: int, *, down: bool
    ) -> None:
        self._ticks, self._start, self._rates = ticks, tick_state, rates
        self.limit, self.down = limit, down
        self._rest_ppm = PPM_ONE - rates.trade
        self._prices, self._nets = ticks.prices, ticks.nets
        above = bisect_right(ticks.numbers, tick_state.tick)
        self._next, self._step = (above - 1, -1) if down else (above, 1)
        self.prices, self.liquidities = [tick_state.price], [tick_state.liquidity]
        self.given, self.paid, self.nets_in = [0], [0], [0]
        self.stuck = False

    def __eq__(self, other: object) -> bool:
        """Whether both begin alike: how far each was asked for is no difference."""
        return isinstance(other, TickWalk) and self._inputs() == other._inputs()

    def __hash__(self) -> int:
        return hash(self._inputs())

    def _inputs(self) -> tuple[object, ...]:
        return self._ticks, self._start, self._rates, self.limit, self.down

    # -------------------------------------------------------------------------- the two questions

    def amount_out(self, amount: int) -> int:
        """Return what exactly so much given pays. Raises InsufficientLiquidity, Broken."""
        given = self.given
        while given[-1] < amount:
            self._grow()
        at = bisect_left(given, amount)
        if given[at] == amount:
            return self.paid[at]
        at -= 1
        # The amount less the fee is rounded down: a price moves no further than was paid for.
        net = (amount - given[at]) * self._rest_ppm // PPM_ONE
        price, liquidity = self.prices[at], self.liquidities[at]
        if self.down:
            whole = liquidity << 64
            # The next price is rounded up.
            after = -(-whole * price // (whole + net * price))
            return self.paid[at] + (liquidity * (price - after) >> 64)
        after = price + (net << 64) // liquidity
        return self.paid[at] + (liquidity << 64) * (after - price) // (price * after)

    def amount_in(self, amount: int) -> int:
        """Return what has to be given for exactly so much. Raises InsufficientLiquidity, Broken."""
        paid = self.paid
        while paid[-1] < amount:
            self._grow()
        at = bisect_left(paid, amount)
        if paid[at] == amount:
            return self.given[at]
        after = self._price_for(at - 1, amount - paid[at - 1])
        net = self._net_in(self.prices[at - 1], after, self.liquidities[at - 1])
        # Fee included and rounded up.
        return self.given[at - 1] - net * PPM_ONE // -self._rest_ppm

    def segments(self) -> Iterator[Segment]:
        """Yield the segments between ticks that hold liquidity, to the unit at their ends.

        Where one has few units, rounding is much of what it takes: such are put together.
        """
        given, paid, rest = self.given, self.paid, self._rest_ppm
        at = begun = 0
        while rest:
            if at == len(given) - 1:
                try:
                    self._grow()
                except (InsufficientLiquidity, InconsistentTicks):
                    break
            length, brought = given[at + 1] - given[begun], paid[at + 1] - paid[begun]
            if min(length, brought) > _FEW:
                yield (
                    self._segment(at, length, brought) if at == begun else straight(length, brought)
                )
                begun = at + 1
            elif not length:
                begun = at + 1
            at += 1
        if paid[at] > paid[begun]:
            yield straight(given[at] - given[begun], paid[at] - paid[begun])

    def _segment(self, at: int, length: int, brought: int) -> Segment:
        price, liquidity = self.prices[at], self.liquidities[at]
        if self.down:
            return ending(length, brought, self._rest_ppm * price, PPM_ONE * liquidity << 64)
        return ending(length, brought, self._rest_ppm << 64, PPM_ONE * liquidity * price)

    # ------------------------------------------------------------------------------ the whole path

    def path_in(self, amount: int) -> TickPath:
        """Return the path of exactly so much given, or of less when the limit comes before.

        Raises InsufficientLiquidity, Broken.
        """
        given = self.given
        while given[-1] < amount and not self._at_limit():
            self._grow()
        at = bisect_left(given, amount)
        if at == len(given) or given[at] == amount:
            return self._crossed(min(at, len(given) - 1), whole=at < len(given))
        at -= 1
        rest = amount - given[at]
        net = rest * self._rest_ppm // PPM_ONE
        price, liquidity = self.prices[at], self.liquidities[at]
        if self.down:
            whole = liquidity << 64
            after = -(-whole * price // (whole + net * price))
        else:
            after = price + (net << 64) // liquidity
        # What the new price does not need is dust, and stays as a fee.
        fee = rest - self._net_in(price, after, liquidity)
        return self._partly(at, after, (rest, self._out(price, after, liquidity), fee))

    def path_out(self, amount: int) -> TickPath:
        """Return the path to exactly so much paid, or to less when the limit comes before.

        Raises InsufficientLiquidity, Broken.
        """
        paid = self.paid
        while paid[-1] < amount and not self._at_limit():
            self._grow()
        at = bisect_left(paid, amount)
        if at == len(paid) or paid[at] == amount:
            return self._crossed(min(at, len(paid) - 1), whole=at < len(paid))
        rest = amount - paid[at - 1]
        after = self._price_for(at - 1, rest)
        net = self._net_in(self.prices[at - 1], after, self.liquidities[at - 1])
        given = -(net * PPM_ONE // -self._rest_ppm)
        return self._partly(at - 1, after, (given, rest, given - net))

    def _crossed(self, at: int, *, whole: bool) -> TickPath:
        fee, kept = self._fees(at)
        tick_state = TickState(self.prices[at], self._tick_after(at), self.liquidities[at])
        return TickPath(
            self.given[at], self.paid[at], fee, kept, tick_state, at, whole, first=self._first(at)
        )

    def _partly(self, at: int, after: int, last: tuple[int, int, int]) -> TickPath:
        """Return the path of `at` whole pieces and a part of the next: given, paid and its fee."""
        given, paid, fee = last
        fees, kept = self._fees(at)
        kept += fee * self._rates.protocol // PPM_ONE + fee * self._rates.fund // PPM_ONE
        if after == self.prices[at + 1]:
            tick_state = TickState(after, self._tick_after(at + 1), self.liquidities[at + 1])
        elif after == self.prices[at]:
            tick_state = TickState(after, self._tick_after(at), self.liquidities[at])
        else:
            tick_state = TickState(after, tick_at_sqrt(after), self.liquidities[at])
        return TickPath(
            self.given[at] + given,
            self.paid[at] + paid,
            fees + fee,
            kept,
            tick_state,
            at + 1,
            whole=True,
            first=self._first(at) if self.paid[at] + paid else after,
        )

    def _first(self, pieces: int) -> int:
        """Return the price at which something was first paid, in so many whole pieces or after."""
        paid = self.paid
        at = next((number for number in range(pieces) if paid[number + 1] > paid[number]), pieces)
        return self.prices[at]

    def _fees(self, pieces: int) -> tuple[int, int]:
        """Return the fee of so many whole pieces, and what protocol and fund keep of it."""
        given, total, kept = self.given, 0, 0
        _, protocol, fund = self._rates
        for at in range(1, pieces + 1):
            fee = given[at] - given[at - 1] - self.nets_in[at]
            total += fee
            kept += fee * protocol // PPM_ONE + fee * fund // PPM_ONE
        return total, kept

    def _tick_after(self, pieces: int) -> int:
        """Return the tick in which the pool stands after so many whole pieces."""
        if not pieces:
            return self._start.tick
        number = self.target(pieces - 1)
        if number is None:
            return tick_at_sqrt(self.prices[pieces])
        return number - 1 if self.down else number

    def target(self, piece: int) -> int | None:
        """Return the tick at which a piece ends, or None where the limit stands before it."""
        above = bisect_right(self._ticks.numbers, self._start.tick)
        at = above - 1 - piece if self.down else above + piece
        if self.stuck and piece == len(self.prices) - 2:
            return None
        return self._ticks.numbers[at]

    # --------------------------------------------------------------------------------- arithmetic

    def _at_limit(self) -> bool:
        return self.prices[-1] == self.limit

    def _grow(self) -> None:
        """Sum up one piece more, to the next tick or to the limit.

        Raises InsufficientLiquidity, Broken.
        """
        if len(self.prices) > STEPS_MAX:
            raise TooFar
        at, price, liquidity = self._next, self.prices[-1], self.liquidities[-1]
        if not 0 <= at < len(self._prices) or price == self.limit:
            msg = "no tick ahead"
            raise InsufficientLiquidity(msg)
        target, down = self._prices[at], self.down
        if (target < self.limit) if down else (target > self.limit):
            target, after, self.stuck = self.limit, liquidity, True
        else:
            after = liquidity - self._nets[at] if down else liquidity + self._nets[at]
            if not 0 <= after <= U128:
                msg = "a tick takes more liquidity than there is"
                raise InconsistentTicks(msg)
            self._next = at + self._step
        if down:
            # `get_delta_amount_0_unsigned` divides by one price and then by the other.
            # ceil(ceil(n / a) / b) is ceil(n / (a * b)), and the same holds for floors, so one
            # division by the product gives the program's number.
            gap = liquidity * (price - target)
            # Floor of the negative: rounded up.
            net, out = -((-gap << 64) // (price * target)), gap >> 64
        else:
            gap = liquidity * (target - price)
            net, out = -(-gap >> 64), (gap << 64) // (price * target)
        self.given.append(self.given[-1] - net * PPM_ONE // -self._rest_ppm)
        self.paid.append(self.paid[-1] + out)
        self.nets_in.append(net)
        self.prices.append(target)
        self.liquidities.append(after)

    def _price_for(self, at: int, paid: int) -> int:
        """Return the price at which a piece has paid so much, rounded away from where it began."""
        price, liquidity = self.prices[at], self.liquidities[at]
        if self.down:
            after = price + (-paid << 64) // liquidity
        else:
            whole = liquidity << 64
            after = -(-whole * price // (whole - paid * price))
        if after == self.prices[at + 1] and self.paid[at + 1] - self.paid[at] > U64:
            # The program holds a piece that pays more than 64 bits to be out of reach.
            msg = "a piece too large is used up"
            raise InconsistentTicks(msg)
        return after

    def _net_in(self, price: int, after: int, liquidity: int) -> int:
        """Return what has to be given, without a fee, to move the price: rounded up."""
        if self.down:
            return -((liquidity * (after - price) << 64) // (price * after))
        return -(liquidity * (price - after) >> 64)

    def _out(self, price: int, after: int, liquidity: int) -> int:
        """Return what is paid while the price moves: rounded down."""
        if self.down:
            return liquidity * (price - after) >> 64
        return (liquidity * (after - price) << 64) // (price * after)


def impact_hundredths(price: int, net: int, gross: int, *, down: bool) -> int:
    """Return how far a swap's own price is below the first at which it was paid, fees apart.

    In hundredths of a basis point (1,000,000 is the whole), rounded down. `price` is the square
    root of the first price, `net` what was given and `gross` what was paid, without fees.
    """
    square = price * price
    first = (square, 1 << 128) if down else (1 << 128, square)
    return price_impact.impact_hundredths(net, gross, first)
