"""Swaps in a CPMM pool as the program does, creator and transfer fees counted.

Source: raydium-cp-swap, `curve/calculator.rs`, `curve/fees.rs`, `instructions/swap_base_*.rs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec.structs import force_setattr, replace

from cambist.curves.price_impact import impact_hundredths, unless_dust
from cambist.curves.segments import Segment, limited
from cambist.curves.transfer_fee import TransferFee
from cambist.faults import Fault
from cambist.values.amount import RAW_MAX, mul_div_ceil, mul_div_floor
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues import quoting
from cambist.venues.pool import Fees, SwapResult, inverse_transfer_fee, with_time
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected
from cambist.venues.tokens import Mint

PPM_ONE: Final = 1_000_000
SWAP_OFF: Final = 4
"""The bit of the status with which the owner switches swaps off."""

CreatorSide = Literal["input", "mint_a", "mint_b"]
Release = Literal["any", "2025-02", "2026-04"]
"""Which program runs, before creator fees or with them; "any" where that is not known.

Until commit b0b2a08 of August 2025 an exact amount out that costs less than half a unit costs
nothing, and is refused; since then it costs one.
"""


class CpmmFeeRates(msgspec.Struct, frozen=True, gc=False):
    """In parts per million: of what is given, and (protocol, fund) of the trade fee itself."""

    trade: int
    protocol: int
    fund: int
    creator: int = 0
    creator_side: CreatorSide = "input"


class _Way(NamedTuple):
    """One direction: reserves, rates on what is given and on what is paid, and transfer fees.

    `room` is what the vault may still take in, `plain` says that no mint keeps a fee, and
    `rounds_up` that a price of less than half a unit is one.
    """

    x: int
    y: int
    rate_in: int
    rate_out: int
    room: int
    plain: bool
    fee_in: TransferFee
    fee_out: TransferFee
    rounds_up: bool


class _Sums(NamedTuple):
    """A swap as the pool counts it: without the transfer fee in, with the one out.

    `net` is what drives the price; `fee_out` is the creator's part of what the curve pays.
    """

    given: int
    net: int
    paid: int
    fee_out: int


class CpmmPool(msgspec.Struct, frozen=True, gc=False):
    """A pool of two reserves (net of what it owes) as it stood at `time`; raw units."""

    address: Address
    token_a: Mint
    token_b: Mint
    vault_a: Address
    vault_b: Address
    reserve_a: int
    reserve_b: int
    owed: tuple[int, int]
    rates: CpmmFeeRates
    config: Address
    observation: Address
    status: int
    opens_s: int
    time: ChainTime
    release: Release = "any"
    ways: dict[Address, _Way] = {}

    venue = "raydium"
    program = "cpmm"
    exact_out = True

    def __post_init__(self) -> None:
        """Work out both directions once, since a pool is asked often."""
        force_setattr(self, "ways", {} if self._closed else self._ways())

    @property
    def _closed(self) -> RejectReason | None:
        """Why no swap is possible now either way, if so."""
        if self.status & SWAP_OFF:
            return RejectReason.DISABLED
        if self.time.unix_s < self.opens_s:
            return RejectReason.NOT_OPEN_YET
        if min(self.reserve_a, self.reserve_b) <= 0:
            # Out of nothing any amount would buy the whole other reserve.
            return RejectReason.NOT_ENOUGH_LIQUIDITY
        return None

    @property
    def is_time_dependent(self) -> bool:
        """Whether a later epoch brings another transfer fee."""
        return self.token_a.fee_changes(self.time.epoch) or self.token_b.fee_changes(
            self.time.epoch
        )

    def _ways(self) -> dict[Address, _Way]:
        rates, a, b = self.rates, self.token_a, self.token_b
        on_input = {
            a.address: rates.creator_side != "mint_b",
            b.address: rates.creator_side != "mint_a",
        }
        ways = {}
        for given, taken, x, y, owed in (
            (a, b, self.reserve_a, self.reserve_b, self.owed[0]),
            (b, a, self.reserve_b, self.reserve_a, self.owed[1]),
        ):
            inside = on_input[given.address]
            if inside and not rates.trade + rates.creator and self.release != "2025-02":
                # The program divides the fee by the sum of its rates, and stops where it is zero.
                continue
            ways[given.address] = _Way(
                x,
                y,
                rates.trade + (rates.creator if inside else 0),
                0 if inside else rates.creator,
                RAW_MAX - x - owed,
                not given.fee.bps and not taken.fee.bps,
                given.fee,
                taken.fee,
                self.release == "2026-04",
            )
        return ways

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

    def at(self, time: ChainTime) -> CpmmPool:
        """Return the pool under another clock, which may open it, and move transfer fees."""
        a, b = self.token_a.at(time.epoch), self.token_b.at(time.epoch)
        same = a is self.token_a and b is self.token_b
        if same and self.ways and time.unix_s >= self.opens_s:
            return with_time(self, time)
        return replace(self, time=time, token_a=a, token_b=b)

    def quote(self, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
        """Return what a swap of this amount would do, or why the pool refuses it."""
        return quoting.quote(self, mint_in, mode, amount)

    def amount_out(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units would bring; 0 wherever `swap` raises."""
        way = self.ways.get(mint_in)
        if way is None or not 0 < amount <= RAW_MAX:
            return 0
        x, y, rate_in, rate_out, room, plain, fee_in, fee_out, _ = way
        if not plain:
            amount -= fee_in.of(amount)
        if amount > room:
            return 0
        # `CurveCalculator::swap_base_input`: one fee of the trade and creator rates together where
        # the creator's part is taken from the input, rounded up once.
        net = amount + -amount * rate_in // PPM_ONE  # the fee is rounded up
        if net <= 0:
            return 0
        out = net * y // (x + net)
        if rate_out:
            out += -out * rate_out // PPM_ONE
        return out if plain else out - fee_out.of(out)

    def amount_in(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units out would cost; 0 wherever `swap` raises."""
        way = self.ways.get(mint_in)
        if way is None or amount <= 0:
            return 0
        x, y, rate_in, rate_out, room, plain, _, _, rounds_up = way
        if not plain:
            return self._taxed_in(mint_in, amount)
        if rate_out:
            amount = -(-amount * PPM_ONE // (PPM_ONE - rate_out))  # rounded up
        # `ConstantProductCurve::swap_base_output_without_fees`
        left = y - amount
        if left <= 0 or (2 * x * amount < left and not rounds_up):
            return 0
        given = -(-x * amount // left)  # rounded up, with the fee as well
        if rate_in:
            given = -(-given * PPM_ONE // (PPM_ONE - rate_in))
        return given if given <= room else 0

    def _taxed_in(self, mint_in: Address, amount: int) -> int:
        try:
            return self.swap(mint_in, "exact_out", amount).amount_in
        except PoolRejected:
            return 0

    def most_out(self, mint_in: Address) -> int:
        """Return what it may pay at most for any amount."""
        return self.reserve_b if mint_in == self.mint_a else self.reserve_a

    def curve_key(self, _mint_in: Address) -> object:
        """Return what its curve follows from: one object under all clocks that leave it so."""
        return self.ways

    def segments(self, mint_in: Address) -> Iterator[Segment]:
        """Yield its curve: one segment."""
        way = self.ways.get(mint_in)
        if way is None or way.room <= 0:
            return iter(())
        into, out, x_of = PPM_ONE - way.rate_in, PPM_ONE - way.rate_out, PPM_ONE * way.x
        segment = (into * out * way.y, PPM_ONE * x_of, into, x_of, way.room)
        fees = None if way.plain else (way.fee_in, way.fee_out)
        return limited(iter((segment,)), (way.room, way.y), fees) if fees else iter((segment,))

    def swap(self, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
        """Return what a swap of this amount does. Raises PoolRejected."""
        way = self._way(mint_in)
        if amount <= 0:
            raise PoolRejected(RejectReason.AMOUNT_ZERO)
        if amount > RAW_MAX:
            raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
        if mode == "exact_in":
            # The mint's fee comes off first, and the pool's fee is taken from what arrives.
            kept_in = way.fee_in.of(amount)
            sums = _forwards(way, amount - kept_in)
        else:
            sums = self._backwards(way, amount + inverse_transfer_fee(way.fee_out, amount))
            kept_in = inverse_transfer_fee(way.fee_in, sums.given)
        if sums.given > way.room or sums.given + kept_in > RAW_MAX:
            raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
        kept_out = way.fee_out.of(sums.paid)
        if sums.paid <= kept_out:
            raise PoolRejected(RejectReason.PAYS_NOTHING)
        return self._swapped(mint_in, way, sums, kept_in, kept_out)

    def _backwards(self, way: _Way, paid: int) -> _Sums:
        """Return the swap that pays so much. Raises PoolRejected."""
        curve = _before_fee(paid, way.rate_out)
        if curve >= way.y:
            raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
        if not way.rounds_up and 2 * way.x * curve < way.y - curve:
            if self.release == "any":
                raise PoolRejected(RejectReason.DUST)
            raise PoolRejected(RejectReason.PAYS_NOTHING, "it costs nothing, rounded")
        net = mul_div_ceil(way.x, curve, way.y - curve)
        return _Sums(_before_fee(net, way.rate_in), net, paid, curve - paid)

    def _way(self, mint_in: Address) -> _Way:
        way = self.ways.get(mint_in)
        if way is not None:
            return way
        if mint_in not in {self.mint_a, self.mint_b}:
            raise PoolRejected(RejectReason.WRONG_TOKEN)
        raise PoolRejected(self._closed or RejectReason.NO_FEE_AT_ALL)

    def _swapped(
        self, mint_in: Address, way: _Way, sums: _Sums, kept_in: int, kept_out: int
    ) -> SwapResult:
        """Return the swap, its fees split."""
        rates = self.rates
        total = sums.given - sums.net
        creator = sums.fee_out
        trade = total
        # `Fees::split_creator_fee` rounds the creator's part down.
        if not way.rate_out and rates.creator:
            creator = mul_div_floor(total, rates.creator, rates.trade + rates.creator)
            trade = total - creator
        # Protocol and fund take a part of the trade fee, rounded down each. They alter nothing for
        # the trader now, but they leave the reserves, and so the next swap has another price.
        owed_in = mul_div_floor(trade, rates.protocol, PPM_ONE)
        owed_in += mul_div_floor(trade, rates.fund, PPM_ONE)
        owed_out = sums.fee_out
        if not owed_out:
            owed_in += creator
        given, paid = sums.given + kept_in, sums.paid - kept_out
        impact = impact_hundredths(sums.net, sums.paid + sums.fee_out, (way.y, way.x))
        return SwapResult(
            given,
            paid,
            Fees(
                total,
                owed_in,
                transfer_in=kept_in,
                transfer_out=kept_out,
                creator_out=owed_out,
            ),
            unless_dust(given, paid, impact),
            lambda: self._after(mint_in, way, sums, (owed_in, owed_out)),
        )

    def _after(
        self, mint_in: Address, way: _Way, sums: _Sums, owed_more: tuple[int, int]
    ) -> CpmmPool:
        """Return the pool with what it owes more, of both tokens, taken out of its reserves."""
        owed_in, owed_out = owed_more
        x, y = way.x + sums.given - owed_in, way.y - sums.paid - owed_out
        owed_a, owed_b = self.owed
        if mint_in == self.mint_a:
            owed = owed_a + owed_in, owed_b + owed_out
        else:
            x, y = y, x
            owed = owed_a + owed_out, owed_b + owed_in
        return replace(self, reserve_a=x, reserve_b=y, owed=owed)


def _forwards(way: _Way, given: int) -> _Sums:
    # `ConstantProductCurve::swap_base_input_without_fees` on what the fee leaves.
    net = given - mul_div_ceil(given, way.rate_in, PPM_ONE)
    if net <= 0:
        raise PoolRejected(RejectReason.PAYS_NOTHING)
    curve = mul_div_floor(net, way.y, way.x + net)
    fee_out = mul_div_ceil(curve, way.rate_out, PPM_ONE)
    return _Sums(given, net, curve - fee_out, fee_out)


def _before_fee(after: int, rate: int) -> int:
    # `Fees::calculate_pre_fee_amount`
    return mul_div_ceil(after, PPM_ONE, PPM_ONE - rate) if rate else after
