"""Offers a paper network to other processes, over a Unix socket or TCP."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter, TaskGroup
from pathlib import Path
from typing import Final, assert_never

import msgspec
import structlog

from cambist.failpoints import failpoint
from cambist.paper.adapters import PaperChain, PaperMarket, ask_all
from cambist.paper.network import PaperNetwork
from cambist.paper.rpc.pool_codec import PoolWriter
from cambist.paper.rpc.protocol import (
    LINE_BYTES_MAX,
    PENDING_MAX,
    GetBlockhash,
    GetExecuted,
    GetFill,
    GetObservations,
    GetPools,
    RpcAddress,
    RpcMethod,
    RpcReply,
    RpcRequest,
    SimulateMessage,
    SubmitTransaction,
)
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.values import json_codec
from cambist.values.file_modes import OWNER_ONLY

log = structlog.get_logger("cambist.paper")

_read_request: Final = json_codec.decoder(RpcRequest).decode


async def serve(network: PaperNetwork, clock: Clock, address: RpcAddress) -> None:
    """Answer at an address until cancelled; the network must be open and running.

    A Unix socket that a dead process left behind is replaced, and only its owner may connect. Over
    TCP whoever reaches the port is answered: it is for networks where nobody else does.
    """
    handler = _RpcHandler(network, clock)
    async with TaskGroup() as group:

        def accept(reader: StreamReader, writer: StreamWriter) -> None:
            group.create_task(handler.handle(reader, writer))

        if isinstance(address, Path):
            server = await asyncio.start_unix_server(accept, address, limit=LINE_BYTES_MAX)
            address.chmod(OWNER_ONLY)
        else:
            server = await asyncio.start_server(accept, *address, limit=LINE_BYTES_MAX)
        try:
            await asyncio.Event().wait()  # for ever: until cancelled
        finally:
            server.close()


class _RpcHandler:
    """Answers every connection."""

    def __init__(self, network: PaperNetwork, clock: Clock) -> None:
        self._network = network
        self._market = PaperMarket(network, clock)
        self._chain = PaperChain(network)
        self._pool_writer = PoolWriter()

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer a connection until it ends, or until it says what nobody understands."""
        room = asyncio.Semaphore(PENDING_MAX)
        try:
            async with TaskGroup() as group:
                while message := await reader.readline():
                    request = _read_request(message)
                    await room.acquire()
                    group.create_task(self._reply(request, writer, room))
        except* ConnectionError:
            pass
        except* ValueError:  # DecodeError is one, and so is a line that is too long
            log.warning("chain_request_unreadable")
        except* Exception:
            # A peer may end its own connection with what it sends, and nothing more.
            log.exception("chain_connection_failed")
        finally:
            writer.close()

    async def _reply(
        self, request: RpcRequest, writer: StreamWriter, room: asyncio.Semaphore
    ) -> None:
        try:
            answer = await self._answer(request.params)
            reply = RpcReply(request.id, msgspec.Raw(json_codec.encode(answer)))
        except PortUnavailable as down:
            reply = RpcReply(request.id, down=str(down))
        try:
            if not writer.is_closing():
                writer.write(json_codec.encode(reply) + b"\n")
                await writer.drain()  # who does not read its replies is asked to wait with more
        finally:
            room.release()

    async def _answer(self, question: RpcMethod) -> object:
        match question:
            case GetPools(venue, pair, reference, since):
                pools = await self._market.pools(venue, pair, reference)
                return tuple(self._pool_writer.write(pool, since) for pool in pools)
            case GetBlockhash():
                return await self._chain.blockhash()
            case SimulateMessage(message):
                return await self._chain.simulate(message)
            case SubmitTransaction(transaction):
                await self._chain.send(transaction)
                failpoint("chain.heard")
                return None
            case GetObservations(questions, endpoints):
                return await ask_all(self._network, questions, endpoints)
            case GetFill(signature):
                return await self._chain.fetch_fill(signature)
            case GetExecuted(since, before, limit):
                return await self._chain.executed_since(since, before, limit)
            case _:
                assert_never(question)
