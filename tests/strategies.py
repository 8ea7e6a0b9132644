"""Draw any value, fact and order of the house, for properties."""

from __future__ import annotations

from hypothesis import strategies as st

from cambist.faults import Code, Fault
from cambist.orders import events
from cambist.orders.attempt import Attempt, Fill, NodeObservation, SignatureStatus
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.orders.trigger import Exchange, PriceObservation
from cambist.values import base58
from cambist.values.amount import RAW_MAX, RawAmount
from cambist.values.ids import LOCAL, Address, Signature, order_id
from cambist.values.price import price_level
from cambist.values.route import Leg, Quote, QuoteFailure, Route
from cambist.values.token import Pair, Token

BIG = 2**53 - 1

raws = st.integers(1, RAW_MAX).map(RawAmount)
some_raws = st.one_of(st.sampled_from([1, 2**53, 2**63 - 1, 2**63, RAW_MAX]).map(RawAmount), raws)
bps = st.integers(0, 10_000)
moments = st.integers(0, BIG)
slots = st.integers(0, BIG)
heights = st.integers(0, BIG)
decimals = st.integers(0, 18)
words = st.text(st.characters(codec="utf-8"), max_size=40)
symbols = st.from_regex(r"[A-Z0-9]{1,16}", fullmatch=True)
addresses = st.binary(min_size=32, max_size=32).map(base58.encode).map(Address)
signatures = st.binary(min_size=64, max_size=64).map(base58.encode).map(Signature)
order_ids = st.builds(order_id, st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))

faults = st.builds(Fault, st.sampled_from(Code), words, st.none() | words)
tokens = st.builds(Token, symbols, addresses, decimals, st.booleans())
pairs = st.builds(Pair, tokens, tokens)
levels = st.builds(price_level, st.integers(1, 10**60), st.integers(1, 10**60))
terms = st.builds(
    Terms,
    st.integers(1, 5_000),
    st.integers(1, 10),
    st.none() | moments,
    st.none() | levels,
    st.none() | levels,
    st.lists(st.integers(1, 5_000), max_size=3).map(tuple),
    st.sampled_from(["gtc", "fok"]),
    st.integers(1, 20),
    st.none() | moments,
)
modes = st.sampled_from(["exact_in", "exact_out"])
intents = st.builds(
    Intent,
    kind=st.sampled_from(["market", "limit", "take_profit", "stop"]),
    principal=st.just(LOCAL),
    pair=pairs,
    mode=modes,
    amount=some_raws,
    terms=terms,
    quoted=st.sampled_from(["pair", "buy", "sell"]),
    client_order_id=st.none() | words,
    wallet=st.none() | addresses,
    user_id=st.none() | words,
)
quotes = st.builds(
    Quote, words, addresses, some_raws, some_raws, some_raws, bps, st.integers(0, BIG), slots
)
legs = st.builds(Leg, words, addresses, addresses, addresses)
absents = st.builds(QuoteFailure, words, words, words)


def few(of: st.SearchStrategy) -> st.SearchStrategy:
    """Draw tuples of at most three."""
    return st.lists(of, max_size=3).map(tuple)


routes = st.builds(
    Route,
    mode=modes,
    legs=st.lists(legs, min_size=1, max_size=2).map(tuple),
    amount_in=some_raws,
    amount_out=some_raws,
    bound=some_raws,
    reason=words,
    quotes=few(quotes),
    absent=few(absents),
)
flown = st.just(Signature("Sig1"))
"""The signature of the first attempt of `tests.order_factory`: the one whose fate may be told."""
fills = st.builds(Fill, flown, some_raws, some_raws, some_raws, slots)
sightings = st.builds(
    SignatureStatus,
    st.sampled_from(["processed", "confirmed", "finalized"]),
    slots,
    st.none() | faults,
)
witnesses = st.builds(
    NodeObservation,
    words,
    slots,
    heights,
    slots,
    slots,
    st.booleans(),
    st.none() | sightings,
)
attempts = st.builds(
    Attempt,
    number=st.integers(1, 10),
    signature=signatures,
    blockhash=addresses,
    last_valid_height=heights,
    built_slot=slots,
    transaction=st.binary(min_size=1, max_size=1_232),
)
setbacks = st.builds(events.FailedTry, st.integers(1, 10), faults, st.none() | signatures)

exchanges = st.builds(Exchange, some_raws, some_raws)
observations = st.builds(
    PriceObservation,
    slots,
    st.none() | exchanges,
    st.none() | exchanges,
    st.integers(1, 20),
    st.booleans(),
)

FACTS: dict[type[events.OrderEvent], st.SearchStrategy] = {
    events.Accepted: st.builds(events.Accepted, intents),
    events.Amended: st.builds(events.Amended, terms),
    events.CancelRequested: st.builds(events.CancelRequested),
    events.WrittenOff: st.builds(events.WrittenOff, words, words),
    events.Started: st.builds(events.Started),
    events.Armed: st.builds(
        events.Armed, st.none() | levels, st.none() | observations, st.none() | moments
    ),
    events.Triggered: st.builds(events.Triggered, st.none() | levels, st.none() | observations),
    events.Touched: st.builds(events.Touched, levels, observations),
    events.Rearmed: st.builds(
        events.Rearmed, faults, st.integers(2, 10), moments, st.sampled_from(["trigger", "limit"])
    ),
    events.Routed: st.builds(events.Routed, routes, st.none() | st.integers(1, 5_000)),
    events.Signed: st.builds(
        events.Signed,
        st.integers(1, 10),
        flown | signatures,
        addresses,
        heights,
        slots,
        st.binary(min_size=32, max_size=32).map(bytes.hex),
    ),
    events.Sent: st.builds(events.Sent, st.none() | faults),
    events.Seen: st.builds(events.Seen, slots),
    events.Landed: st.builds(events.Landed, fills),
    events.Reverted: st.builds(events.Reverted, flown, faults, slots),
    events.Lapsed: st.builds(events.Lapsed, flown, few(witnesses)),
    events.RetryScheduled: st.builds(events.RetryScheduled, faults, st.integers(2, 10), moments),
    events.Cancelled: st.builds(events.Cancelled),
    events.Expired: st.builds(events.Expired, st.none() | faults),
    events.Failed: st.builds(events.Failed, faults, few(setbacks)),
    events.Finalized: st.builds(events.Finalized, slots),
    events.RolledBack: st.builds(events.RolledBack, few(witnesses)),
}
facts = st.one_of(*FACTS.values())
