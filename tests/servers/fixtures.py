"""Hands real servers to tests; where none can be had a test says so, and in CI it fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Never, TypeVar

import pytest

from tests.servers.machine import ServerNotAvailable
from tests.servers.postgres import Postgres, own_postgres, some_postgres
from tests.servers.valkey import Valkey, own_valkey, some_redis

T = TypeVar("T")


def _do_without(missing: ServerNotAvailable) -> Never:
    """Skip, all from this one line, so that the summary has one line for it."""
    said = f"NOT TESTED, for want of a real server: {missing}"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(said, pytrace=False)
    pytest.skip(said)


def lend(server: AbstractContextManager[T]) -> Iterator[T]:
    """Lend a server out, or end the test with what is missing."""
    try:
        held = server.__enter__()
    except ServerNotAvailable as missing:
        _do_without(missing)
    try:
        yield held
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server all tests share: make a database of your own there."""
    yield from lend(some_postgres())


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis server all tests share: use keys of your own there."""
    yield from lend(some_redis())


@pytest.fixture
def breakable_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of the test's own, to stop, kill and restart."""
    yield from lend(own_postgres())


@pytest.fixture
def breakable_valkey() -> Iterator[Valkey]:
    """A Valkey server of the test's own, to stop, freeze, kill and restart."""
    yield from lend(own_valkey())
