"""Runs the house with its doors locked, and makes keys for those who may come in."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from msgspec.structs import replace

from cambist.bootstrap import open_engine, open_keys
from cambist.clock import draw_secret
from cambist.config import Settings
from cambist.coordination.memory_rate_limits import InMemoryRateLimiter
from cambist.engine.engine import Engine
from cambist.ports.api_keys import ApiKey, ApiKeyStore, Permission
from cambist.server.app import App, create_app
from cambist.server.auth.authenticator import AuthDependencies
from cambist.server.runner import ServerRunner
from cambist.server.settings import CallerRates, ServerSettings
from cambist.stores.api_key_pepper import FILE, Pepper, make_pepper
from cambist.values.api_key import digest, read_key_id, write_key
from cambist.values.ids import LOCAL, Principal
from cambist.values.time_units import Timestamp
from tests.server.app_harness import client_of

UNLIMITED = CallerRates(0, 0, 0, 0, 0, 0)
FREE = ServerSettings(rates=UNLIMITED)
BORN = Timestamp(1_700_000_000_000)
OTHER = Principal("somebody-else")
DESK = frozenset((Permission.READ, Permission.TRADE, Permission.CANCEL))


class Locked(NamedTuple):
    """An engine whose server asks for keys."""

    engine: Engine
    app: App
    client: httpx.AsyncClient
    keys: ApiKeyStore
    pepper: bytes
    port: int = 0

    async def key(self, *scopes: Permission, **more: Any) -> dict[str, str]:
        """Make a key, and return the header that shows it."""
        return {"authorization": f"Bearer {await self.key_text(*scopes, **more)}"}

    async def key_text(self, *scopes: Permission, **more: Any) -> str:
        """Make a key."""
        text, key = made_key(self.pepper, *scopes, **more)
        await self.keys.add(key)
        return text


def made_key(pepper: bytes, *scopes: Permission, **more: Any) -> tuple[str, ApiKey]:
    """Return a key and what is kept of it; without scopes it may all but administer."""
    text = write_key(secrets.token_bytes(8), secrets.token_bytes(32))
    key = ApiKey(
        id=read_key_id(text) or "",
        digest=digest(pepper, text),
        principal=LOCAL,
        name="test",
        permissions=frozenset(scopes) or DESK,
        created_at=BORN,
    )
    return text, replace(key, **more)


@asynccontextmanager
async def locked(home: Path, settings: ServerSettings = FREE) -> AsyncIterator[Locked]:
    """Run an engine and its application, without a socket and with keys to be made."""
    given = Settings(home=str(home), paper_profile="instant")
    async with open_engine(given) as engine, open_keys(given) as keys:
        pepper = make_pepper(home / FILE, draw_secret)
        locks = AuthDependencies(
            keys, Pepper(home / FILE), InMemoryRateLimiter(engine.clock), draw_secret
        )
        app = create_app(engine, settings, locks)
        async with client_of(app) as client:
            yield Locked(engine, app, client, keys, pepper)


@asynccontextmanager
async def locked_on_a_port(home: Path, settings: ServerSettings = FREE) -> AsyncIterator[Locked]:
    """Run an engine and its application on a real port, with keys to be made."""
    async with (
        locked(home, settings) as rooms,
        ServerRunner(rooms.app, "127.0.0.1", 0).listening() as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        yield rooms._replace(client=client, port=port)
