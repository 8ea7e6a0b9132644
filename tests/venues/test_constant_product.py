"""Hold the pool of two reserves to its own quotes."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.faults import Code, Fault
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.route import Quote
from cambist.values.time_units import Slot
from cambist.venues.constant_product import ConstantProductPool

A, B = Address("mint a"), Address("mint b")
POOL = ConstantProductPool("raydium", Address("pool"), A, B, 10**12, 10**10, 2_500, Slot(7))


def _is_quote(answer: Quote | Fault) -> Quote:
    assert isinstance(answer, Quote)
    return answer


@given(st.integers(1, 2**62), st.sampled_from([A, B]))
def test_a_swap_leaves_the_reserves_that_its_quote_implies(amount: int, mint_in: Address):
    quote = POOL.quote(mint_in, "exact_in", amount)
    if isinstance(quote, Fault):
        assert quote.code is Code.POOL_REFUSED
        return
    after = POOL.swapped(mint_in, quote.amount_in, quote.amount_out)
    assert after.reserve_a * after.reserve_b >= POOL.reserve_a * POOL.reserve_b
    assert min(after.reserve_a, after.reserve_b) > 0
    given_a = quote.amount_in if mint_in == A else -quote.amount_out
    assert after.reserve_a - POOL.reserve_a == given_a


@given(st.integers(1, 10**10 - 10**4))
def test_an_exact_out_quote_buys_exactly_what_was_asked(amount: int):
    quote = _is_quote(POOL.quote(A, "exact_out", amount))
    assert quote.amount_out == amount
    again = POOL.quote(A, "exact_in", quote.amount_in)
    assert _is_quote(again).amount_out >= amount


def test_a_quote_says_which_pool_fee_and_slot_it_is_of():
    quote = _is_quote(POOL.quote(A, "exact_in", 10**9))
    assert (quote.venue, quote.pool, quote.fee_bps, quote.slot) == ("raydium", "pool", 25, 7)
    assert quote.fee == 2_500_000


def test_a_pool_refuses_what_it_cannot_trade_in_a_plain_sentence():
    full = replace(POOL, reserve_a=RAW_MAX - 10)
    refused = {
        "The pool would pay nothing for so small an amount.": POOL.quote(A, "exact_in", 1),
        "The pool holds less than the amount asked for.": POOL.quote(A, "exact_out", 10**10),
        "The pool cannot hold so large an amount.": full.quote(A, "exact_in", 10**12),
        "The pool does not hold the token given.": POOL.quote(Address("c"), "exact_in", 5),
    }
    for sentence, answer in refused.items():
        assert isinstance(answer, Fault)
        assert (answer.code, answer.message) == (Code.POOL_REFUSED, sentence)
