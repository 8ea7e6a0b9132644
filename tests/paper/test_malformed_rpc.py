"""Prove that nothing a peer sends ends the paper chain, nor the client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import chain as chain_of
from pathlib import Path
from types import SimpleNamespace

import pytest

from cambist.clock import SystemClock
from cambist.paper import transaction_codec
from cambist.paper.adapters import PaperMarket, PaperSigner
from cambist.paper.fault_model import INSTANT
from cambist.paper.rpc.client import RemoteChain, RemoteMarket, RpcConnection
from cambist.paper.rpc.protocol import (
    GetBlockhash,
    GetExecuted,
    GetFill,
    GetObservations,
    GetPools,
    RpcMethod,
    RpcReply,
    RpcRequest,
    SimulateMessage,
    SubmitTransaction,
)
from cambist.paper.rpc.server import serve
from cambist.paper.transaction_codec import SIGNATURE_BYTES
from cambist.ports.errors import PortUnavailable
from cambist.values import json_codec
from cambist.values.ids import Signature
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC, Pair
from tests.contracts.chain import sign
from tests.malformed_messages import broken_messages
from tests.paper.paper_networks import SEED, running
from tests.server.app_harness import until

MESSAGES = 10_000
AT_ONCE = 20
PAIR = Pair(SOL, USDC)


@asynccontextmanager
async def ended(work: object) -> AsyncIterator[asyncio.Task[None]]:
    """Run something beside the body, and fail if it ends by itself."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)  # type: ignore[arg-type]
        yield task
        assert not task.done()
        task.cancel()


def line(number: int, question: RpcMethod) -> bytes:
    return json_codec.encode(RpcRequest(number, question))


async def ask(place: Path, *messages: bytes) -> bytes:
    """Send lines on one connection, and return what comes back until it closes or is answered."""
    reader, writer = await asyncio.open_unix_connection(place)
    try:
        writer.write(b"".join(message + b"\n" for message in messages))
        with suppress(ConnectionError):
            await writer.drain()
            writer.write_eof()
        with suppress(ConnectionError):
            return await reader.read()
        return b""
    finally:
        writer.close()


@pytest.mark.timeout(120)
async def test_broken_messages_end_their_connection_and_nothing_more(tmp_path: Path) -> None:
    clock, place = SystemClock(), tmp_path / "s"
    path = tmp_path / "paper-chain.db"
    async with running(clock, path, INSTANT) as world, ended(serve(world, clock, place)):
        await until(place.exists)
        remote = RpcConnection(clock, place)
        async with ended(remote.run()):
            await until(lambda: remote.is_up)
            chain = RemoteChain(remote, INSTANT.rules)
            market = PaperMarket(world, clock)
            network = SimpleNamespace(market=market, chain=chain, signer=PaperSigner(SEED))
            signed = await sign(network, "one")  # type: ignore[arg-type]
        good = [
            line(1, GetPools("raydium", PAIR, "me")),
            line(2, GetBlockhash()),
            line(3, SimulateMessage(signed.transaction[SIGNATURE_BYTES:])),
            line(4, SubmitTransaction(signed.transaction)),
            line(5, GetObservations(((signed.signature, signed.blockhash),), 2)),
            line(6, GetFill(Signature("s" * 88))),
            line(7, GetExecuted(Slot(0), None, 10)),
        ]
        for message in good:
            assert b'"down":null' in await ask(place, message)
        message = signed.transaction[SIGNATURE_BYTES:]
        messages = chain_of(
            broken_messages(1, good, MESSAGES),
            (
                line(9, SubmitTransaction(transaction_codec.sign(spoiled) + spoiled))
                for spoiled in broken_messages(3, [message], MESSAGES)
            ),
        )

        async def send_some() -> None:
            for spoiled in messages:
                await ask(place, spoiled)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(send_some())
        assert b'"down":null' in await ask(place, line(8, GetBlockhash()))


@pytest.mark.timeout(120)
async def test_broken_answers_are_no_answer_and_do_not_end_the_client(tmp_path: Path) -> None:
    place = tmp_path / "s"
    result = json_codec.encode(RpcReply(1, json_codec.encode(("a", 1))))  # type: ignore[arg-type]
    answers = broken_messages(2, [result, json_codec.encode(RpcReply(1, down="away"))], MESSAGES)
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with suppress(ConnectionError):
            while await reader.readline():
                for message in answers:
                    sent += 1
                    writer.write(message + b"\n")
                    if sent % 50 == 0:
                        break
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, place)
    remote = RpcConnection(SystemClock(), place)
    market = RemoteMarket(remote)
    async with server, ended(remote.run()):
        while sent < MESSAGES:
            await until(lambda: remote.is_up)
            with suppress(PortUnavailable):
                await market.pools("raydium", PAIR, "me")
