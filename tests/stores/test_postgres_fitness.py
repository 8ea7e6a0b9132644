"""Prove which servers are trusted with orders, and how they are spoken to."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cambist.clock import SystemClock
from cambist.ports.errors import PortUnavailable
from cambist.stores.errors import DatabaseUnusable
from cambist.stores.postgres import Target, open_postgres
from tests.servers.postgres import Postgres
from tests.servers.tls import Identity, TlsFront, make_identity
from tests.stores.postgres_stores import database, talk

pytestmark = pytest.mark.postgres


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with database(postgres_url) as made:
        yield made


def opened(url: str) -> Any:
    """Open a store that tells nobody."""
    return open_postgres(Target(url), lambda *_: None, SystemClock(), owner="me")


@pytest.mark.parametrize("off", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_forgets_is_refused_unless_the_risk_is_named(
    breakable_postgres: Postgres, off: str
) -> None:
    breakable_postgres.stop()
    breakable_postgres.start(**{off: "off"})
    url = breakable_postgres.url
    with pytest.raises(DatabaseUnusable, match=f"{off} off.*MAY_LOSE_ACKNOWLEDGED_ORDERS"):
        async with opened(url):
            pass
    async with open_postgres(
        Target(url, may_lose=True), lambda *_: None, SystemClock(), owner="me"
    ) as store:
        await store.ping()


async def test_a_database_that_takes_no_writes_is_refused(url: str) -> None:
    async with talk(url) as line:
        name = await line.fetchval("SELECT current_database()")
        await line.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(DatabaseUnusable, match="name the primary"):
        async with opened(url):
            pass


async def test_nobody_there_is_told_without_the_password() -> None:
    with pytest.raises(PortUnavailable) as down:
        async with opened("postgresql://me:sesame@127.0.0.1:1/x"):
            pass
    assert "sesame" not in str(down.value)


@pytest.fixture(scope="session")
def identities(tmp_path_factory: pytest.TempPathFactory) -> list[Identity]:
    """Two identities for one name."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    return [make_identity(tmp_path_factory.mktemp("tls"), "localhost") for _ in range(2)]


async def test_tls_is_spoken_and_checked(url: str, identities: list[Identity]) -> None:
    ours, strange = identities
    port = urlsplit(url).port
    assert port is not None
    async with TlsFront(port, ours) as front:

        def address(host: str, mode: str, root: Path | None = None) -> str:
            parts = urlsplit(url)._replace(
                scheme="postgres", netloc=f"postgres@{host}:{front.port}"
            )
            trust = "" if root is None else f"&sslrootcert={root}"
            return f"{parts.geturl()}?sslmode={mode}{trust}"

        for good in (
            address("127.0.0.1", "require"),
            address("localhost", "verify-full", ours.certificate),
        ):
            before = front.shaken
            async with opened(good) as store:
                await store.ping()
            assert front.shaken > before
        for bad in (
            address("127.0.0.1", "verify-full", ours.certificate),
            address("localhost", "verify-full", strange.certificate),
        ):
            with pytest.raises(PortUnavailable):
                async with opened(bad):
                    pass


async def test_tls_that_is_asked_for_and_not_to_be_had_is_no_plain_text(url: str) -> None:
    with pytest.raises(PortUnavailable):
        async with opened(f"{url}?sslmode=require"):
            pass
