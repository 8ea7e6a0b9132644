"""States what every pool owes its traders and itself, whatever its curve, as checks to call."""

from __future__ import annotations

from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.values.time_units import Slot
from cambist.venues.pool import Pool, SwapResult
from cambist.venues.program import P, Program
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import ChainTime, PoolRejected, Snapshot


def other(pool: Pool, mint: Address) -> Address:
    """Return the pool's other mint."""
    return pool.mint_b if mint == pool.mint_a else pool.mint_a


def tried(pool: Pool, mint_in: Address, mode: SwapMode, amount: int) -> SwapResult | None:
    """Return what a swap does, or None where the pool refuses it."""
    try:
        return pool.swap(mint_in, mode, amount)
    except PoolRejected:
        return None


def fast_is_full(pool: Pool, mint_in: Address, amount: int) -> None:
    """The bare amounts are those of the whole swap, and 0 wherever it is refused."""
    swap = tried(pool, mint_in, "exact_in", amount)
    assert pool.amount_out(mint_in, amount) == (swap.amount_out if swap else 0)
    swap = tried(pool, mint_in, "exact_out", amount)
    assert pool.amount_in(mint_in, amount) == (swap.amount_in if swap else 0)


def what_is_quoted_fits(pool: Pool, mint_in: Address, amount: int) -> None:
    """A swap is refused, or its amounts fit the instruction's 64 bits, and its end holds them."""
    for mode, fast in (("exact_in", pool.amount_out), ("exact_out", pool.amount_in)):
        assert 0 <= fast(mint_in, amount) <= RAW_MAX
        swap = tried(pool, mint_in, mode, amount)
        if swap is None:
            continue
        fees = swap.fees
        sent = swap.amount_in, swap.amount_out, swap.amount_out + fees.transfer_out
        assert all(0 < amount_sent <= RAW_MAX for amount_sent in sent)
        moved = fees.trade, fees.protocol, fees.transfer_in, fees.transfer_out, fees.creator_out
        assert all(0 <= amount_moved <= RAW_MAX for amount_moved in moved)


def more_in_is_no_less_out(pool: Pool, mint_in: Address, amount: int, more: int) -> None:
    """Who gives more does not get less."""
    one, two = (tried(pool, mint_in, "exact_in", each) for each in (amount, amount + more))
    if one is not None and two is not None:
        assert two.amount_out >= one.amount_out


def there_and_back_never_gains(pool: Pool, mint_in: Address, amount: int) -> None:
    """Who swaps and swaps back has no more than before."""
    there = tried(pool, mint_in, "exact_in", amount)
    if there is None:
        return
    back = tried(there.end, other(pool, mint_in), "exact_in", there.amount_out)
    assert back is None or back.amount_out <= there.amount_in


def in_two_parts_never_gains(
    pool: Pool, mint_in: Address, parts: tuple[int, int], slack: int = 0
) -> None:
    """Two swaps in turn bring no more than one of their sum, but for the rounding named."""
    first = tried(pool, mint_in, "exact_in", parts[0])
    second = tried(first.end, mint_in, "exact_in", parts[1]) if first else None
    whole = tried(pool, mint_in, "exact_in", sum(parts))
    if first and second and whole:
        assert first.amount_out + second.amount_out <= whole.amount_out + slack


def what_was_asked_for_comes(pool: Pool, mint_in: Address, amount: int, slack: int = 0) -> None:
    """An exact amount out comes out, and its price as an exact amount in brings as much."""
    bought = tried(pool, mint_in, "exact_out", amount)
    if bought is None:
        return
    assert bought.amount_out == amount
    try:
        again = pool.swap(mint_in, "exact_in", bought.amount_in)
    except PoolRejected as refused:
        assert refused.refusal is RejectReason.DUST  # noqa: PT017
    else:
        assert again.amount_out + slack >= amount


def accounts_hold_the_pool(program: Program[P], pool: P, snapshot: Snapshot) -> None:
    """What is written is read as the same pool, at any time, and nothing more is wanted."""
    accounts = {account.address: account for account in program.encode(pool)}
    seen = Snapshot(accounts, snapshot.time)
    assert program.required_accounts(pool.address, seen) == ()
    assert program.decode(pool.address, seen) == pool
    now = snapshot.time
    for later in (-(10**6), -1, 1, 10**6):
        for epoch in (now.epoch, now.epoch + (1 if later > 0 else -1)):
            time = ChainTime(Slot(max(now.slot + later, 0)), now.unix_s + later, epoch)
            assert pool.at(time) == program.decode(pool.address, Snapshot(accounts, time))


def any_bytes_are_decoded_or_refused(program: Program[P], pool: P, at: int, byte: int) -> None:
    """A pool with one byte changed decodes, or is refused with the declared error alone."""
    for changed in program.encode(pool):
        data = bytearray(changed.data)
        data[at % len(data)] ^= byte
        accounts = {account.address: account for account in program.encode(pool)}
        accounts[changed.address] = type(changed)(changed.address, changed.owner, bytes(data))
        seen = Snapshot(accounts, _time(pool))
        try:
            program.required_accounts(pool.address, seen)
            decoded = program.decode(pool.address, seen)
            decoded.amount_out(decoded.mint_a, 10**6)
            decoded.amount_in(decoded.mint_b, 10**3)
        except PoolRejected:
            continue


def _time(pool: Pool) -> ChainTime:
    time: ChainTime = pool.time  # type: ignore[attr-defined]
    return time
