"""Handles the service itself: info, health, metrics, halt, resume."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from cambist.engine.engine import Engine, EngineHealth
from cambist.metrics import REGISTRY
from cambist.server.auth.authenticator import Authenticator
from cambist.server.auth.caller import caller_of
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.header_fields import header_fields
from cambist.server.html_pages import HTML, POLICY, prepare_page, render_page, wants_html
from cambist.server.requests import NO_WORDS, json_body
from cambist.server.responses import Header, Response, send_answer
from cambist.server.settings import ServerSettings
from cambist.wire.halts import health_halt, read_reason, view_halt, write_trading
from cambist.wire.health import HealthView, write_health
from cambist.wire.rfc3339 import write_moment

PROBE_EVERY_MS: Final = 1_000
"""How long an answer about the parts stands for all who ask."""

_VARY_ACCEPT: Final[Header] = (b"vary", b"Accept")
_HOME: Final = prepare_page(
    render_page(
        "cambist",
        """\
<h1>cambist</h1>
<p>An order execution engine for Solana DEX trading. It answers programs; for people there are</p>
<ul>
<li><a href="docs">the API</a>, to read and to try,</li>
<li><a href="docs/faults">what each fault means</a>,</li>
<li><a href="health">how it is</a>, part by part,</li>
<li><a href="openapi.json">openapi.json</a>, for tools that read OpenAPI 3.1.</li>
</ul>
<p>In a terminal, <code>cambist order</code> places an order and <code>cambist list</code> shows
them.</p>""",
    ),
    HTML,
    (POLICY, _VARY_ACCEPT),
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


class ServiceHandlers:
    """Answers for the service."""

    def __init__(
        self, engine: Engine, concurrency: ConcurrencyLimits, authenticator: Authenticator
    ) -> None:
        self._engine = engine
        self._concurrency = concurrency
        self._authenticator = authenticator
        self._probing = asyncio.Lock()
        self._probed: EngineHealth | None = None
        self._probe_again_at = engine.clock.monotonic_ms()

    async def info(self, endpoints: tuple[str, ...], request: Request) -> Response:
        """Say what this is: to a browser on a page, to others in JSON."""
        if wants_html(request):
            return _HOME.choose(request)
        info = ServiceInfo(
            "cambist",
            "An order execution engine for Solana DEX trading",
            "draining" if self._concurrency.draining else "running",
            endpoints,
        )
        return Response(200, msgspec.json.encode(info), headers=(_VARY_ACCEPT,))

    async def health(self, request: Request) -> Response:
        """Say which parts answer; 503 only when orders cannot be stored."""
        health = await self._probe()
        return await self._answer(request, health, 503 if health.store == "down" else 200)

    async def ready(self, request: Request) -> Response:
        """Say whether to send requests here.

        A halt stops trading and nothing else: reads, cancels and the way to resume stay open, so
        it counts only where a client asks for trading, by `?trading=1`.
        """
        wants_trading = request.query_params.get("trading", "") not in NO_WORDS
        health = await self._probe()
        is_draining = health.draining or self._concurrency.draining
        is_ready = health.store == "ok" and not is_draining
        if wants_trading and health.halt is not None:
            is_ready = False
        return await self._answer(request, health, 200 if is_ready else 503)

    def forget(self) -> None:
        """Ask the parts anew for the next who wants to know: trading was just halted or resumed."""
        self._probed = None

    async def _probe(self) -> EngineHealth:
        """Ask the parts whether they answer, once a second however many want to know."""
        async with self._probing:
            now = self._engine.clock.monotonic_ms()
            if self._probed is None or now >= self._probe_again_at:
                self._probed = health = await self._engine.health()
                self._probe_again_at = self._engine.clock.monotonic_ms() + PROBE_EVERY_MS
                return health
            return self._probed

    async def live(self, _request: Request) -> Response:
        """Say that the process answers, whatever else does not."""
        now = write_moment(self._engine.clock.now())
        return Response(200, msgspec.json.encode(Alive("ok", now)))

    async def metrics(self, _request: Request) -> Response:
        """Print the counters as Prometheus reads them."""
        return Response(200, generate_latest(REGISTRY), CONTENT_TYPE_LATEST.encode())

    async def _answer(self, request: Request, health: EngineHealth, status: int) -> Response:
        if health.store == "down":
            word = "down"
        else:
            answers = health.chain == "ok" and health.redis != "down"
            well = answers and not health.draining and health.halt is None
            word = "ok" if well else "degraded"
        now = write_moment(self._engine.clock.now())
        halt = health.halt
        is_known = halt is not None and await self._authenticator.recognises(request.scope)
        view = HealthView(
            word,
            now,
            database=health.store,
            chain=health.chain,
            redis=health.redis,
            trading=_trading(health),
            halt=None
            if halt is None
            else health_halt(halt.reason, halt.by, halt.at, with_reason=is_known),
            unreadable=health.unreadable,
        )
        return Response(status, write_health(view))


def _trading(health: EngineHealth) -> str:
    if health.halt is not None:
        return "halted"
    return "unknown" if health.store == "down" else "on"


class HaltHandler:
    """Moves the switch: to a halt, or away from one."""

    def __init__(
        self,
        engine: Engine,
        settings: ServerSettings,
        changed: Callable[[], None],
        *,
        halts: bool,
    ) -> None:
        self._engine = engine
        self._changed = changed
        self._halts = halts
        self._body_max = settings.edge.body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        reason = read_reason(await json_body(None, header_fields(scope), receive, self._body_max))
        passport = caller_of(scope)
        by = passport.key_id if passport.key_id is not None else passport.principal
        if self._halts:
            await self._engine.halt(by, reason)
        else:
            await self._engine.resume(by, reason)
        self._changed()
        standing = await self._engine.halted()
        halt = None if standing is None else view_halt(standing.reason, standing.by, standing.at)
        await send_answer(send, Response(200, write_trading(halt)))
