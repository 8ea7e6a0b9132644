"""Hold the paper market to the epochs of its clock: transfer fees change with them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cambist.curves.transfer_fee import TransferFee
from cambist.paper import pool_states
from cambist.paper.pool_states import PoolStates, first_pool, pool_key, time_of
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC
from cambist.venues.quoting import worst_case
from cambist.venues.raydium.cpmm import CpmmPool
from cambist.venues.snapshot import LANDING_DELAY_SLOTS, SLOTS_PER_EPOCH
from cambist.venues.tokens import FeeChange

KEY = pool_key("cpmm", SOL.mint, USDC.mint)
AMOUNT = 10**9
SWITCH = 3
"""The epoch whose beginning is played."""


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> PoolStates:
    """Return a market whose SOL costs a transfer fee from an epoch on."""
    plain = first_pool(KEY)
    assert isinstance(plain, CpmmPool)
    change = FeeChange(TransferFee(0, 0), TransferFee(100, 10**18), SWITCH)
    sol, other = "token_a", plain.token_a
    if other.address != SOL.mint:
        sol, other = "token_b", plain.token_b
    taxed = replace(plain, **{sol: replace(other, change=change)})
    monkeypatch.setattr(pool_states, "first_pool", lambda _: taxed)
    return PoolStates(1, lambda _: None)


def test_the_epoch_follows_the_slot() -> None:
    for slot, epoch in ((0, 0), (SLOTS_PER_EPOCH - 1, 0), (SLOTS_PER_EPOCH, 1), (10**6, 2)):
        assert time_of(Slot(slot)).epoch == epoch


def test_a_transfer_fee_holds_from_its_epoch_on(book: PoolStates) -> None:
    switch = SWITCH * SLOTS_PER_EPOCH
    before, after = (book.seen(KEY, Slot(slot)) for slot in (switch - 1, switch))
    one, two = (pool.swap(SOL.mint, "exact_in", AMOUNT) for pool in (before, after))
    assert (one.fees.transfer_in, two.fees.transfer_in) == (0, AMOUNT // 100)
    assert (before.is_time_dependent, after.is_time_dependent) == (True, False)


def test_a_bound_counts_the_next_epoch_only_where_it_may_begin_meanwhile(book: PoolStates) -> None:
    switch = SWITCH * SLOTS_PER_EPOCH
    near, far = (
        book.seen(KEY, Slot(switch - slots))
        for slots in (LANDING_DELAY_SLOTS, LANDING_DELAY_SLOTS + 1)
    )
    for pool, fee in ((near, AMOUNT // 100), (far, 0)):
        assert worst_case(pool, SOL.mint, "exact_in", AMOUNT).fees.transfer_in == fee
