"""Answers questions about the service itself: what it is, how it is, what it counts."""

from __future__ import annotations

from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request

from cambist.engine.engine import Engine, Health
from cambist.metrics import REGISTRY
from cambist.server.answers import Answer
from cambist.server.seats import Seats
from cambist.wire.halts import stop
from cambist.wire.moments import write_moment
from cambist.wire.replies import HealthView, write_health

ENDPOINTS: Final = (
    "POST /api/orders/execute",
    "POST /api/orders",
    "POST /api/orders/batch",
    "POST /api/quotes",
    "GET /api/orders",
    "GET /api/orders/{orderId}",
    "GET /api/orders/{orderId}/events",
    "GET /api/orders/{orderId}/receipt",
    "PATCH /api/orders/{orderId}",
    "DELETE /api/orders/{orderId}",
    "POST /api/orders/{orderId}/cancel",
    "GET /api/events",
    "GET /api/tokens",
    "GET /api/venues",
    "GET /api/pools",
    "GET /api/report",
    "POST /api/stream-tickets",
    "WebSocket /api/orders/execute",
    "WebSocket /api/orders/execute?orderId=",
    "WebSocket /api/orders/{orderId}/status",
    "WebSocket /ws",
    "WebSocket /ws?orderId=",
    "WebSocket /ws/orders?orderId=",
    "POST /api/halt",
    "POST /api/resume",
    "GET /health",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/faults",
    "GET /docs/ui/{name}",
)


class ServiceInfo(msgspec.Struct, frozen=True):
    """What this service is."""

    name: str
    description: str
    status: str
    endpoints: tuple[str, ...]


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str
    timestamp: str


class About:
    """Answers for the service."""

    def __init__(self, engine: Engine, seats: Seats) -> None:
        self._engine = engine
        self._seats = seats

    async def info(self, _request: Request) -> Answer:
        """Say what this is."""
        info = ServiceInfo(
            "cambist",
            "An order execution engine for Solana DEX trading",
            "draining" if self._seats.draining else "running",
            ENDPOINTS,
        )
        return Answer(200, msgspec.json.encode(info))

    async def health(self, _request: Request) -> Answer:
        """Say which parts answer; 503 only when orders cannot be stored."""
        health = await self._engine.health()
        return self._answer(health, 503 if health.store == "down" else 200)

    async def ready(self, _request: Request) -> Answer:
        """Say whether to send requests here."""
        health = await self._engine.health()
        is_open = health.store == "ok" and health.halt is None
        is_ready = is_open and not health.draining and not self._seats.draining
        return self._answer(health, 200 if is_ready else 503)

    async def live(self, _request: Request) -> Answer:
        """Say that the process answers, whatever else does not."""
        now = write_moment(self._engine.clock.now())
        return Answer(200, msgspec.json.encode(Alive("ok", now)))

    async def metrics(self, _request: Request) -> Answer:
        """Print the counters as Prometheus reads them."""
        return Answer(200, generate_latest(REGISTRY), CONTENT_TYPE_LATEST.encode())

    def _answer(self, health: Health, status: int) -> Answer:
        if health.store == "down":
            word = "down"
        else:
            answers = health.chain == "ok" and health.redis != "down"
            well = answers and not health.draining and health.halt is None
            word = "ok" if well else "degraded"
        now = write_moment(self._engine.clock.now())
        halt = health.halt
        view = HealthView(
            word,
            now,
            database=health.store,
            chain=health.chain,
            redis=health.redis,
            halt=None if halt is None else stop(halt.reason, halt.by, halt.at),
        )
        return Answer(status, write_health(view))
