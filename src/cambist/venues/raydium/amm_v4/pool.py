"""Swaps in an AMM v4 pool as the program does.

Source: raydium-amm, `math.rs` (`Calculator::swap_token_amount_base_in/out`) and
`processor.rs` (`process_swap_base_in/out`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec.structs import force_setattr, replace

from cambist.curves.constant_product import ceil_from_half
from cambist.curves.price_impact import impact_hundredths, unless_dust
from cambist.curves.segments import Segment
from cambist.faults import Fault
from cambist.values.amount import RAW_MAX, mul_div_ceil, mul_div_floor
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues import quoting
from cambist.venues.pool import Fees, SwapResult, with_time
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected
from cambist.venues.tokens import Mint

Release = Literal["any", "2025-06", "2025-09", "2026-07"]
"""Which program runs, or "any" where that is not known.

Until commit 78c6a81 of August 2025 ("2025-06") a quotient of less than a half is nothing, and
since then it is one. Since commit 3b087ad ("2025-09") swaps need no accounts of an order book, and
since commit 27f461d ("2026-07") no pool trades on one.
"""

INITIALIZED: Final = 1
"""It has liquidity in an order book as well, where the release still knows order books."""
SWAP_ONLY: Final = 6
WAITING_TRADE: Final = 7
"""It opens with the first swap after its time."""


_UNSURE: Final = frozenset({"any", "2025-06"})
"""Releases for which less than half a unit is not a unit."""


class _Way(NamedTuple):
    """One direction: reserves, the fee, and what the vault may still take in."""

    x: int
    y: int
    numerator: int
    denominator: int
    room: int


class AmmV4Pool(msgspec.Struct, frozen=True, gc=False):
    """A pool of two reserves (net of what it owes) as it stood at `time`; a is its coin, b its pc.

    `open_orders`, `market_program` and `market` are of the order book that it no longer uses;
    instructions of older releases still name them.
    """

    address: Address
    token_a: Mint
    token_b: Mint
    vault_a: Address
    vault_b: Address
    reserve_a: int
    reserve_b: int
    owed: tuple[int, int]
    fee: tuple[int, int]
    open_orders: Address
    market_program: Address
    market: Address
    status: int
    opens_s: int
    time: ChainTime
    release: Release = "any"
    ways: dict[Address, _Way] = {}

    venue = "raydium"
    program = "amm_v4"
    is_time_dependent = False
    exact_out = True

    def __post_init__(self) -> None:
        """Work out both directions once, since a pool is asked often."""
        ways: dict[Address, _Way] = {}
        if self._closed is None:
            x, y, (owed_a, owed_b) = self.reserve_a, self.reserve_b, self.owed
            ways[self.mint_a] = _Way(x, y, *self.fee, RAW_MAX - x - owed_a)
            ways[self.mint_b] = _Way(y, x, *self.fee, RAW_MAX - y - owed_b)
        force_setattr(self, "ways", ways)

    @property
    def _closed(self) -> RejectReason | None:
        """Why no swap is possible now, if so."""
        if self.status == WAITING_TRADE and self.time.unix_s < self.opens_s:
            return RejectReason.NOT_OPEN_YET
        if min(self.reserve_a, self.reserve_b) <= 0:
            # Out of nothing any amount would buy the whole other reserve, which is never paid.
            return RejectReason.NOT_ENOUGH_LIQUIDITY
        return None

    @property
    def mint_a(self) -> Address:
        """The coin."""
        return self.token_a.address

    @property
    def mint_b(self) -> Address:
        """The pc."""
        return self.token_b.address

    @property
    def warnings(self) -> tuple[str, ...]:
        """None: its mints have no extensions."""
        return ()

    @property
    def slot(self) -> Slot:
        """When it stood so."""
        return self.time.slot

    def at(self, time: ChainTime) -> AmmV4Pool:
        """Return the pool under another clock, which may open it."""
        opens = self.status != WAITING_TRADE or time.unix_s >= self.opens_s
        return with_time(self, time) if self.ways and opens else replace(self, time=time)

    def quote(self, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
        """Return what a swap of this amount would do, or why the pool refuses it."""
        return quoting.quote(self, mint_in, mode, amount)

    def amount_out(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units would bring; 0 wherever `swap` raises."""
        way = self.ways.get(mint_in)
        if way is None:
            return 0
        x, y, numerator, denominator, room = way
        if not 0 < amount <= room:
            return 0
        # `process_swap_base_in` takes the fee by a division that rounds up, then calls
        # `Calculator::swap_token_amount_base_in`, which rounds down. Before August 2025 the first
        # division gave 0 below a half: with 25/10000 that is any amount of less than 200 units.
        if 2 * amount * numerator < denominator and self.release in _UNSURE and numerator:
            net = amount if self.release == "2025-06" else 0
        else:
            net = amount + -amount * numerator // denominator  # the fee is rounded up
        return net * y // (x + net) if net > 0 else 0

    def amount_in(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units out would cost; 0 wherever `swap` raises."""
        way = self.ways.get(mint_in)
        if way is None or amount <= 0:
            return 0
        x, y, numerator, denominator, room = way
        left = y - amount
        if left <= 0 or (2 * x * amount < left and self.release in _UNSURE):
            return 0
        # `Calculator::swap_token_amount_base_out`, then the fee on top in `process_swap_base_out`.
        # What drives the price is rounded up, and so is what the fee is taken from.
        net = -(-x * amount // left)
        given = -(-net * denominator // (denominator - numerator))
        return given if given <= room else 0

    def most_out(self, mint_in: Address) -> int:
        """Return what it may pay at most for any amount."""
        way = self.ways.get(mint_in)
        return 0 if way is None else way.y

    def curve_key(self, _mint_in: Address) -> object:
        """Return what its curve follows from: one object under all clocks that leave it so."""
        return self.ways

    def segments(self, mint_in: Address) -> Iterator[Segment]:
        """Yield its curve: one segment."""
        way = self.ways.get(mint_in)
        if way is not None and way.room > 0:
            into, x_of = way.denominator - way.numerator, way.denominator * way.x
            yield into * way.y, x_of, into, x_of, way.room

    def swap(self, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
        """Return what a swap of this amount does. Raises PoolRejected.

        Less than half a unit, of a fee or of a price, is nothing to releases before August 2025,
        and a whole unit to later ones: it is refused where the release is not known.
        """
        way = self._way(mint_in)
        if amount <= 0:
            raise PoolRejected(RejectReason.AMOUNT_ZERO)
        x, y, numerator, denominator, room = way
        if mode == "exact_in":
            given = amount
            net = given - self._rounded_up(given * numerator, denominator)
            paid = mul_div_floor(net, y, x + net)
        else:
            paid = amount
            if paid >= y:
                raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
            net = self._rounded_up(x * paid, y - paid)
            if not net:
                # The program stops where nothing would go in (`InvalidInput`).
                raise PoolRejected(RejectReason.PAYS_NOTHING, "it costs nothing, rounded")
            given = mul_div_ceil(net, denominator, denominator - numerator)
        if given > room:
            raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
        if paid <= 0:
            raise PoolRejected(RejectReason.PAYS_NOTHING)
        return self._swapped(mint_in, way, given, net, paid)

    def _rounded_up(self, dividend: int, divisor: int) -> int:
        """Return a quotient as the release rounds it.

        Raises PoolRejected where that is not known.
        """
        small = 0 < 2 * dividend < divisor
        if small and self.release == "any":
            raise PoolRejected(RejectReason.DUST)
        if self.release == "2025-06":
            return ceil_from_half(dividend, divisor)
        return mul_div_ceil(dividend, 1, divisor)

    def _way(self, mint_in: Address) -> _Way:
        way = self.ways.get(mint_in)
        if way is not None:
            return way
        closed = self._closed if mint_in in {self.mint_a, self.mint_b} else None
        raise PoolRejected(closed or RejectReason.WRONG_TOKEN)

    def _swapped(self, mint_in: Address, way: _Way, given: int, net: int, paid: int) -> SwapResult:
        impact = impact_hundredths(net, paid, (way.y, way.x))
        fees, shown = Fees(given - net), unless_dust(given, paid, impact)
        return SwapResult(
            given, paid, fees, shown, lambda: self._after(mint_in, way.x + given, way.y - paid)
        )

    def _after(self, mint_in: Address, x: int, y: int) -> AmmV4Pool:
        """Return the pool after a swap: the fee stays in, the first swap opens it."""
        status = SWAP_ONLY if self.status == WAITING_TRADE else self.status
        a, b = (x, y) if mint_in == self.mint_a else (y, x)
        # The whole amount goes to the vault: the fee belongs to the pool.
        return replace(self, reserve_a=a, reserve_b=b, status=status)
