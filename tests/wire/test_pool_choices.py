"""Hold `pools` to naming every pool with one word, its share or its distance, within its limit."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from bench.sample_pools import made, site
from cambist.orders.intent import Intent
from cambist.orders.terms import Terms
from cambist.routing.exclusion_codes import refused, with_exclusion_codes
from cambist.routing.router import MarketSnapshot, find_route
from cambist.values import json_codec
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL, Address
from cambist.values.route import Leg, Quote, QuoteFailure, Route
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC, Pair
from cambist.venues.reject_reasons import SENTENCES, RejectReason
from cambist.venues.snapshot import PoolRejected
from cambist.wire.considered_pools import POOLS_TOLD_MAX, pool_choices

GIVEN, TAKEN = Address("given"), Address("taken")


def _quote(name: str, out: int) -> Quote:
    amounts = (RawAmount(1_000), RawAmount(out), RawAmount(2), Bps(25))
    return Quote("raydium", Address(name), *amounts, 0, Slot(1), "cpmm")


def _leg(name: str, given: int, path: int) -> Leg:
    amounts = (RawAmount(given), RawAmount(given), RawAmount(1))
    return Leg("raydium", Address(name), GIVEN, TAKEN, "cpmm", "exact_in", *amounts, path)


ROUTE = Route(
    "exact_in",
    (_leg("one", 750, 0), _leg("two", 250, 1)),
    RawAmount(1_000),
    RawAmount(1_000),
    RawAmount(990),
    "",
    (_quote("one", 999), _quote("two", 998), _quote("three", 990)),
    with_exclusion_codes((QuoteFailure("meteora", "venue_unreachable", "it is away"),)),
)


def _told(route: Route) -> tuple[list[dict[str, object]], int]:
    pools, more = pool_choices(route)
    return msgspec.json.decode(msgspec.json.encode(pools)), more


def test_every_pool_is_told_with_its_share_its_distance_or_its_word() -> None:
    told, more = _told(ROUTE)
    assert more == 0
    assert [(event.get("pool"), event["word"]) for event in told] == [
        ("one", "taken"),
        ("two", "taken"),
        ("three", "worse_rate"),
        (None, "unreachable"),
    ]
    assert [one.get("share") for one in told] == [75, 25, None, None]
    assert [one.get("worseBps") for one in told] == [None, None, 100, None]
    assert told[3]["reason"] == "it is away"


def test_a_route_of_one_swap_has_all_of_the_amount() -> None:
    alone = Leg("raydium", Address("one"), GIVEN, TAKEN)
    told, _ = _told(replace(ROUTE, legs=(alone,)))
    assert (told[0]["word"], told[0]["share"], told[0]["program"]) == ("taken", 100, "cpmm")


def test_what_is_beyond_the_limit_is_counted() -> None:
    absent = tuple(
        QuoteFailure("meteora", "pool_refused", str(n), "dlmm", "stale") for n in range(30)
    )
    told, more = _told(replace(ROUTE, absent=absent, unlisted=5))
    assert len(told) == POOLS_TOLD_MAX
    assert more == 3 + 30 - POOLS_TOLD_MAX + 5


@pytest.mark.parametrize("refusal", RejectReason)
def test_every_refusal_has_a_word_whatever_its_sentence(
    refusal: RejectReason, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = made("dlmm", site("one"))
    word = refused(pool, PoolRejected(refusal)).why
    assert word in {
        "too_small", "not_open", "program_unchecked", "account_missing", "beyond_size",
        "no_exact_out", "refused",
    }  # fmt: skip
    monkeypatch.setitem(SENTENCES, refusal, "Something else.")
    told = refused(pool, PoolRejected(refusal, "17"))
    assert (told.why, told.reason) == (word, "Something else. (17)")
    assert (told.venue, told.program, told.code) == ("meteora", "dlmm", "pool_refused")


def test_a_route_tells_the_word_of_a_refusal_and_not_of_its_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for refusal in (RejectReason.NOT_ENOUGH_LIQUIDITY, RejectReason.TOO_FAR):
        monkeypatch.setitem(SENTENCES, refusal, "Something else.")
    pools = [made("cpmm", site("deep", usd=10**9)), made("dlmm", site("shallow", usd=100))]
    pair = Pair(SOL, USDC)
    intent = Intent("market", LOCAL, pair, "exact_in", RawAmount(10**12), Terms(Bps(50)))
    route = find_route(intent, MarketSnapshot(pools))
    assert isinstance(route, Route)
    assert [(failure.program, failure.why) for failure in route.absent] == [("dlmm", "beyond_size")]


def test_what_was_stored_before_there_were_words_is_read() -> None:
    stored = msgspec.json.decode(json_codec.encode(ROUTE))
    del stored["unlisted"]
    for one in stored["absent"]:
        del one["why"]
    read = json_codec.decoder(Route).decode(msgspec.json.encode(stored))
    assert read.unlisted == 0
    assert pool_choices(read)[0][-1].word == "refused"
