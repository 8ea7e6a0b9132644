"""Quotes a pool of Meteora's DAMM v1, through the vaults that hold its tokens.

What is given goes into one vault and comes back as shares, what is paid are shares of another: the
pool's reserves are what its shares are worth, and each way through a vault rounds down twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from cambist.curves import stable_swap
from cambist.curves.price_impact import impact_hundredths, unless_dust
from cambist.curves.segments import Segment, chords, limited
from cambist.curves.vault_shares import locked_profit, shares_for, worth
from cambist.faults import Fault
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.values.time_units import Slot
from cambist.venues import quoting
from cambist.venues.meteora.damm_v1.accounts import (
    BY_TIME,
    CACHED_S,
    PRICE_ONE,
    STABLE,
    DammV1PoolAccount,
    Vault,
)
from cambist.venues.pool import Fees, SwapResult, side_given, stays_open, with_time
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected

RAW_MAX: Final = (1 << 64) - 1
_CHORD_BITS: Final = 14
"""The first chord of a stable curve ends at this small a share of the reserve."""


class DammV1Side(msgspec.Struct, frozen=True, gc=False):
    """What a swap depends on at one time, for one of the two tokens given.

    `reserve_in` and `reserve_out` are what the pool's shares are worth; `most_in` is the greater
    of what the one vault counts and what is in it (anyone may send tokens there); the rest are
    unlocked amounts, supplies of shares, the pool's own shares, and what the other has at hand.
    """

    closed: RejectReason | None
    trade_fee: tuple[int, int]
    protocol_fee: tuple[int, int]
    reserve_in: int
    reserve_out: int
    most_in: int
    unlocked_in: int
    supply_in: int
    shares_in: int
    unlocked_out: int
    supply_out: int
    at_hand_out: int
    stable: Stable | None = None


class Stable(msgspec.Struct, frozen=True, gc=False):
    """A stable curve: its amplification, and by what either token comes to the common unit."""

    amp: int
    scale_in: int
    scale_out: int

    def paid(self, given: int, reserve_in: int, reserve_out: int) -> int:
        """Return the raw units that so many bring. Raises PoolRejected."""
        x, y = reserve_in * self.scale_in, reserve_out * self.scale_out
        try:
            return stable_swap.paid(self.amp, given * self.scale_in, x, y) // self.scale_out
        except stable_swap.NoSwap:
            raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY) from None

    def first_rate(self, reserve_in: int, reserve_out: int) -> tuple[int, int]:
        """Return what the first raw unit pays, as a fraction."""
        x, y = reserve_in * self.scale_in, reserve_out * self.scale_out
        rate, rate_of = stable_swap.first_rate(self.amp, x, y)
        return rate * self.scale_in, rate_of * self.scale_out


class Moved(msgspec.Struct, frozen=True, gc=False):
    """What a swap moves: into the vault and out of it, in raw units and shares, and its fees."""

    into: int
    minted: int
    net: int
    paid: int
    burned: int
    trade_fee: int
    protocol_fee: int


class DammV1Pool(msgspec.Struct, frozen=True, gc=False):
    """A pool as it stood at one slot, at a time of the chain; made by `pool_at`.

    Both sides follow from the state, the vaults and the time. `stake_price` is what the stake said
    of the token that a stable curve counts with, where it is at hand.
    """

    address: Address
    state: DammV1PoolAccount
    vault_a: Vault
    vault_b: Vault
    time: ChainTime
    mint_a: Address
    mint_b: Address
    giving_a: DammV1Side
    giving_b: DammV1Side
    stake_price: int | None = None

    @property
    def venue(self) -> str:
        """Meteora."""
        return "meteora"

    @property
    def program(self) -> str:
        """DAMM v1."""
        return "damm_v1"

    @property
    def warnings(self) -> tuple[str, ...]:
        """None: its mints have no extensions."""
        return ()

    @property
    def slot(self) -> Slot:
        """When it stood so."""
        return self.time.slot

    @property
    def exact_out(self) -> bool:
        """No."""
        return False

    @property
    def is_time_dependent(self) -> bool:
        """Whether a vault still holds back a profit, or a price of a stake grows old."""
        locked = self.vault_a.state.locked or self.vault_b.state.locked
        return bool(locked or self.state.stakes)

    def at(self, time: ChainTime) -> DammV1Pool:
        """Return the same pool under another clock: profits unlock with it, and pools open."""
        if not self.is_time_dependent and stays_open(self, time):
            return with_time(self, time)
        vaults = self.vault_a, self.vault_b
        return pool_at(self.address, self.state, vaults, time, self.stake_price)

    def amount_out(self, mint_in: Address, amount: int) -> int:
        """Return what exactly `amount` raw units would bring; 0 wherever `swap` raises."""
        try:
            return _move(side_given(self, mint_in, amount), amount).paid
        except PoolRejected:
            return 0

    def amount_in(self, _mint_in: Address, _amount: int) -> int:
        """Return 0: the program cannot be asked for an exact amount out."""
        return 0

    def most_out(self, mint_in: Address) -> int:
        """Return what it may pay at most for any amount."""
        side = self.giving_a if mint_in == self.mint_a else self.giving_b
        return side.reserve_out

    def curve_key(self, mint_in: Address) -> object:
        """Return what its curve follows from: one object under all clocks that leave it so."""
        return self.giving_a if mint_in == self.mint_a else self.giving_b

    def segments(self, mint_in: Address) -> Iterator[Segment]:
        """Yield its curve: one segment, and no more than its vault has at hand."""
        side = self.giving_a if mint_in == self.mint_a else self.giving_b
        x, y, (numerator, denominator) = side.reserve_in, side.reserve_out, side.trade_fee
        if side.closed is not None or x <= 0 or y <= 0 or numerator >= denominator:
            return iter(())
        if side.stable is not None:
            return chords(lambda amount: self.amount_out(mint_in, amount), x >> _CHORD_BITS)
        into, x_of, room = denominator - numerator, denominator * x, RAW_MAX - side.most_in
        segment = (into * y, x_of, into, x_of, room)
        return limited(iter((segment,)), (room, side.at_hand_out))

    def swap(self, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
        """Return what a swap of so many raw units given does.

        Raises PoolRejected when the program would refuse it, would pay nothing, or for exact_out.
        """
        side = side_given(self, mint_in, amount)
        if mode == "exact_out":
            raise PoolRejected(RejectReason.NO_EXACT_OUT)
        moved = _move(side, amount)
        fees = Fees(moved.trade_fee + moved.protocol_fee, moved.protocol_fee)
        first = side.reserve_out, side.reserve_in
        if side.stable is not None:
            first = side.stable.first_rate(side.reserve_in, side.reserve_out)
        impact = impact_hundredths(moved.net, moved.paid, first)
        shown = unless_dust(amount, moved.paid, impact)
        return SwapResult(amount, moved.paid, fees, shown, lambda: self._after(mint_in, moved))

    def _after(self, mint_in: Address, moved: Moved) -> DammV1Pool:
        """Return the pool over the vaults as a swap leaves them, and at the price it used."""
        into, paid = self.vault_a, self.vault_b
        if mint_in == self.mint_b:
            into, paid = paid, into
        into, paid = _with(into, moved.into, moved.minted), _with(paid, -moved.paid, -moved.burned)
        vaults = (into, paid) if mint_in == self.mint_a else (paid, into)
        state = priced(self.state, self.time, self.stake_price) or self.state
        return pool_at(self.address, state, vaults, self.time, self.stake_price)

    def quote(self, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
        """Return what a swap of `amount` raw units would do, or why the pool refuses it."""
        return quoting.quote(self, mint_in, mode, amount)


def pool_at(
    address: Address,
    state: DammV1PoolAccount,
    vaults: tuple[Vault, Vault],
    time: ChainTime,
    stake_price: int | None = None,
) -> DammV1Pool:
    """Return a pool of this state and these vaults, at a time."""
    a, b = vaults
    now = priced(state, time, stake_price)
    both = (a, _unlocked(a, time.unix_s)), (b, _unlocked(b, time.unix_s))
    sides = _side(now or state, both, time), _side(now or state, both[::-1], time)
    if now is None:
        missing = RejectReason.ACCOUNT_MISSING
        sides = replace(sides[0], closed=missing), replace(sides[1], closed=missing)
    elif state.curve == STABLE:
        a_in, b_in = _scales(now)
        sides = (
            replace(sides[0], stable=Stable(now.amp, a_in, b_in)),
            replace(sides[1], stable=Stable(now.amp, b_in, a_in)),
        )
    mints = state.mint_a, state.mint_b
    return DammV1Pool(address, state, a, b, time, *mints, *sides, stake_price)


def priced(
    state: DammV1PoolAccount, time: ChainTime, stake_price: int | None
) -> DammV1PoolAccount | None:
    """Return the state as a swap at this time begins with, or None where its price is not known."""
    if not state.stakes or time.unix_s <= state.priced_s + CACHED_S:
        return state
    if stake_price is None:
        return None
    return replace(state, stake_price=stake_price, priced_s=time.unix_s)


def _scales(state: DammV1PoolAccount) -> tuple[int, int]:
    """Return by what a and b come to the common unit."""
    if not state.stakes:
        return state.scale_a, state.scale_b
    return state.scale_a * PRICE_ONE, state.scale_b * state.stake_price


def _side(
    state: DammV1PoolAccount, both: Sequence[tuple[Vault, int]], time: ChainTime
) -> DammV1Side:
    """Return a side over the vault that takes and the one that pays, each with what is unlocked."""
    point = time.unix_s if state.clock == BY_TIME else time.slot
    (into, unlocked_in), (paid, unlocked_out) = both
    closed = None
    if not state.enabled or into.state.enabled != 1:
        # A vault that is switched off takes nothing; it still pays.
        closed = RejectReason.DISABLED
    elif point < state.opens_at:
        closed = RejectReason.NOT_OPEN_YET
    elif max(into.state.reported_s, paid.state.reported_s) > time.unix_s or (
        min(unlocked_in, unlocked_out) < 0
    ):
        closed = RejectReason.OUT_OF_BOUNDS
    elif not (unlocked_in and unlocked_out and into.supply and paid.supply):
        closed = RejectReason.NOT_ENOUGH_LIQUIDITY
    reserve_in = 0 if closed else worth(into.shares, unlocked_in, into.supply)
    reserve_out = 0 if closed else worth(paid.shares, unlocked_out, paid.supply)
    if max(reserve_in, reserve_out) > RAW_MAX:
        closed = RejectReason.OUT_OF_BOUNDS
    return DammV1Side(
        closed=closed,
        trade_fee=(state.trade_numerator, state.trade_denominator),
        protocol_fee=(state.protocol_numerator, state.protocol_denominator),
        reserve_in=reserve_in,
        reserve_out=reserve_out,
        most_in=max(into.state.total, into.at_hand),
        unlocked_in=unlocked_in,
        supply_in=into.supply,
        shares_in=into.shares,
        unlocked_out=unlocked_out,
        supply_out=paid.supply,
        at_hand_out=paid.at_hand,
    )


def _unlocked(vault: Vault, now_s: int) -> int:
    state = vault.state
    since_s = max(now_s - state.reported_s, 0)
    return state.total - locked_profit(state.locked, since_s, state.degradation)


def _with(vault: Vault, amount: int, shares: int) -> Vault:
    """Return a vault after raw units and shares came in, or went out."""
    return replace(
        vault,
        state=replace(vault.state, total=vault.state.total + amount),
        at_hand=vault.at_hand + amount,
        supply=vault.supply + shares,
        shares=vault.shares + shares,
    )


def _fee(amount: int, fraction: tuple[int, int]) -> int:
    """Return a fee in raw units: rounded down, but never less than one of them."""
    numerator, denominator = fraction
    # `trading_fee` and `protocol_trading_fee`: at least one unit.
    if not amount or not numerator:
        return 0
    return amount * numerator // denominator or 1


def _move(side: DammV1Side, amount: int) -> Moved:
    """Return what exactly so much given moves. Raises PoolRejected."""
    # `compute_quote` of dynamic-amm-quote: fees first, then the deposit, then the curve, then the
    # withdrawal. The protocol's part never enters the vault.
    fee = _fee(amount, side.trade_fee)
    protocol = _fee(fee, side.protocol_fee)
    fee -= protocol
    into = amount - protocol
    minted = shares_for(into, side.unlocked_in, side.supply_in)
    if side.most_in + into > RAW_MAX or side.supply_in + minted > RAW_MAX:
        raise PoolRejected(RejectReason.AMOUNT_OVERFLOWS)
    # What the deposit adds is read back from the shares, rounded down twice. The curve sees less
    # than was paid in, by a unit or two.
    held = worth(side.shares_in + minted, side.unlocked_in + into, side.supply_in + minted)
    net = held - side.reserve_in - fee
    reserves = side.reserve_in * side.reserve_out
    if net <= 0:
        raise PoolRejected(RejectReason.PAYS_NOTHING)
    if side.stable is not None:
        brought = side.stable.paid(net, side.reserve_in, side.reserve_out)
    elif reserves < side.reserve_in + net:
        # The program takes less than one unit left for no answer.
        raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
    else:
        # spl-token-swap computes the new reserve rounded up, and pays the difference.
        brought = side.reserve_out + -reserves // (side.reserve_in + net)  # what is left: ceil
    burned = shares_for(brought, side.unlocked_out, side.supply_out)
    paid = worth(burned, side.unlocked_out, side.supply_out)
    if not paid:
        raise PoolRejected(RejectReason.PAYS_NOTHING)
    if paid > side.at_hand_out:
        # The vault has lent out the rest.
        raise PoolRejected(RejectReason.NOT_ENOUGH_LIQUIDITY)
    return Moved(into, minted, net, paid, burned, fee, protocol)
