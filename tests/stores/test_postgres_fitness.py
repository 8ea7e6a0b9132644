"""Prove which servers are trusted with orders, and how they are spoken to."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cambist.clock import SystemClock
from cambist.ports.failures import PortDown
from cambist.stores.migrate import UnfitDatabase
from cambist.stores.postgres import Target, open_postgres
from tests.servers.machine import nobody
from tests.servers.postgres import Postgres
from tests.stores.postgres_shelves import database, talk

pytestmark = pytest.mark.postgres
SPEAKS_TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with database(postgres_url) as made:
        yield made


def opened(url: str) -> Any:
    """Open a store that tells nobody."""
    return open_postgres(Target(url), lambda *_: None, SystemClock(), owner="me")


def certify(server: Postgres, folder: Path) -> Path:
    """Give a server a key and a certificate for `localhost`, and return the certificate."""
    server.stop()
    key, certificate = folder / "server.key", folder / "server.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key),
         "-out", str(certificate)], check=True, capture_output=True,
    )  # fmt: skip
    for one in (key, certificate):
        copy = server.data / one.name
        shutil.copy(one, copy)
        copy.chmod(0o600)
        if who := nobody():
            shutil.chown(copy, who["user"], who["group"])
    return certificate


@pytest.mark.parametrize("off", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_forgets_is_refused_unless_the_risk_is_named(
    breakable_postgres: Postgres, off: str
) -> None:
    breakable_postgres.stop()
    breakable_postgres.start(**{off: "off"})
    url = breakable_postgres.url
    with pytest.raises(UnfitDatabase, match=f"{off} off.*MAY_LOSE_ACKNOWLEDGED_ORDERS"):
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
    with pytest.raises(UnfitDatabase, match="name the primary"):
        async with opened(url):
            pass


async def test_nobody_there_is_told_without_the_password() -> None:
    with pytest.raises(PortDown) as down:
        async with opened("postgresql://me:sesame@127.0.0.1:1/x"):
            pass
    assert "sesame" not in str(down.value)


async def test_tls_is_spoken_and_checked(
    breakable_postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    server = breakable_postgres
    certificate = certify(server, tmp_path)
    server.start(ssl="on")
    named = server.url.replace("127.0.0.1", "localhost")
    root = f"sslrootcert={certificate}"
    for url in (f"{named}?sslmode=require", f"{named}?sslmode=verify-full&{root}"):
        async with opened(url.replace("postgresql://", "postgres://")) as store:
            found = await store._writers.read(
                lambda line: line.fetchval(
                    "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
                )
            )
            assert found
    # The certificate is of another name, or of nobody we know.
    (tmp_path / "empty").mkdir()
    for wrong in (f"{server.url}?sslmode=verify-full&{root}", f"{named}?sslmode=verify-full"):
        monkeypatch.setenv("HOME", str(tmp_path / "empty"))
        with pytest.raises(PortDown):
            async with opened(wrong):
                pass
