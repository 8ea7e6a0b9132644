"""Hold the paper chain behind a socket to the contract of every chain, and to coming back."""

from __future__ import annotations

import asyncio
from asyncio import Runner, TaskGroup
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import uvloop

from cambist.clock import ManualClock
from cambist.paper.adapters import PaperChain, PaperSigner
from cambist.paper.fault_model import INSTANT, REALISTIC, Profile
from cambist.paper.rpc import client
from cambist.paper.rpc.client import RECONNECT_MS, RemoteChain, RemoteMarket, RpcConnection
from cambist.paper.rpc.pool_codec import PoolRecord, PoolWriter
from cambist.paper.rpc.protocol import RpcAddress
from cambist.paper.rpc.server import serve
from cambist.ports.errors import PortUnavailable
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC, Pair
from cambist.venues.pool import Pool
from tests.contracts.chain import ChainContract, ask, find_route, seen, sign
from tests.paper.paper_networks import SEED, running
from tests.server.app_harness import until
from tests.servers.machine import free_port

PAIR = Pair(SOL, USDC)


@asynccontextmanager
async def _until_left(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    async with TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()


class OverSocket:
    """A network behind a socket; `restart` drops the world while the client stays."""

    def __init__(
        self, home: Path, profile: Profile = INSTANT, place: RpcAddress | None = None
    ) -> None:
        self.clock = ManualClock()
        self.home = home
        self.place = place or home / "s"
        self.profile = profile
        self.signer = PaperSigner(SEED)
        self.client_clock = ManualClock()
        self.remote = RpcConnection(self.client_clock, self.place)
        self.chain = RemoteChain(self.remote, profile.rules)
        self.market = RemoteMarket(self.remote)
        self._client_stack, self._stack = AsyncExitStack(), AsyncExitStack()

    async def start(self) -> None:
        await self._client_stack.enter_async_context(_until_left(self.remote.run()))
        await self.rise()

    async def stop(self) -> None:
        await self.fall()
        await self._client_stack.aclose()

    async def rise(self) -> None:
        path = self.home / "paper-chain.db"
        world = await self._stack.enter_async_context(running(self.clock, path, self.profile))
        serving = _until_left(serve(world, self.clock, self.place))
        await self._stack.enter_async_context(serving)
        while not self.remote.is_up:
            await self.client_clock.push(RECONNECT_MS)

    async def fall(self) -> None:
        await self._stack.aclose()
        while self.remote.is_up:
            await self.client_clock.settle()

    async def restart(self) -> None:
        await self.fall()
        await self.rise()

    async def pass_slots(self, count: int) -> None:
        await self.clock.push(count * self.profile.slot_ms)


@pytest.fixture
async def network() -> AsyncIterator[OverSocket]:
    # A socket's path must be short, and pytest's own folders are not.
    with TemporaryDirectory() as home:
        one = OverSocket(Path(home))
        await one.start()
        yield one
        await one.stop()


@pytest.fixture
async def tcp(tmp_path: Path) -> AsyncIterator[OverSocket]:
    one = OverSocket(tmp_path, place=("127.0.0.1", free_port()))
    await one.start()
    yield one
    await one.stop()


class TestPaperChainOverASocket(ChainContract):
    """The chain as the engine meets it when it is killed alone."""


async def test_over_tcp_a_chain_lands_what_it_took_and_comes_back(tcp: OverSocket):
    attempt = await sign(tcp, "one")
    await tcp.restart()
    await tcp.chain.send(attempt.transaction)
    await tcp.pass_slots(1)
    assert seen(await ask(tcp, attempt)) == ["confirmed"]


async def test_a_chain_whose_machine_went_silent_is_connected_to_anew(
    tcp: OverSocket, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client, "ANSWER_MS_MAX", 50)
    monkeypatch.setattr(PaperChain, "blockhash", lambda _: asyncio.Event().wait())
    line = tcp.remote._writer
    with pytest.raises(PortUnavailable, match="did not answer"):
        await tcp.chain.blockhash()
    while tcp.remote._writer in (line, None):
        await tcp.client_clock.push(RECONNECT_MS)


async def test_pools_that_did_not_change_come_without_their_numbers(
    network: OverSocket, monkeypatch: pytest.MonkeyPatch
):
    written: list[PoolRecord | Slot] = []
    real = PoolWriter.write

    def write(self: PoolWriter, pool: Pool, since: Slot | None = None) -> PoolRecord | Slot:
        written.append(real(self, pool, since))
        return written[-1]

    monkeypatch.setattr(PoolWriter, "write", write)
    whole, short = 0, 0
    for _ in range(40):
        known = await network.market.pools("raydium", PAIR, "tester")
        whole += sum(isinstance(record, PoolRecord) for record in written)
        short += sum(not isinstance(record, PoolRecord) for record in written)
        fresh = await RemoteMarket(network.remote).pools("raydium", PAIR, "tester")
        assert known == fresh
        written.clear()
        await network.pass_slots(1)
    assert 0 < whole < short
    await network.restart()
    await network.market.pools("raydium", PAIR, "tester")
    assert all(isinstance(record, PoolRecord) for record in written)


async def test_a_chain_that_is_away_is_down_and_comes_back(network: OverSocket):
    attempt = await sign(network, "one")
    await network.fall()
    with pytest.raises(PortUnavailable):
        await network.chain.send(attempt.transaction)
    with pytest.raises(PortUnavailable):
        await network.market.pools("raydium", PAIR, "tester")
    await network.rise()
    await network.chain.send(attempt.transaction)
    await network.pass_slots(1)
    assert seen(await ask(network, attempt)) == ["confirmed"]


async def test_a_question_the_chain_left_open_fails_when_it_goes():
    with TemporaryDirectory() as home:
        slow = OverSocket(Path(home), REALISTIC)
        await slow.start()
        told: list[PortUnavailable] = []

        async def wonder() -> None:
            try:
                await slow.market.pools("raydium", PAIR, "tester")
            except PortUnavailable as down:
                told.append(down)

        async with TaskGroup() as group:
            group.create_task(wonder())
            await slow.clock.settle()
            await slow.fall()
        assert len(told) == 1
        await slow.stop()


async def test_quotes_of_both_venues_are_asked_side_by_side():
    with TemporaryDirectory() as home:
        slow = OverSocket(Path(home), REALISTIC)
        await slow.start()
        async with TaskGroup() as group:
            asked = [
                group.create_task(slow.market.pools(venue, PAIR, "tester"))
                for venue in slow.market.venues
            ]
            await slow.clock.push(250)
            await slow.clock.settle()
        assert [request.result()[0].venue for request in asked] == list(slow.market.venues)
        await slow.stop()


async def test_nothing_is_at_hand_and_tokens_need_no_question(network: OverSocket):
    assert network.market.cached_pools("raydium", PAIR) is None
    await network.fall()
    assert network.market.token("sol") == SOL
    await network.rise()
    assert (await find_route(network)).amount_in == 10**9


def test_a_line_that_broke_this_moment_is_a_world_that_is_away(tmp_path: Path) -> None:
    """On the loop the engine runs on, whose closed lines do not take a word in silence."""

    async def ask_over_a_broken_line() -> None:
        over = OverSocket(tmp_path)
        await over.start()
        try:
            await until(lambda: over.remote.is_up)
            writer = over.remote._writer
            assert writer is not None
            writer.transport.abort()
            with pytest.raises(PortUnavailable):
                await over.chain.blockhash()
        finally:
            await over.stop()

    with Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask_over_a_broken_line())
