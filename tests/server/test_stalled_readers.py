"""Hold readers who take nothing to the door, without waiting for one."""

import asyncio

from uvicorn.server import ServerState

from cambist.server.protocol.close_codes import CLOSE_STALLED
from cambist.server.protocol.connections import NEVER, ConnectionRegistry
from cambist.server.protocol.http1 import LimitedHttpProtocol, ProtocolConfig
from cambist.server.protocol.websocket import LimitedWebSocketProtocol
from cambist.server.settings import ConnectionLimits


class Pipe(asyncio.Transport):
    """A transport whose reader takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.aborted = False
        self.waiting = 100_000

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def write(self, data: bytes) -> None:
        self.sent += data

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return False


async def test_a_socket_whose_reader_stalls_is_told_and_then_dropped() -> None:
    connections = ConnectionRegistry(ConnectionLimits(stall_ms=0, connections_max=1))
    config = ProtocolConfig(asyncio.sleep, ws=LimitedWebSocketProtocol, log_config=None)
    config.load()
    socket = LimitedWebSocketProtocol(config, ServerState(), {})
    socket.slot = connections.enter("peer")
    pipe = Pipe()
    socket.connection_made(pipe)
    socket.handshake_complete = True
    socket.pause_writing()
    assert socket in connections.timed
    assert socket.deadline < NEVER
    socket.conn.state = socket.conn.state.OPEN
    socket.expire()
    assert CLOSE_STALLED.to_bytes(2, "big") in pipe.sent
    assert not pipe.aborted
    socket.expire()
    assert pipe.aborted
    socket.connection_lost(None)
    assert not connections.timed
    assert not connections.is_full


async def test_a_response_whose_reader_stalls_is_cut() -> None:
    config = ProtocolConfig(asyncio.sleep, ws=LimitedWebSocketProtocol, log_config=None)
    config.connections = ConnectionRegistry(ConnectionLimits(stall_ms=0))
    line = LimitedHttpProtocol(config, ServerState(), {})
    pipe = Pipe()
    line.connection_made(pipe)
    line.pause_writing()
    assert line.deadline < NEVER
    line.expire()
    assert pipe.aborted
    line.connection_lost(None)
    assert not config.connections.timed


async def test_a_slow_reader_who_takes_something_may_stay() -> None:
    config = ProtocolConfig(asyncio.sleep, ws=LimitedWebSocketProtocol, log_config=None)
    config.connections = ConnectionRegistry(ConnectionLimits(stall_ms=0))
    line = LimitedHttpProtocol(config, ServerState(), {})
    pipe = Pipe()
    line.connection_made(pipe)
    line.pause_writing()
    pipe.waiting -= 1
    line.expire()
    assert not pipe.aborted
    line.resume_writing()
    line.connection_lost(None)
