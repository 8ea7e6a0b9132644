"""Holds what an operator may set of the server, with defaults that are safe on loopback."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.wire.intent_builder import RequestLimits
from cambist.wire.slippage import SlippageUnit

BATCH_PATH: Final = b"/api/orders/batch"
STRANGERS_PER_MINUTE: Final = 600


class ConnectionLimits(msgspec.Struct, frozen=True):
    """What one connection may send, how slowly, and how many there may be.

    A socket may send `frames_per_second_max` frames of any kind, pings and parts of messages
    among them; what its messages may be is for the application to say.
    `address_connections_max` is per peer address; None counts none, for a loopback server
    without keys, where every client has the same address.
    """

    head_bytes_max: int = 16 * 1024
    headers_max: int = 64
    target_bytes_max: int = 4 * 1024
    body_bytes_max: int = 64 * 1024
    batch_bytes_max: int = 256 * 1024
    head_ms: int = 10_000
    body_ms: int = 10_000
    idle_ms: int = 75_000
    stall_ms: int = 30_000
    linger_ms: int = 1_000
    sweep_ms: int = 250
    frames_per_second_max: int = 200
    connections_max: int = 14_000
    address_connections_max: int | None = None

    def body_max(self, target: bytes) -> int:
        """Return how many bytes a body sent to this target may have."""
        path = target.partition(b"?")[0]
        return self.batch_bytes_max if path == BATCH_PATH else self.body_bytes_max


class CallerRates(msgspec.Struct, frozen=True):
    """How often callers may do something; 0 is no limit.

    Strangers are calls without a key, counted by address: while there are no keys only if
    `address_requests_per_minute` is set, and once there are always.
    """

    key_orders_per_minute: int = 100
    key_requests_per_minute: int = 6_000
    key_streams_per_minute: int = 600
    address_requests_per_minute: int | None = None
    auth_failures_per_minute: int = 10
    key_quotes_per_minute: int = 600

    @property
    def strangers_per_minute(self) -> int:
        """How often an address may call without a key where there are keys."""
        own = self.address_requests_per_minute
        return STRANGERS_PER_MINUTE if own is None else own


class ServerSettings(msgspec.Struct, frozen=True):
    """The server's settings. `allowed_hosts` and `allowed_origins` add to loopback's own.

    A socket may send `frames_in_max` messages a second, or `orders_in_max` where each is an
    order; it follows at most `socket_orders_max` orders at a time.
    `key_requests_max` and `address_requests_max` are requests answered at once for a key and for
    an address without one; None counts no address.
    """

    edge: ConnectionLimits = ConnectionLimits()
    limits: RequestLimits = RequestLimits()
    default_slippage_unit: SlippageUnit = "percent"
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    rates: CallerRates = CallerRates()
    takes_orders: bool = True
    requests_max: int = 256
    key_requests_max: int = 32
    address_requests_max: int | None = None
    bodies_max: int = 4_000
    streams_max: int = 12_000
    key_streams_max: int = 20
    key_recheck_ms: int = 10_000
    heartbeat_ms: int = 15_000
    notes_after_close_ms: int = 30_000
    frames_in_max: int = 10
    orders_in_max: int = 100
    socket_orders_max: int = 200
    frame_bytes_max: int = 4 * 1024
    ping_ms: int = 20_000
    pong_ms: int = 20_000
    drain_ms: int = 10_000
    retry_after_seconds: int = 1
