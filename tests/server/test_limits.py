"""Hold callers to their rates, by key and by address, with a wait that is true."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.clock import ManualClock
from cambist.coordination.memory_rate_limits import InMemoryRateLimiter
from cambist.engine import quote_budget
from cambist.faults import RequestRejected
from cambist.server.auth.caller import Caller
from cambist.server.auth.caller_limits import CallerRateLimits, RateLimitExceeded
from cambist.server.client_address import Address, TrustedProxies, read_hop, subnet_of
from cambist.server.protocol.connections import ConnectionRegistry
from cambist.server.settings import CallerRates, ConnectionLimits
from cambist.values.ids import LOCAL
from tests.server.app_harness import ORDER, until
from tests.server.authenticated_app import FREE, UNLIMITED, locked, locked_on_a_port

BAD = {"authorization": "Bearer hello"}
KEY = Caller(LOCAL, "key")


def with_rates(**rates: int) -> CallerRates:
    return replace(UNLIMITED, **rates)


async def test_the_wait_that_is_told_is_enough_and_a_second_less_is_not() -> None:
    clock = ManualClock()
    tolls = CallerRateLimits(InMemoryRateLimiter(clock), with_rates(key_orders_per_minute=7))
    await tolls.orders(KEY, 7)
    with pytest.raises(RateLimitExceeded) as limited:
        await tolls.orders(KEY, 1)
    seconds = limited.value.retry_after_seconds
    assert seconds == 9  # a token comes every 8.57 s
    await clock.push((seconds - 1) * 1_000)
    with pytest.raises(RateLimitExceeded):
        await tolls.orders(KEY, 1)
    await clock.push(1_000)
    await tolls.orders(KEY, 1)


async def test_more_than_ever_fit_are_not_told_to_wait() -> None:
    tolls = CallerRateLimits(
        InMemoryRateLimiter(ManualClock()), with_rates(key_orders_per_minute=7)
    )
    with pytest.raises(RequestRejected) as refused:
        await tolls.orders(KEY, 8)
    assert not isinstance(refused.value, RateLimitExceeded)
    await tolls.orders(KEY, 7)


async def test_orders_are_held_to_the_rate_of_their_key(tmp_path: Path) -> None:
    settings = replace(FREE, rates=with_rates(key_orders_per_minute=2))
    async with locked(tmp_path, settings) as rooms:
        plain, own = await rooms.key(), await rooms.key(orders_per_minute=3)
        for key, most in ((plain, 2), (own, 3)):
            for _ in range(most):
                taken = await rooms.client.post("/api/orders", json=ORDER, headers=key)
                assert taken.status_code == 202
            refused = await rooms.client.post("/api/orders", json=ORDER, headers=key)
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert 1 <= int(refused.headers["retry-after"]) <= 30
            assert (await rooms.client.get("/api/orders", headers=key)).status_code == 200
        assert (await rooms.client.get("/api/orders", headers=own)).json()["total"] == 5


async def test_a_batch_takes_its_count_or_nothing(tmp_path: Path) -> None:
    settings = replace(FREE, rates=with_rates(key_orders_per_minute=10))
    async with locked(tmp_path, settings) as rooms:
        key = await rooms.key()

        async def post(orders: int) -> int:
            body = {"orders": [ORDER] * orders}
            answer = await rooms.client.post("/api/orders/batch", json=body, headers=key)
            return answer.status_code

        assert [await post(6), await post(5), await post(4), await post(1)] == [200, 429, 200, 429]
        assert await post(11) == 403
        assert (await rooms.client.get("/api/orders", headers=key)).json()["total"] == 10


async def test_requests_and_new_streams_have_rates_of_their_own(tmp_path: Path) -> None:
    rates = with_rates(key_requests_per_minute=4, key_streams_per_minute=1)
    async with locked_on_a_port(tmp_path, replace(FREE, rates=rates)) as rooms:
        key = await rooms.key()
        accept = {**key, "accept": "text/event-stream"}
        async with rooms.client.stream("GET", "/api/events", headers=accept) as told:
            assert told.status_code == 200
        assert (await rooms.client.get("/api/events", headers=accept)).status_code == 429
        for _ in range(2):
            assert (await rooms.client.get("/api/orders", headers=key)).status_code == 200
        refused = await rooms.client.get("/api/orders", headers=key)
        assert refused.status_code == 429
        assert "requests a minute" in refused.json()["detail"]


async def test_a_key_has_so_many_streams_and_gets_them_back(tmp_path: Path) -> None:
    settings = replace(FREE, key_streams_max=1)
    async with locked_on_a_port(tmp_path, settings) as rooms:
        key, other = await rooms.key(), await rooms.key()
        for _ in range(2):
            async with rooms.client.stream("GET", "/api/events", headers=key) as told:
                assert told.status_code == 200
                crowded = await rooms.client.get("/api/events", headers=key)
                assert (crowded.status_code, crowded.headers["retry-after"]) == (429, "1")
                async with rooms.client.stream("GET", "/api/events", headers=other) as theirs:
                    assert theirs.status_code == 200
            await until(lambda: not rooms.app.concurrency._by_key)


async def test_bad_keys_are_counted_by_address_and_good_ones_never_suffer(tmp_path: Path) -> None:
    settings = replace(FREE, rates=with_rates(auth_failures_per_minute=3))
    async with locked(tmp_path, settings) as rooms:
        key = await rooms.key()
        asked = [await rooms.client.get("/api/orders", headers=BAD) for _ in range(5)]
        assert [request.status_code for request in asked] == [401, 401, 401, 429, 429]
        assert (await rooms.client.get("/api/orders", headers=key)).status_code == 200
        assert (await rooms.client.get("/api/orders")).status_code == 401


async def test_strangers_are_counted_by_address_once_there_are_keys(tmp_path: Path) -> None:
    settings = replace(FREE, rates=with_rates(address_requests_per_minute=2))
    async with locked(tmp_path, settings) as rooms:
        key = await rooms.key()
        asked = [(await rooms.client.get(path)).status_code for path in ("/", "/api/orders", "/")]
        assert asked == [200, 401, 429]
        assert (await rooms.client.get("/api/orders", headers=key)).status_code == 200
    assert CallerRates().address_requests_per_minute is None
    assert CallerRates().strangers_per_minute > 0


async def test_a_loopback_without_keys_is_counted_only_if_asked_for(tmp_path: Path) -> None:
    async with locked(tmp_path, replace(FREE, rates=CallerRates())) as rooms:
        asked = [(await rooms.client.get("/")).status_code for _ in range(700)]
        assert set(asked) == {200}
    settings = replace(FREE, rates=CallerRates(address_requests_per_minute=1))
    async with locked(tmp_path, settings) as rooms:
        asked = [(await rooms.client.get("/")).status_code for _ in range(2)]
        assert asked == [200, 429]


async def test_only_a_trusted_proxy_is_believed_and_only_its_last_word(tmp_path: Path) -> None:
    rates = with_rates(auth_failures_per_minute=1)
    for proxies, statuses in (
        ((), [401, 429, 429]),
        (("127.0.0.0/8",), [401, 401, 429]),
    ):
        settings = replace(FREE, rates=rates, trusted_proxies=proxies)
        async with locked(tmp_path / str(len(proxies)), settings) as rooms:
            await rooms.key()
            told = ("203.0.113.7", "203.0.113.8", "9.9.9.9, 203.0.113.7")
            asked = [
                await rooms.client.get("/api/orders", headers={**BAD, "x-forwarded-for": event})
                for event in told
            ]
            assert [request.status_code for request in asked] == statuses


def source(peer: str, forwarded: str, *trusted: str) -> str:
    headers = [(b"x-forwarded-for", forwarded.encode("latin-1"))]
    return TrustedProxies(trusted).source_of({"client": (peer, 1), "headers": headers})


def test_a_source_is_the_last_hop_that_is_not_ours() -> None:
    proxy = "10.0.0.0/8"
    assert source("10.0.0.1", "1.1.1.1, 2.2.2.2", proxy) == "2.2.2.2"
    assert source("10.0.0.1", "1.1.1.1, 2.2.2.2, 10.0.0.2", proxy) == "2.2.2.2"
    assert source("10.0.0.1", "1.1.1.1, nonsense", proxy) == "unreadable:nonsense"
    assert source("10.0.0.1", "1.1.1.1, nonsense, 10.0.0.2", proxy) == "unreadable:nonsense"
    assert source("10.0.0.1", "2.2.2.2, , ", proxy) == "2.2.2.2"
    assert source("10.0.0.1", "", proxy) == "10.0.0.1"
    assert source("3.3.3.3", "1.1.1.1", proxy) == "3.3.3.3"
    assert source("::ffff:10.0.0.1", "2.2.2.2", proxy) == "2.2.2.2"
    assert source("10.0.0.1", "2001:db8:1:2:3::4", proxy) == "2001:db8:1:2::/64"
    assert source("fe80::1%eth0", "2.2.2.2", proxy) == "fe80::/64"
    assert TrustedProxies(()).source_of({"client": None, "headers": []}) == "unknown"


V4 = "203.0.113.7"
V6 = "2001:db8:1:2::3"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (V4, V4),
        (f"{V4}:49152", V4),
        (f" {V4}:1 ", V4),
        (f"{V4} :49152", V4),
        (f'"{V4}"', V4),
        (f"[{V6}]", V6),
        (f"[{V6}]:49152", V6),
        (f'"[{V6}]:49152"', V6),
        (V6, V6),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::ffff:203.0.113.7", V4),
        ("[::ffff:203.0.113.7]:80", V4),
        ("::1", "::1"),
    ],
)
def test_an_address_is_found_in_whatever_form_a_proxy_writes_it(written: str, told: str) -> None:
    assert str(read_hop(written)) == told
    sent = f"198.51.100.9, {written}"
    assert source("10.0.0.1", sent, "10.0.0.0/8") == subnet_of(told)


@pytest.mark.parametrize(
    "written",
    [
        f"{V4}:", f"{V4}:port", f"{V4}:123456", f"[{V4}]", f"[{V6}", f"{V6}]", f"[{V6}]x", "[]",
        "unknown", "_hidden", "203.0.113.", "1.2.3.4.5:80", "localhost:80",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_stranger_of_its_own_and_never_the_proxy(written: str) -> None:
    assert read_hop(written) is None
    assert source("10.0.0.1", written, "10.0.0.0/8") == f"unreadable:{written}"
    long = source("10.0.0.1", "x" * 4_000, "10.0.0.0/8")
    assert len(long) < 100


@given(
    st.ip_addresses(),
    st.sampled_from(["{}", " {} ", '"{}"', "{}:1", "[{}]", "[{}]:65535"]),
)
def test_every_address_is_read_in_every_form_it_may_have(address: Address, form: str) -> None:
    is_bracketed, has_port = "[" in form, form.endswith("}:1")
    if (address.version == 4 and is_bracketed) or (address.version == 6 and has_port):
        return
    told = read_hop(form.format(address))
    mapped = getattr(address, "ipv4_mapped", None)
    assert told == (mapped or address)


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("10.0.0.1", "https", "https"), ("10.0.0.1", "HTTPS", "https"), ("10.0.0.1", "", "http"),
        ("10.0.0.1", "http, https", "https"), ("10.0.0.1", "wss", "https"),
        ("10.0.0.1", "ftp", "http"), ("3.3.3.3", "https", "http"),
    ],
)  # fmt: skip
def test_only_a_trusted_proxy_says_which_scheme_its_client_used(
    peer: str, proto: str, scheme: str
) -> None:
    headers = [(b"x-forwarded-proto", proto.encode())] if proto else []
    call = {"client": (peer, 1), "headers": headers, "scheme": "http"}
    assert TrustedProxies(("10.0.0.0/8",)).scheme_of(call) == scheme


@given(st.text(max_size=200))
def test_no_header_breaks_the_reading_of_a_source(text: str) -> None:
    forwarded = text.encode("utf-8", "replace").decode("latin-1")
    assert source("10.0.0.1", forwarded, "10.0.0.0/8")


def test_connections_are_counted_by_subscriber_and_not_behind_a_proxy() -> None:
    connections = ConnectionRegistry(
        ConnectionLimits(address_connections_max=1), TrustedProxies(("10.0.0.1",))
    )
    assert connections.enter("2001:db8::1") is not None
    assert connections.enter("2001:db8::2") is None
    assert connections.enter("2001:db8:0:1::2") is not None
    assert all(connections.enter("10.0.0.1") is not None for _ in range(100))
    guest = connections.enter("1.2.3.4")
    assert guest is not None
    assert connections.enter("1.2.3.4") is None
    guest.leave()
    assert connections.enter("1.2.3.4") is not None
    assert subnet_of("/run/socket") == "/run/socket"


async def test_quotes_and_pools_have_a_rate_of_their_own(tmp_path: Path) -> None:
    settings = replace(FREE, rates=with_rates(key_quotes_per_minute=2))
    async with locked(tmp_path, settings) as rooms:
        key, other = await rooms.key(), await rooms.key()
        pools = "/api/pools?tokenIn=SOL&tokenOut=USDC"
        asked = [
            await rooms.client.post("/api/quotes", json=ORDER, headers=key),
            await rooms.client.get(pools, headers=key),
            await rooms.client.post("/api/quotes", json=ORDER, headers=key),
            await rooms.client.get(pools, headers=key),
        ]
        assert [request.status_code for request in asked] == [200, 200, 429, 429]
        assert "quotes a minute" in asked[2].json()["detail"]
        assert (await rooms.client.post("/api/orders", json=ORDER, headers=key)).status_code == 202
        assert (await rooms.client.get(pools, headers=other)).status_code == 200


async def test_a_quote_that_waited_too_long_is_rejected_with_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quote_budget, "QUEUE_MS", 1)
    async with locked(tmp_path) as rooms, AsyncExitStack() as stack:
        for _ in range(quote_budget.PERMITS):
            await stack.enter_async_context(rooms.engine.quote_budget.permit(None))
        for refused in (
            await rooms.client.post("/api/quotes", json=ORDER),
            await rooms.client.get("/api/pools?tokenIn=SOL&tokenOut=USDC"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert refused.headers["retry-after"] == "1"
