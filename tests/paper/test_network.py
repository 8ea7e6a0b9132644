"""Hold the world to money that sums and luck that repeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.faults import Code
from cambist.orders.lapse_proof import prove_lapsed
from cambist.paper.chain_ledger import Execution, executions, sums
from cambist.paper.fault_model import INSTANT, PPM_ONE, REALISTIC, Profile
from cambist.paper.network import BLOCK_SWAPS_MAX, HEIGHT_RESERVE_SLOTS
from cambist.ports.chain import SwapRequest
from cambist.ports.errors import PortUnavailable
from cambist.values.ids import OrderId
from cambist.values.token import BONK, JUP, SOL, USDC, Pair
from tests.contracts.chain import ask, find_route, seen, sign
from tests.paper.paper_networks import InProcess

ROUGH = replace(
    INSTANT, name="rough", reverted_ppm=200_000, dropped_ppm=200_000, phantom_ppm=100_000
)
PAIRS = [(SOL, USDC), (USDC, SOL), (BONK, SOL), (JUP, USDC), (USDC, JUP)]
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(PAIRS),
        st.integers(1, 10**9),
        st.sampled_from(["exact_in", "exact_out"]),
        st.integers(0, 30),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@asynccontextmanager
async def _network(path: Path, profile: Profile) -> AsyncIterator[InProcess]:
    network = InProcess(path, profile)
    await network.start()
    try:
        yield network
    finally:
        await network.stop()


async def _live(path: Path, deeds: list[Any], profile: Profile) -> None:
    """Do a list of deeds: swap, wait, and now and then drop the world and open it again."""
    async with _network(path, profile) as network:
        for number, (pair, amount, mode, wait, restarts) in enumerate(deeds):
            route = await find_route(network, 10**5 + amount, mode, pair)
            attempt = await sign(network, f"order {number}", route)
            for _ in range(2):
                await network.chain.send(attempt.transaction)
                await network.pass_slots(wait)
            if restarts:
                await network.restart()


@settings(max_examples=15, deadline=None)
@given(DEEDS, st.sampled_from([INSTANT, ROUGH]))
def test_every_mint_sums_to_nothing_and_no_signature_stands_twice(
    deeds: list[Any], profile: Profile
):
    with TemporaryDirectory() as home:
        path = Path(home) / "chain.db"
        asyncio.run(_live(path, deeds, profile))
        assert set(sums(path).values()) <= {0}
        done = executions(path)
        assert len({execution.signature for execution in done}) == len(done)
        assert [execution.slot for execution in done] == sorted(
            execution.slot for execution in done
        )


@settings(max_examples=8, deadline=None)
@given(DEEDS)
def test_the_same_seed_clock_and_orders_give_the_same_executions(deeds: list[Any]):
    def lived(home: str) -> list[Execution]:
        path = Path(home) / "chain.db"
        asyncio.run(_live(path, deeds, ROUGH))
        return executions(path)

    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        assert lived(one) == lived(other)


async def test_a_dropped_send_may_arrive_when_it_is_sent_again(tmp_path: Path):
    profile = replace(INSTANT, dropped_ppm=PPM_ONE // 2)
    async with _network(tmp_path / "chain.db", profile) as network:
        attempts = [await sign(network, f"order {n}") for n in range(20)]
        counts = []
        for _ in range(12):
            for attempt in attempts:
                await network.chain.send(attempt.transaction)
            await network.pass_slots(1)
            counts.append(seen(await ask(network, *attempts)).count(None))
    assert counts[0] > 0
    assert counts[-1] == 0


async def test_a_phantom_is_seen_and_forgotten_and_never_executed(tmp_path: Path):
    profile = replace(INSTANT, phantom_ppm=PPM_ONE)
    async with _network(tmp_path / "chain.db", profile) as network:
        attempt = await sign(network, "one")
        await network.chain.send(attempt.transaction)
        await network.pass_slots(1)
        assert seen(await ask(network, attempt)) == ["processed"]
        assert await network.chain.fetch_fill(attempt.signature) is None
        await network.pass_slots(400)
        witnesses = await ask(network, attempt)
        sighted = replace(attempt, first_seen_slot=attempt.built_slot)
        assert prove_lapsed(sighted, witnesses, profile.rules) == tuple(witnesses)
    assert executions(tmp_path / "chain.db") == []


async def test_a_revert_costs_the_fee_and_nothing_else(tmp_path: Path):
    profile = replace(INSTANT, reverted_ppm=PPM_ONE)
    async with _network(tmp_path / "chain.db", profile) as network:
        world, wallet = network.network, network.signer.address
        before = world.balance(wallet, SOL.mint), world.balance(wallet, USDC.mint)
        attempt = await sign(network, "one")
        await network.chain.send(attempt.transaction)
        await network.pass_slots(1)
        sighting = (await ask(network, attempt))[0].sighting
        assert sighting is not None
        assert sighting.fault is not None
        assert sighting.fault.code is Code.NETWORK_CONGESTED
        after = world.balance(wallet, SOL.mint), world.balance(wallet, USDC.mint)
    assert after == (before[0] - 5_000, before[1])


async def test_a_realistic_transaction_lands_after_two_to_three_seconds(tmp_path: Path):
    profile = replace(REALISTIC, dropped_ppm=0)
    async with _network(tmp_path / "chain.db", profile) as network:
        async with asyncio.TaskGroup() as group:
            quoting = group.create_task(find_route(network))
            await network.clock.push(500)
            assert quoting.done()
        attempts = [await sign(network, f"order {n}", quoting.result()) for n in range(9)]
        for attempt in attempts:
            await network.chain.send(attempt.transaction)
        await network.clock.push(1_900)
        assert set(seen(await ask(network, *attempts))) == {None}
        await network.clock.push(1_200)
        assert None not in seen(await ask(network, *attempts))
        slots = {one.sighting.slot for one in await ask(network, *attempts) if one.sighting}
        assert len(slots) > 1


async def test_a_full_slot_leaves_the_rest_to_the_next(network: InProcess):
    route = await find_route(network, 10**6)
    attempts = [await sign(network, f"order {n}", route) for n in range(BLOCK_SWAPS_MAX + 1)]
    for attempt in attempts:
        await network.chain.send(attempt.transaction)
    await network.pass_slots(1)
    assert seen(await ask(network, *attempts)).count(None) == 1
    await network.pass_slots(1)
    assert None not in seen(await ask(network, *attempts))


async def test_instant_quotes_are_at_hand_and_realistic_ones_are_not(tmp_path: Path):
    pair = Pair(SOL, USDC)
    async with _network(tmp_path / "instant.db", INSTANT) as network:
        asked = await network.market.pools("raydium", pair, "tester")
        assert network.market.cached_pools("raydium", pair) == asked
        await network.pass_slots(HEIGHT_RESERVE_SLOTS + 1)
        assert network.market.cached_pools("raydium", pair) is None
    async with _network(tmp_path / "realistic.db", REALISTIC) as network:
        assert network.market.cached_pools("raydium", pair) is None


async def test_a_venue_that_errs_is_down(tmp_path: Path):
    profile = replace(INSTANT, quote_error_ppm=PPM_ONE)
    async with _network(tmp_path / "chain.db", profile) as network:
        with pytest.raises(PortUnavailable):
            await network.market.pools("raydium", Pair(SOL, USDC), "tester")


async def test_bytes_nobody_signed_are_not_taken(network: InProcess):
    attempt = await sign(network, "one")
    with pytest.raises(PortUnavailable):
        await network.chain.send(attempt.transaction[:-2] + b" }")
    await network.pass_slots(2)
    assert seen(await ask(network, attempt)) == [None]


async def test_every_wallet_is_funded_on_first_use(network: InProcess):
    for token in (SOL, USDC, BONK):
        held = network.network.balance(network.signer.address, token.mint)
        assert held == 10**6 * 10**token.decimals


async def test_a_message_with_a_negative_amount_is_no_message(network: InProcess):
    route = await find_route(network)
    bad = replace(route, bound=-1)
    message = network.chain.build_message(
        SwapRequest(OrderId("one"), 1, network.signer.address, bad, "one/1"),
        await network.chain.blockhash(),
    )
    why = await network.chain.simulate(message)
    assert why is not None
    assert why.code is Code.TRANSACTION_REFUSED


async def test_a_token_has_no_pool_with_itself(network: InProcess):
    assert await network.market.pools("raydium", Pair(SOL, SOL), "tester") == ()
    assert await network.market.pools("nowhere", Pair(SOL, USDC), "tester") == ()
