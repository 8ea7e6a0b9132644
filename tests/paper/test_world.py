"""Hold the world to money that sums, heights that rise, and luck that repeats."""

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

from cambist import faultpoints
from cambist.clock import ManualClock
from cambist.faults import Code
from cambist.orders.death import proof_of_death
from cambist.paper.ledger import Execution, LedgerLost, executions, sums
from cambist.paper.mishaps import INSTANT, PPM_ONE, REALISTIC, Profile
from cambist.paper.world import BLOCK_SWAPS_MAX, HEIGHT_RESERVE_SLOTS, World
from cambist.ports.failures import PortDown
from cambist.values.token import BONK, JUP, SOL, USDC, Pair
from tests.contracts.chain import ask, find_route, seen, sign
from tests.paper.worlds import SEED, InProcess, running

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
        assert len({one.signature for one in done}) == len(done)
        assert [one.slot for one in done] == sorted(one.slot for one in done)


@settings(max_examples=8, deadline=None)
@given(DEEDS)
def test_the_same_seed_clock_and_orders_give_the_same_executions(deeds: list[Any]):
    def lived(home: str) -> list[Execution]:
        path = Path(home) / "chain.db"
        asyncio.run(_live(path, deeds, ROUGH))
        return executions(path)

    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        assert lived(one) == lived(other)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), min_size=1, max_size=12))
def test_heights_never_go_back_and_never_jump_by_downtime(moves: list[tuple[int, bool]]):
    async def told(path: Path) -> list[tuple[int, int]]:
        clock, heights, passed = ManualClock(), [], 0
        for slots, downtime in moves:
            if downtime:
                await clock.push(slots * INSTANT.slot_ms)
                continue
            async with running(clock, path) as world:
                heights.append((await world.tell(), passed))
                await clock.push(slots * INSTANT.slot_ms)
                passed += slots
                heights.append((await world.tell(), passed))
        return heights

    with TemporaryDirectory() as home:
        heights = asyncio.run(told(Path(home) / "chain.db"))
    assert heights == sorted(heights)
    for height, passed in heights:
        assert height - heights[0][0] <= passed + HEIGHT_RESERVE_SLOTS * (len(moves) + 1)


@pytest.mark.parametrize(("point", "executed"), [("before", False), ("after", True)])
async def test_a_crash_around_a_commit_keeps_all_of_the_slot_or_nothing(
    network: InProcess, point: str, executed: bool
):
    attempts = [await sign(network, f"order {n}") for n in range(3)]
    for attempt in attempts:
        await network.chain.send(attempt.transaction)
    faultpoints.arm(f"chain.{point}_commit:1:raise")
    await network.pass_slots(1)
    faultpoints.arm(None)
    assert isinstance(network.crashes.pop(), faultpoints.FaultInjected)
    with pytest.raises(PortDown):
        await network.chain.ask(attempts)
    await network.restart()
    assert (None not in seen(await ask(network, *attempts))) is executed
    for attempt in attempts:
        await network.chain.send(attempt.transaction)
    await network.pass_slots(2)
    assert None not in seen(await ask(network, *attempts))
    assert len(executions(network.path)) == 3


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
        assert await network.chain.receipt(attempt.signature) is None
        await network.pass_slots(400)
        witnesses = await ask(network, attempt)
        sighted = replace(attempt, sighted_slot=attempt.built_slot)
        assert proof_of_death(sighted, witnesses, profile.rules) == tuple(witnesses)
    assert executions(tmp_path / "chain.db") == []


async def test_a_revert_costs_the_fee_and_nothing_else(tmp_path: Path):
    profile = replace(INSTANT, reverted_ppm=PPM_ONE)
    async with _network(tmp_path / "chain.db", profile) as network:
        world, wallet = network.world, network.signer.address
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


async def test_a_commit_on_its_own_thread_is_seen_when_it_is_durable(tmp_path: Path):
    network = InProcess(tmp_path / "chain.db", inline=False)
    await network.start()
    attempt = await sign(network, "one")
    await network.chain.send(attempt.transaction)
    await network.pass_slots(1)
    await network.world.caught_up()
    assert seen(await ask(network, attempt)) == ["confirmed"]
    await network.stop()
    assert len(executions(network.path)) == 1


async def test_instant_quotes_are_at_hand_and_realistic_ones_are_not(tmp_path: Path):
    pair = Pair(SOL, USDC)
    async with _network(tmp_path / "instant.db", INSTANT) as network:
        asked = await network.market.pools("raydium", pair, "tester")
        assert network.market.at_hand("raydium", pair) == asked
        await network.pass_slots(HEIGHT_RESERVE_SLOTS + 1)
        assert network.market.at_hand("raydium", pair) is None
    async with _network(tmp_path / "realistic.db", REALISTIC) as network:
        assert network.market.at_hand("raydium", pair) is None


async def test_a_venue_that_errs_is_down(tmp_path: Path):
    profile = replace(INSTANT, quote_error_ppm=PPM_ONE)
    async with _network(tmp_path / "chain.db", profile) as network:
        with pytest.raises(PortDown):
            await network.market.pools("raydium", Pair(SOL, USDC), "tester")


async def test_a_ledger_of_another_seed_is_refused(tmp_path: Path):
    async with running(ManualClock(), tmp_path / "chain.db"):
        pass
    with pytest.raises(LedgerLost):
        World(ManualClock(), tmp_path / "chain.db", SEED + 1, inline=True).open()


async def test_a_process_that_never_closed_its_file_has_kept_what_it_told(network: InProcess):
    attempt = await sign(network, "one")
    await network.chain.send(attempt.transaction)
    await network.pass_slots(1)
    told, fill = await ask(network, attempt), await network.chain.receipt(attempt.signature)
    async with running(network.clock, network.path) as second:
        after = await second.witnesses([(attempt.signature, attempt.blockhash)])
        assert second.receipt(attempt.signature) == fill
        assert after[0].sighting is not None
        assert after[0].height >= told[0].height


async def test_who_opened_a_ledger_first_may_write_no_more_once_another_did(network: InProcess):
    async with running(network.clock, network.path) as second:
        await network.pass_slots(1)
        await second.tell()
        with pytest.raises(PortDown):
            await network.world.tell()
        await network.clock.settle()
        assert isinstance(network.crashes.pop(), LedgerLost)


async def test_bytes_nobody_signed_are_not_taken(network: InProcess):
    attempt = await sign(network, "one")
    with pytest.raises(PortDown):
        await network.chain.send(attempt.transaction[:-2] + b" }")
    await network.pass_slots(2)
    assert seen(await ask(network, attempt)) == [None]


async def test_every_wallet_is_funded_on_first_use(network: InProcess):
    for token in (SOL, USDC, BONK):
        held = network.world.balance(network.signer.address, token.mint)
        assert held == 10**6 * 10**token.decimals
