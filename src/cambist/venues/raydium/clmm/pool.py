"""Swaps in a CLMM pool as the program does, transfer fees, gates and drained vaults counted.

Source: raydium-clmm, `instructions/swap.rs` and `instructions/swap_v2.rs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import force_setattr, replace

from cambist.curves.price_impact import unless_dust
from cambist.curves.segments import Segment, limited
from cambist.curves.tick_walk import TickWalk, impact_hundredths
from cambist.curves.tick_walk_limit_orders import LimitOrderTickWalk, TickWalkTerms
from cambist.curves.tick_walk_state import (
    FeeRates,
    InconsistentTicks,
    InsufficientLiquidity,
    Release2026Features,
    TickPath,
    TickState,
    TooFar,
)
from cambist.curves.ticks import SQRT_MAX, SQRT_MIN
from cambist.curves.transfer_fee import TransferFee
from cambist.faults import Fault
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues import quoting
from cambist.venues.pool import Fees, SwapResult, inverse_transfer_fee, with_time
from cambist.venues.raydium.clmm.loaded_tick_arrays import LoadedTickArrays
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected
from cambist.venues.tokens import Mint

SWAP_OFF: Final = 16
"""The bit of the status with which the owner switches swaps off."""
FROZEN: Final = 255
"""The status of a pool whose vault was emptied: everything is off."""


class _Way(NamedTuple):
    """One direction: what lies ahead, what each vault can take or pay, and transfer fees."""

    walk: TickWalk | LimitOrderTickWalk
    room: int
    held: int
    plain: bool
    fee_in: TransferFee
    fee_out: TransferFee


class ClmmPool(msgspec.Struct, frozen=True, gc=False):
    """A pool of ticks as it stood at `time`; reserves are all that its vaults hold, in raw units.

    `renewal` is what it has of the newer release, if anything.
    """

    address: Address
    token_a: Mint
    token_b: Mint
    vault_a: Address
    vault_b: Address
    reserve_a: int
    reserve_b: int
    config: Address
    rates: FeeRates
    observation: Address
    tick_state: TickState
    shelf: LoadedTickArrays
    status: int
    opens_s: int
    time: ChainTime
    renewal: Release2026Features | None = None
    ways: dict[Address, _Way] = {}

    venue = "raydium"
    program = "clmm"
    exact_out = True

    def __post_init__(self) -> None:
        """Look both ways once, since a pool is asked often."""
        # Strict: the program requires a block time after the opening, not at it.
        closed = self.status & SWAP_OFF or self.time.unix_s <= self.opens_s
        force_setattr(self, "ways", {} if closed else self._ways())

    def _ways(self) -> dict[Address, _Way]:
        a, b = self.token_a, self.token_b
        plain = not a.fee.bps and not b.fee.bps
        x, y = self.reserve_a, self.reserve_b
        down = self._walk(SQRT_MIN + 1, down=True)
        up = self._walk(SQRT_MAX - 1, down=False)
        return {
            a.address: _Way(down, RAW_MAX - x, y, plain, a.fee, b.fee),
            b.address: _Way(up, RAW_MAX - y, x, plain, b.fee, a.fee),
        }

    def _walk(self, limit: int, *, down: bool) -> TickWalk | LimitOrderTickWalk:
        ticks, renewal = self.shelf.ticks, self.renewal
        if renewal is None:
            return TickWalk(ticks, self.tick_state, self.rates, limit, down=down)
        terms = TickWalkTerms(self.rates, renewal, self.shelf.spacing, self.time.unix_s)
        return LimitOrderTickWalk(ticks, self.tick_state, terms, limit, down=down)

    @property
    def is_time_dependent(self) -> bool:
        """Whether its fee fades with time, or a later epoch brings another transfer fee."""
        if self.renewal is not None and self.renewal.volatility is not None:
            return True
        epoch = self.time.epoch
        return self.token_a.fee_changes(epoch) or self.token_b.fee_changes(epoch)

    @property
    def mint_a(self) -> Address:
        """The program's token 0."""
        return self.token_a.address

    @property
    def mint_b(self) -> Address:
        """The program's token 1."""
        return self.token_b.address

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its mints' powers mean to who holds their tokens."""
        return self.token_a.warnings + self.token_b.warnings

    @property
    def slot(self) -> Slot:
        """When it stood so."""
        return self.time.slot

    def at(self, time: ChainTime) -> ClmmPool:
        """Return the pool under another clock, which may open it, and move transfer fees."""
        a, b = self.token_a.at(time.epoch), self.token_b.at(time.epoch)
        same = a is self.token_a and b is self.token_b and self.renewal is None
        if same and self.ways and time.unix_s > self.opens_s:
            return with_time(self, time)
        return replace(self, time=time, token_a=a, token_b=b)

    def quote(self, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
        """Return what a swap of this amount would do, or why the pool refuses it."""
        return quoting.quote(self, mint_in, mode, amount)

    def amount_out(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units would bring; 0 wherever `swap` raises."""
        way = self.ways.get(mint_in)
        if way is None or amount > RAW_MAX:
            return 0
        walk, room, held, plain, fee_in, fee_out = way
        if not plain:
            amount -= fee_in.of(amount)
        if not 0 < amount <= room:
            return 0
        try:
            out = walk.amount_out(amount)
        except (InsufficientLiquidity, InconsistentTicks):
            return 0
        if out > held:
            return 0
        return out if plain else out - fee_out.of(out)

    def amount_in(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units out would cost; 0 wherever `swap` raises."""
        way = self.ways.get(mint_in)
        if way is None or amount <= 0:
            return 0
        walk, room, held, plain, fee_in, fee_out = way
        try:
            if not plain:
                amount += inverse_transfer_fee(fee_out, amount)
            if amount > held:
                return 0
            given = walk.amount_in(amount)
            if given > room:
                return 0
            if plain:
                return given
            given += inverse_transfer_fee(fee_in, given)
        except (InsufficientLiquidity, InconsistentTicks, PoolRejected):
            return 0
        return given if given <= RAW_MAX else 0

    def most_out(self, mint_in: Address) -> int:
        """Return what it may pay at most for any amount."""
        way = self.ways.get(mint_in)
        return 0 if way is None else way.held

    def curve_key(self, mint_in: Address) -> object:
        """Return what its curve follows from: one object under all clocks that leave it so."""
        return self.ways.get(mint_in)

    def segments(self, mint_in: Address) -> Iterator[Segment]:
        """Yield its curve, tick by tick."""
        way = self.ways.get(mint_in)
        if way is None:
            return iter(())
        fees = None if way.plain else (way.fee_in, way.fee_out)
        return limited(way.walk.segments(), (way.room, way.held), fees)

    def swap(self, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
        """Return what a swap of this amount does. Raises PoolRejected."""
        return self._swap(mint_in, mode, amount, self._way(mint_in))

    def swap_until(self, mint_in: Address, mode: SwapMode, amount: int, limit: int) -> SwapResult:
        """Return what a swap does that stops at a price limit, and may leave a part undone.

        `limit` is a square root of a price in Q64.64. Raises PoolRejected.
        """
        way, down = self._way(mint_in), mint_in == self.mint_a
        price = self.tick_state.price
        if not (SQRT_MIN < limit < price if down else price < limit < SQRT_MAX):
            raise PoolRejected(RejectReason.PRICE_LIMIT)
        way = way._replace(walk=self._walk(limit, down=down))
        return self._swap(mint_in, mode, amount, way, partly=True)

    def ahead(self, mint_in: Address) -> tuple[Address, ...]:
        """Return the arrays at hand from the price on, in the order of a swap.

        Those that a swap touches come first; what follows may be carried as spares.
        """
        return self.shelf.ahead(self.address, self.tick_state.tick, down=mint_in == self.mint_a)

    # ---------------------------------------------------------------------------- the whole swap

    def _way(self, mint_in: Address) -> _Way:
        way = self.ways.get(mint_in)
        if way is not None:
            return way
        if mint_in not in {self.mint_a, self.mint_b}:
            raise PoolRejected(RejectReason.WRONG_TOKEN)
        raise PoolRejected(
            RejectReason.DISABLED if self.status & SWAP_OFF else RejectReason.NOT_OPEN_YET
        )

    def _swap(
        self, mint_in: Address, mode: SwapMode, amount: int, way: _Way, *, partly: bool = False
    ) -> SwapResult:
        if amount <= 0:
            raise PoolRejected(RejectReason.AMOUNT_ZERO)
        if amount > RAW_MAX:
            raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
        path = self._path(mode, amount, way)
        # Without a price limit the program refuses a swap that does only a part of the amount.
        if not path.whole and not partly:
            raise PoolRejected(RejectReason.PRICE_LIMIT)
        # A swap that stopped at its limit used less than was sent. The program then computes the
        # transfer fee backwards from what was used.
        if mode == "exact_in" and path.whole:
            kept_in = way.fee_in.of(amount)
        else:
            kept_in = inverse_transfer_fee(way.fee_in, path.given)
        kept_out = way.fee_out.of(path.paid)
        if path.given > way.room or path.given + kept_in > RAW_MAX:
            raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
        if path.paid > way.held:
            raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
        if path.paid <= kept_out or not path.given:
            raise PoolRejected(RejectReason.PAYS_NOTHING)
        return self._swapped(mint_in == self.mint_a, path, kept_in, kept_out)

    def _path(self, mode: SwapMode, amount: int, way: _Way) -> TickPath:
        """Return the path on the curve, of what is left after transfer fees.

        Raises PoolRejected.
        """
        try:
            if mode == "exact_out":
                return way.walk.path_out(amount + inverse_transfer_fee(way.fee_out, amount))
            given = amount - way.fee_in.of(amount)
            if not given:
                raise PoolRejected(RejectReason.PAYS_NOTHING)
            return way.walk.path_in(given)
        except TooFar:
            raise PoolRejected(RejectReason.TOO_FAR) from None
        except InsufficientLiquidity:
            missing = self.shelf.beyond(self.address, self.tick_state.tick, down=way.walk.down)
            if missing is None:
                raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY) from None
            raise PoolRejected(RejectReason.ACCOUNT_MISSING, missing) from None
        except InconsistentTicks:
            raise PoolRejected(RejectReason.OUT_OF_BOUNDS, "liquidity of ticks") from None

    def _swapped(self, down: bool, path: TickPath, kept_in: int, kept_out: int) -> SwapResult:  # noqa: FBT001
        given, paid = path.given, path.paid
        net, gross = (given, paid + path.fee) if path.on_output else (given - path.fee, paid)
        sent, received = given + kept_in, paid - kept_out
        impact = impact_hundredths(path.first, net, gross, down=down)
        return SwapResult(
            sent,
            received,
            Fees(path.fee, path.kept, path.on_output, kept_in, kept_out),
            unless_dust(sent, received, impact),
            lambda: self._after(path, down=down),
            lambda: self.shelf.touched(self.address, self.tick_state.tick, path.targets, down=down),
        )

    def _after(self, path: TickPath, *, down: bool) -> ClmmPool:
        """Return the pool at the end of a path."""
        if down:
            x, y = self.reserve_a + path.given, self.reserve_b - path.paid
        else:
            x, y = self.reserve_a - path.paid, self.reserve_b + path.given
        return replace(
            self,
            reserve_a=x,
            reserve_b=y,
            tick_state=path.tick_state,
            shelf=self.shelf.without(path.gone) if path.gone else self.shelf,
            renewal=None if path.renewal == Release2026Features() else path.renewal,
            # The program freezes a pool whose vault it has emptied.
            status=self.status if (y if down else x) else FROZEN,
        )
