"""Hold the world to its file: durable before it is seen, whole or not at all, never back."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cambist import failpoints
from cambist.clock import ManualClock
from cambist.paper.chain_ledger import Block, Ledger, LedgerTakenOver, WrongSeed, executions, sums
from cambist.paper.fault_model import INSTANT
from cambist.paper.network import HEIGHT_RESERVE_SLOTS, PaperNetwork
from cambist.ports.errors import PortUnavailable
from cambist.values.time_units import Height
from cambist.values.token import SOL, USDC, Pair
from tests.contracts.chain import ask, seen, sign
from tests.paper.paper_networks import SEED, InProcess, running
from tests.paper.test_price_paths import APART_MAX, furthest_apart


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
                heights.append((await world.durable_height(), passed))
                await clock.push(slots * INSTANT.slot_ms)
                passed += slots
                heights.append((await world.durable_height(), passed))
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
    failpoints.arm(f"chain.{point}_commit:1:raise")
    await network.pass_slots(1)
    failpoints.arm(None)
    assert isinstance(network.crashes.pop(), failpoints.FailpointTriggered)
    with pytest.raises(PortUnavailable):
        await network.chain.observe(attempts)
    await network.restart()
    assert (None not in seen(await ask(network, *attempts))) is executed
    for attempt in attempts:
        await network.chain.send(attempt.transaction)
    await network.pass_slots(2)
    assert None not in seen(await ask(network, *attempts))
    assert len(executions(network.path)) == 3


async def test_a_commit_on_its_own_thread_is_seen_when_it_is_durable(tmp_path: Path):
    network = InProcess(tmp_path / "chain.db", inline=False)
    await network.start()
    attempt = await sign(network, "one")
    await network.chain.send(attempt.transaction)
    await network.pass_slots(1)
    await network.network.wait_idle()
    assert seen(await ask(network, attempt)) == ["confirmed"]
    await network.stop()
    assert len(executions(network.path)) == 1


async def test_a_ledger_of_another_seed_is_refused(tmp_path: Path):
    async with running(ManualClock(), tmp_path / "chain.db"):
        pass
    with pytest.raises(WrongSeed, match="of the world of seed 7"):
        PaperNetwork(ManualClock(), tmp_path / "chain.db", SEED + 1, inline=True).open()


async def test_a_process_that_never_closed_its_file_has_kept_what_it_told(network: InProcess):
    attempt = await sign(network, "one")
    await network.chain.send(attempt.transaction)
    await network.pass_slots(1)
    told, fill = await ask(network, attempt), await network.chain.fetch_fill(attempt.signature)
    async with running(network.clock, network.path) as second:
        after = await second.observations([(attempt.signature, attempt.blockhash)])
        assert second.fetch_fill(attempt.signature) == fill
        assert after[0].sighting is not None
        assert after[0].height >= told[0].height


async def test_who_opened_a_ledger_first_may_write_no_more_once_another_did(network: InProcess):
    async with running(network.clock, network.path) as second:
        await network.pass_slots(1)
        await second.durable_height()
        with pytest.raises(PortUnavailable):
            await network.network.durable_height()
        await network.clock.settle()
        assert isinstance(network.crashes.pop(), LedgerTakenOver)


async def test_an_execution_too_old_to_be_remembered_is_read_from_the_ledger(
    network: InProcess, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("cambist.paper.chain_ledger.EXECUTIONS_IN_MEMORY_MAX", 2)
    attempts = []
    for number in range(6):
        attempts.append(await sign(network, f"order {number}"))
        await network.chain.send(attempts[-1].transaction)
        await network.pass_slots(1)
    await network.pass_slots(9)
    for _ in range(2):
        assert set(seen(await ask(network, *attempts))) == {"finalized"}
        for attempt in attempts:
            await network.chain.send(attempt.transaction)
        await network.pass_slots(2)
        await network.restart()
    assert len(executions(network.path)) == 6


async def test_nobody_sees_a_slot_before_it_is_durable(
    network: InProcess, monkeypatch: pytest.MonkeyPatch
):
    pair, wallet = Pair(SOL, USDC), network.signer.address
    gate, commits = asyncio.Event(), network.network._commits
    commit = commits.commit

    async def commit_slowly(block: Block) -> None:
        if block.executions:
            await gate.wait()
        await commit(block)

    attempt = await sign(network, "one")
    await network.chain.send(attempt.transaction)
    monkeypatch.setattr(commits, "commit", commit_slowly)
    venues = network.market.venues
    before = [await network.market.pools(venue, pair, "tester") for venue in venues]
    held = network.network.balance(wallet, USDC.mint)
    await network.pass_slots(30)
    witness = (await ask(network, attempt))[0]
    assert witness.sighting is None
    assert await network.chain.fetch_fill(attempt.signature) is None
    assert network.network.balance(wallet, USDC.mint) == held
    for venue, pools in zip(venues, before, strict=True):
        now = await network.market.pools(venue, pair, "tester")
        assert [pool.amount_out(SOL.mint, 10**9) for pool in now] == [
            pool.amount_out(SOL.mint, 10**9) for pool in pools
        ]
    gate.set()
    await network.network.wait_idle()
    sighting = (await ask(network, attempt))[0].sighting
    assert sighting is not None
    assert sighting.slot > witness.height, "nothing lands at or below a height told as final"
    assert network.network.balance(wallet, USDC.mint) > held


def test_the_mark_never_falls(tmp_path: Path):
    ledger = Ledger(tmp_path / "chain.db", SEED)
    for mark in (5_000, 4_000, 12_000, 11_999):
        ledger.write(Block(Height(mark)))
    assert ledger.mark() == 12_000
    ledger.close()


def test_pools_of_an_older_world_go_back_to_the_endowment(tmp_path: Path):
    path = tmp_path / "chain.db"
    Ledger(path, SEED).close()
    with sqlite3.connect(path) as link:
        link.execute(
            "CREATE TABLE pools (venue, mint_a, mint_b, address, reserve_a, reserve_b, slot)"
        )
        row = ("raydium", SOL.mint, USDC.mint, "pool", str(10**19), "7", 5)
        link.execute("INSERT INTO pools VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        rows = [("endowment", SOL.mint, str(-(10**19) - 3)), ("somebody", SOL.mint, "3")]
        link.executemany("INSERT INTO balances VALUES (?, ?, ?)", rows)
        link.execute("INSERT INTO balances VALUES ('somebody', ?, '-7')", (USDC.mint,))
    link.close()
    Ledger(path, SEED).close()
    assert set(sums(path).values()) == {0}
    Ledger(path, SEED).close()
    assert set(sums(path).values()) == {0}


OLDER_POOLS = """
DROP TABLE pool_states;
DROP TABLE token_pushes;
CREATE TABLE pool_states (
    program TEXT NOT NULL, mint_a TEXT NOT NULL, mint_b TEXT NOT NULL, address TEXT NOT NULL,
    held_a TEXT NOT NULL, held_b TEXT NOT NULL, slot INTEGER NOT NULL, shape TEXT NOT NULL,
    PRIMARY KEY (program, mint_a, mint_b)
) WITHOUT ROWID;
"""
"""What tells a ledger written before prices of all pairs agreed."""


async def test_a_ledger_of_before_pairs_agreed_keeps_its_balances_and_begins_at_rest(
    network: InProcess,
):
    attempt = await sign(network, "one")
    await network.chain.send(attempt.transaction)
    await network.pass_slots(1)
    fill, wallet = await network.chain.fetch_fill(attempt.signature), network.signer.address
    held = network.network.balance(wallet, USDC.mint)
    await network.stop()
    with sqlite3.connect(network.path) as link:
        rows = link.execute("SELECT * FROM pool_states").fetchall()
        link.executescript(OLDER_POOLS)
        # The dearest of the pools stood 2 % above the others, in bins of another step.
        for program, a, b, address, held_a, held_b, slot, _, _ in rows:
            older = (program, a, b, address, held_a, held_b, slot, "-773 5 7")
            link.execute("INSERT INTO pool_states VALUES (?, ?, ?, ?, ?, ?, ?, ?)", older)
    link.close()
    await network.start()
    assert rows
    assert await network.chain.fetch_fill(attempt.signature) == fill
    assert network.network.balance(wallet, USDC.mint) == held
    assert seen(await ask(network, attempt)) == ["finalized"]
    assert set(sums(network.path).values()) == {0}
    assert (
        furthest_apart(network.network._runtime.pools, await network.network.durable_height())
        <= APART_MAX
    )
    # The next swap begins its pool anew, and the books still balance.
    await network.chain.send((await sign(network, "two")).transaction)
    await network.pass_slots(1)
    await network.restart()
    assert len(executions(network.path)) == 2
    assert set(sums(network.path).values()) == {0}


async def test_what_orders_left_in_a_tokens_price_outlives_a_restart(network: InProcess):
    for number in range(3):
        await network.chain.send((await sign(network, f"order {number}")).transaction)
    await network.pass_slots(1)
    before = network.network._runtime.pools.pushes.seen(SOL.mint)
    assert before is not None
    assert before.slow_ppb != 0
    await network.restart()
    assert network.network._runtime.pools.pushes.seen(SOL.mint) == before
