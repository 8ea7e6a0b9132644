"""Reaches a paper network in another process, and reconnects when it was away."""

from __future__ import annotations

import asyncio
from asyncio import Future, StreamReader, StreamWriter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar, cast

import msgspec
import structlog

from cambist.faults import Fault
from cambist.orders.attempt import Attempt, ChainParameters, Fill, NodeObservation
from cambist.paper import transaction_codec as paper
from cambist.paper.pool_states import VENUES
from cambist.paper.rpc.pool_codec import PoolRecord, read_pools
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
from cambist.paper.tokens import HUBS, LISTED, listed_token, token
from cambist.ports.chain import Blockhash, ExecutedTransaction, SwapRequest
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.values import json_codec
from cambist.values.costs import Costs
from cambist.values.ids import Address, Signature
from cambist.values.route import Route
from cambist.values.time_units import Millis, Slot
from cambist.values.token import Pair, Token
from cambist.venues.pool import Pool

RECONNECT_MS: Final = Millis(50)
UNREADABLE: Final = "the paper chain gave an answer that cannot be read"
ANSWER_MS_MAX: Final = Millis(5_000)
"""How long a frozen network may block its caller: an execution that waits holds a permit."""
PAIRS_REMEMBERED_MAX: Final = 1_000

log = structlog.get_logger("cambist.paper")
T = TypeVar("T")

_read_reply: Final = json_codec.decoder(RpcReply).decode
_pools: Final = json_codec.decoder(tuple[PoolRecord | Slot, ...])
_blockhash: Final = json_codec.decoder(Blockhash)
_fault: Final = json_codec.decoder(cast("type[Fault | None]", Fault | None))
_nothing: Final = json_codec.decoder(type(None))
_witnesses: Final = json_codec.decoder(tuple[tuple[NodeObservation, ...], ...])
_traces: Final = json_codec.decoder(tuple[ExecutedTransaction, ...])
_fill: Final = json_codec.decoder(cast("type[Fill | None]", Fill | None))


class RpcConnection:
    """One connection to the network, shared by market and chain; `run` keeps it up."""

    def __init__(self, clock: Clock, address: RpcAddress) -> None:
        self._clock = clock
        self._address = address
        self._writer: StreamWriter | None = None
        self._pending: dict[int, Future[RpcReply]] = {}
        self._asked = 0
        self.connected = 0
        """How often a connection was made; an earlier one may have been to another network."""

    @property
    def is_up(self) -> bool:
        """Whether the network can be asked just now."""
        return self._writer is not None

    async def run(self) -> None:
        """Keep connected, for ever."""
        while True:
            try:
                reader, writer = await self._connect()
            except (OSError, TimeoutError):
                await self._clock.sleep(RECONNECT_MS)
                continue
            try:
                self._writer = writer
                self.connected += 1
                await self._listen(reader)
            finally:
                self._drop(writer)

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        if isinstance(self._address, Path):
            return await asyncio.open_unix_connection(self._address, limit=LINE_BYTES_MAX)
        async with asyncio.timeout(ANSWER_MS_MAX / 1_000):
            return await asyncio.open_connection(*self._address, limit=LINE_BYTES_MAX)

    async def _listen(self, reader: StreamReader) -> None:
        try:
            while message := await reader.readline():
                reply = _read_reply(message)
                waiting = self._pending.pop(reply.id, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
        except OSError:
            return
        except ValueError as error:  # DecodeError is one, and so is a line that is too long
            log.warning("chain_answer_unreadable", error=type(error).__name__)

    def _drop(self, writer: StreamWriter) -> None:
        """Fail all pending calls: no answer will come."""
        self._writer = None
        writer.close()
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(
                    PortUnavailable("the paper chain went away before it answered")
                )
        self._pending = {}

    async def call(self, question: RpcMethod, decoder: json_codec.Decoder[T]) -> T:
        """Return the answer to a question.

        Raises PortUnavailable; then the question may have arrived or not.
        """
        # A broken connection is closed a moment before its reader returns.
        writer = self._writer
        if writer is None or writer.is_closing() or len(self._pending) >= PENDING_MAX:
            msg = "the paper chain cannot be asked"
            raise PortUnavailable(msg)
        self._asked += 1
        number = self._asked
        waiting: Future[RpcReply] = asyncio.get_running_loop().create_future()
        self._pending[number] = waiting
        try:
            writer.write(json_codec.encode(RpcRequest(number, question)) + b"\n")
            async with asyncio.timeout(ANSWER_MS_MAX / 1_000):
                reply = await waiting
        except TimeoutError:
            self._abort_connection()
            msg = f"the paper chain did not answer within {ANSWER_MS_MAX} ms"
            raise PortUnavailable(msg) from None
        finally:
            self._pending.pop(number, None)
        if reply.down is not None:
            raise PortUnavailable(reply.down)
        try:
            return decoder.decode(reply.result)
        except msgspec.DecodeError as error:
            raise PortUnavailable(UNREADABLE) from error

    def _abort_connection(self) -> None:
        """Abort a connection whose machine may be gone; `run` then connects again."""
        if self._writer is not None and not isinstance(self._address, Path):
            self._writer.transport.abort()


class _KnownPools(NamedTuple):
    """Pools of a venue and a pair as of one slot, and the connection that brought them."""

    pools: tuple[Pool, ...]
    connection: int


class RemoteMarket:
    """The market in another process; it sends only pools that changed since they were last sent."""

    venues = VENUES
    tokens = LISTED
    hubs = HUBS

    def __init__(self, connection: RpcConnection, *, makes_up: bool = True) -> None:
        self._connection = connection
        self._find = token if makes_up else listed_token
        self._known: dict[tuple[str, frozenset[Address]], _KnownPools] = {}

    def token(self, name: str) -> Token | None:
        """Return the token of a symbol or a mint; unlisted ones are made up, or refused."""
        return self._find(name)

    def cached_pools(self, venue: str, pair: Pair) -> Sequence[Pool] | None:  # noqa: ARG002 -- the port's
        """Return None: another process must be asked."""
        return None

    async def pools(self, venue: str, pair: Pair, reference: str) -> Sequence[Pool]:
        """Ask a venue for its pools of a pair. Raises PortUnavailable."""
        key = (venue, frozenset((pair.token_in.mint, pair.token_out.mint)))
        connection = self._connection.connected
        known = self._known.get(key)
        pools = () if known is None or known.connection != connection else known.pools
        since = min((pool.slot for pool in pools), default=None)
        question = GetPools(venue, pair, reference, since)
        records = await self._connection.call(question, _pools)
        try:
            found = read_pools(records, pools)
        except (
            Exception
        ) as error:  # a chain of another version may have pools that cannot be made here
            raise PortUnavailable(UNREADABLE) from error
        if len(self._known) >= PAIRS_REMEMBERED_MAX:
            self._known.clear()
        self._known[key] = _KnownPools(found, connection)
        return found


class RemoteChain:
    """The chain in another process. Every method that asks may raise PortUnavailable."""

    def __init__(self, connection: RpcConnection, rules: ChainParameters) -> None:
        self._connection = connection
        self._rules = rules

    @property
    def rules(self) -> ChainParameters:
        """The chain's own numbers."""
        return self._rules

    def costs(self, _route: Route, /) -> Costs:
        """Return what one attempt costs: any route the same."""
        return paper.costs()

    async def blockhash(self) -> Blockhash:
        """Return a recent blockhash."""
        return await self._connection.call(GetBlockhash(), _blockhash)

    def build_message(self, swap: SwapRequest, blockhash: Blockhash) -> bytes:
        """Return the message to sign."""
        return paper.compose(swap, blockhash)

    async def simulate(self, message: bytes) -> Fault | None:
        """Return what the chain would refuse the message for now, or None."""
        return await self._connection.call(SimulateMessage(message), _fault)

    async def send(self, transaction: bytes) -> None:
        """Hand bytes to the network, once; sending them again is harmless."""
        await self._connection.call(SubmitTransaction(transaction), _nothing)

    async def observe(self, attempts: Sequence[Attempt]) -> tuple[tuple[NodeObservation, ...], ...]:
        """Return what every endpoint says of each attempt."""
        questions = tuple((attempt.signature, attempt.blockhash) for attempt in attempts)
        asking = GetObservations(questions, self._rules.observers_required)
        return await self._connection.call(asking, _witnesses)

    async def executed_since(
        self, since: Slot, before: Signature | None, limit: int
    ) -> tuple[ExecutedTransaction, ...]:
        """Return what was executed at a slot or later, newest first."""
        return await self._connection.call(GetExecuted(since, before, limit), _traces)

    async def fetch_fill(self, signature: Signature) -> Fill | None:
        """Return what a landed transaction moved, or None when none landed."""
        return await self._connection.call(GetFill(signature), _fill)
