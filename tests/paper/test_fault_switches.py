"""Hold each switch of the paper world to doing what it says, the same way every time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from cambist import failpoints
from cambist.clock import ManualClock
from cambist.orders.attempt import Attempt, NodeObservation
from cambist.orders.lapse_proof import prove_lapsed
from cambist.paper.adapters import SECOND
from cambist.paper.fault_model import INSTANT, PPM_ONE
from cambist.paper.fault_switches import (
    ActiveFaults,
    CrashPlan,
    FaultConfig,
    FaultConfigWatcher,
    FaultSwitch,
    read,
    write,
)
from cambist.ports.errors import PortUnavailable
from cambist.values.time_units import Slot, Timestamp
from cambist.values.token import SOL, USDC, Pair
from tests.contracts.chain import sign
from tests.paper.paper_networks import InProcess

ALWAYS = FaultSwitch(PPM_ONE)
HALF = FaultSwitch(PPM_ONE // 2)
PAIR = Pair(SOL, USDC)
NAMES = [f"order {number}" for number in range(40)]


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[InProcess]:
    raised = InProcess(tmp_path / "chain.db", replace(INSTANT, witnesses=2))
    await raised.start()
    yield raised
    await raised.stop()


async def landed(network: InProcess, names: list[str], slots: int = 3) -> list[str]:
    """Send one transaction for each name, and return those that are there after some slots."""
    attempts = {name: await sign(network, name) for name in names}
    for attempt in attempts.values():
        await network.chain.send(attempt.transaction)
    await network.pass_slots(slots)
    return [name for name, attempt in attempts.items() if await is_seen(network, attempt)]


async def both(network: InProcess, attempt: Attempt) -> tuple[NodeObservation, ...]:
    """Return what each endpoint says."""
    (witnesses,) = await network.chain.observe([attempt])
    return witnesses


async def is_seen(network: InProcess, attempt: Attempt) -> bool:
    return any(observation.sighting is not None for observation in await both(network, attempt))


async def test_drop_loses_its_share_of_the_sends_and_always_the_same(
    network: InProcess, tmp_path: Path
) -> None:
    network.network.weather.chaos = FaultConfig(drop=HALF)
    there = await landed(network, NAMES)
    assert 10 <= len(there) <= 30
    other = InProcess(tmp_path / "other.db", replace(INSTANT, witnesses=2))
    await other.start()
    other.network.weather.chaos = FaultConfig(drop=HALF)
    assert await landed(other, NAMES) == there
    await other.stop()


async def test_delay_makes_a_landing_late_and_no_later(network: InProcess) -> None:
    network.network.weather.chaos = FaultConfig(delay=FaultSwitch(INSTANT.slot_ms * 20))
    assert not await landed(network, ["one"], 19)
    await network.pass_slots(2)
    assert [one.order_id for one in await network.chain.executed_since(Slot(0), None, 2)] == ["one"]


async def test_fork_shows_a_landing_and_takes_it_back_below_finality(network: InProcess) -> None:
    network.network.weather.chaos = FaultConfig(fork=ALWAYS)
    attempt = await sign(network, "one")
    await network.chain.send(attempt.transaction)
    await network.pass_slots(2)
    assert {
        observation.sighting.commitment
        for observation in await both(network, attempt)
        if observation.sighting
    } == {"processed"}
    await network.pass_slots(5)
    assert not await is_seen(network, attempt)
    assert await network.chain.fetch_fill(attempt.signature) is None
    network.network.weather.chaos = FaultConfig()
    await network.chain.send(attempt.transaction)
    await network.pass_slots(2)
    assert await network.chain.fetch_fill(attempt.signature) is not None


async def test_lie_denies_what_landed_and_proves_nothing_by_itself(network: InProcess) -> None:
    network.network.weather.chaos = FaultConfig(lie=ALWAYS)
    rules, kinds = network.chain.rules, set()
    for name in NAMES[:10]:
        attempt = await sign(network, name)
        first, second = await both(network, attempt)
        assert second.endpoint == SECOND
        kinds.add(prove_lapsed(attempt, [second], replace(rules, observers_required=1)) is not None)
        assert prove_lapsed(attempt, [first, second], rules) is None
        await network.chain.send(attempt.transaction)
        await network.pass_slots(2)
        first, second = await both(network, attempt)
        assert first.sighting is not None
        assert second.sighting is None
    assert kinds == {True, False}, "of both lies, one would do by itself to pay twice"


async def test_an_honest_second_endpoint_says_what_the_first_says(network: InProcess) -> None:
    attempt = await sign(network, "one")
    first, second = await both(network, attempt)
    assert replace(second, endpoint=first.endpoint) == first


@pytest.mark.parametrize("name", ["busy", "quote_error"])
async def test_venues_fail_their_share_of_the_questions(network: InProcess, name: str) -> None:
    assert network.market.cached_pools("raydium", PAIR) is not None
    network.network.weather.chaos = FaultConfig(**{name: HALF})
    assert network.market.cached_pools("raydium", PAIR) is None, "or nobody would ask"
    said = []
    for reference in NAMES:
        try:
            await network.market.pools("raydium", PAIR, reference)
        except PortUnavailable as down:
            said.append(str(down))
    assert 10 <= len(said) <= 30
    assert ("429" in said[0]) == (name == "busy")


async def test_a_switch_ends_at_its_instant(network: InProcess) -> None:
    until = Timestamp(network.clock.now() + 10 * INSTANT.slot_ms)
    network.network.weather.chaos = FaultConfig(drop=FaultSwitch(PPM_ONE, until))
    assert not await landed(network, ["one"])
    await network.pass_slots(10)
    assert await landed(network, ["two"]) == ["two"]


async def test_the_file_is_followed_and_one_that_nobody_wrote_changes_nothing(
    tmp_path: Path,
) -> None:
    clock, path = ManualClock(), tmp_path / "chaos.json"
    weather = ActiveFaults(clock)
    watch = FaultConfigWatcher(path, weather, clock)
    watch.look()
    assert weather.is_empty
    write(path, FaultConfig(drop=HALF))
    watch.look()
    assert (weather.drop_ppm, weather.fork_ppm) == (PPM_ONE // 2, 0)
    path.write_text('{"rain": 1}')
    watch.look()
    assert weather.drop_ppm == PPM_ONE // 2
    with pytest.raises(ValueError, match="is not what"):
        read(path)
    path.unlink()
    watch.look()
    assert weather.is_empty


async def test_a_crash_is_for_those_who_run_when_it_is_set(tmp_path: Path) -> None:
    clock, path = ManualClock(), tmp_path / "chaos.json"
    old = FaultConfigWatcher(path, ActiveFaults(clock), clock)
    await clock.push(10)
    write(path, FaultConfig(crash=CrashPlan("worker.heard:1:raise", None, clock.now())))
    await clock.push(10)
    FaultConfigWatcher(path, ActiveFaults(clock), clock).look()
    failpoints.failpoint("worker.heard")  # who starts later meets no crash
    old.look()
    with pytest.raises(failpoints.FailpointTriggered):
        failpoints.failpoint("worker.heard")
    write(
        path,
        FaultConfig(
            crash=CrashPlan("worker.heard:1:raise", Timestamp(clock.now() + 5), clock.now())
        ),
    )
    old.look()
    await clock.push(5)
    old.look()
    failpoints.failpoint("worker.heard")
