"""Turns a swap that a pool would do into a quote, at the worst of the times it may land."""

from __future__ import annotations

from cambist.faults import Fault
from cambist.values.amount import BPS_ONE, Bps, RawAmount, mul_div_floor
from cambist.values.ids import Address
from cambist.values.route import Quote, SwapMode
from cambist.venues.pool import Pool, SwapResult
from cambist.venues.snapshot import LANDING_DELAY_S, LANDING_DELAY_SLOTS, PoolRejected


def quote(pool: Pool, mint_in: Address, mode: SwapMode, amount: int) -> Quote | Fault:
    """Return what a swap of this amount would do, or why the pool refuses it."""
    try:
        swap = pool.swap(mint_in, mode, amount)
    except PoolRejected as refused:
        return refused.fault
    fees = swap.fees
    # In basis points of the side it is taken from; in raw units of the token given.
    whole = swap.amount_out + fees.trade if fees.on_output else swap.amount_in
    fee_bps = mul_div_floor(fees.trade, BPS_ONE, whole)
    fee = mul_div_floor(swap.amount_in, fees.trade, whole) if fees.on_output else fees.trade
    return Quote(
        pool.venue,
        pool.address,
        RawAmount(swap.amount_in),
        RawAmount(swap.amount_out),
        RawAmount(fee),
        Bps(fee_bps),
        swap.impact_hundredths,
        pool.slot,
        pool.program,
        pool.warnings,
    )


def amounts_alone(pool: Pool, amount_in: int, amount_out: int) -> Quote:
    """Return a quote of raw amounts that are known already, without fee and impact."""
    return Quote(
        pool.venue,
        pool.address,
        RawAmount(amount_in),
        RawAmount(amount_out),
        slot=pool.slot,
        program=pool.program,
    )


def worst_case(pool: Pool, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult:
    """Return the least favourable of what a swap does now and when it may land.

    Its amount is what a floor (exact_in) or a ceiling (exact_out) may rest on where the clock moves
    the fee. The next epoch counts where it may have begun by then, since transfer fees change with
    it. Raises PoolRejected when the pool refuses at any of these times.
    """
    # The fee may rise and fall between now and the landing. A bound that rests on the quote of now
    # alone would revert whenever the fee has risen.
    now = pool.swap(mint_in, mode, amount)
    if not pool.is_time_dependent:
        return now
    landings = [pool.time.later(LANDING_DELAY_S, LANDING_DELAY_SLOTS)]
    if pool.time.may_be_next_epoch(LANDING_DELAY_SLOTS):
        landings.append(landings[0].next_epoch())
    swaps = [now, *(pool.at(landing).swap(mint_in, mode, amount) for landing in landings)]
    if mode == "exact_in":
        return min(swaps, key=lambda swap: swap.amount_out)
    return max(swaps, key=lambda swap: swap.amount_in)
