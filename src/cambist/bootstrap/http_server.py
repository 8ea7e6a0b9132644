"""Opens the server of an engine, and rejects an address that is reachable without keys."""

# Who may call. As long as no API key was ever issued, the server has no authentication: a local
# user needs none to try cambist. That is safe only on the loopback. So an engine without keys does
# not listen on any other address, and the start fails with a message that names both remedies. The
# check is "ever issued", not "exists": after the last key is revoked, nobody may call, rather than
# everybody. The environment cannot override the check.
#
# A worker is exempt. It serves health and metrics alone, which orchestrators probe over the
# network.
#
# The pepper is read before the server listens. Without it no key could be verified, and each
# request would fail one by one; a start that fails is noticed.
#
# Default limits. Limits by address (connections, concurrent requests) apply only where callers may
# be strangers, that is, with keys or beyond the loopback. On a loopback without keys all callers
# are one person's programs, and load tests would meet the limits first.

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from cambist.bootstrap.engine import RunningEngine
from cambist.bootstrap.home import pepper_file
from cambist.bootstrap.stores import open_keys
from cambist.clock import draw_secret
from cambist.config import Settings
from cambist.server.app import create_app
from cambist.server.auth.authenticator import AuthDependencies
from cambist.server.runner import ServerRunner
from cambist.server.settings import CallerRates, ConnectionLimits, ServerSettings
from cambist.stores.api_key_pepper import Pepper, read_pepper
from cambist.values.amount import Bps
from cambist.values.loopback import is_loopback
from cambist.wire.intent_builder import RequestLimits as RequestLimits

ANY_HOST: Final = frozenset(("0.0.0.0", "::", ""))  # noqa: S104 -- to know it, not to listen on it
ADDRESS_CONNECTIONS_MAX: Final = 64
ADDRESS_REQUESTS_MAX: Final = 8
_UNSAFE: Final = (
    "host {host} can be reached from other machines, and there is no key to tell who asks: make "
    "one with `cambist keys create`, or listen on 127.0.0.1"
)


class UnsafeBind(ValueError):
    """The address is reachable from other machines, and there is no API key."""


class ListenAddress(NamedTuple):
    """The port of a server, and whether it requires API keys."""

    port: int
    has_keys: bool


@asynccontextmanager
async def serve_http(running: RunningEngine, settings: Settings) -> AsyncIterator[ListenAddress]:
    """Serve an engine for as long as the context lasts; a worker serves its health alone.

    Raises UnsafeBind, InvalidPepper, BadSettings, PortInUse and what opening the keys raises.
    """
    pepper, is_local = pepper_file(settings), is_loopback(settings.host)
    async with open_keys(settings) as keys:
        has_keys = await keys.has_ever_issued()
        if has_keys:
            read_pepper(pepper)
        elif not is_local and settings.role != "worker":
            raise UnsafeBind(_UNSAFE.format(host=settings.host))
        dependencies = AuthDependencies(keys, Pepper(pepper), running.rates, draw_secret)
        server_settings = _server_settings(settings, are_strangers=has_keys or not is_local)
        runner = ServerRunner(
            create_app(running.engine, server_settings, dependencies), settings.host, settings.port
        )
        async with runner.listening() as port:
            yield ListenAddress(port, has_keys)


def _server_settings(settings: Settings, *, are_strangers: bool) -> ServerSettings:
    """Return the settings of the server; without strangers no address is limited."""
    most = settings.address_connections_max
    if most is None and are_strangers:
        most = ADDRESS_CONNECTIONS_MAX
    at_once = settings.address_requests_max
    if at_once is None and are_strangers:
        at_once = ADDRESS_REQUESTS_MAX
    own = () if settings.host in ANY_HOST else (settings.host,)
    return ServerSettings(
        edge=ConnectionLimits(
            connections_max=settings.connections_max,
            address_connections_max=most,
            idle_ms=settings.keep_alive_ms,
        ),
        limits=RequestLimits(
            Bps(settings.slippage_bps), Bps(settings.slippage_max_bps), settings.max_retries
        ),
        default_slippage_unit=settings.slippage_unit,
        allowed_hosts=(*own, *settings.allowed_hosts),
        allowed_origins=settings.allowed_origins,
        trusted_proxies=settings.trusted_proxies,
        rates=CallerRates(
            settings.key_orders_per_minute,
            settings.key_requests_per_minute,
            settings.key_streams_per_minute,
            settings.address_requests_per_minute,
            settings.auth_failures_per_minute,
            settings.key_quotes_per_minute,
        ),
        takes_orders=settings.role != "worker",
        requests_max=settings.requests_max,
        key_requests_max=settings.key_requests_max,
        address_requests_max=at_once,
        streams_max=settings.streams_max,
        key_streams_max=settings.key_streams_max,
    )
