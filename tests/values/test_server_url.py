"""Prove which addresses are taken, and how they are put together of parts."""

from __future__ import annotations

import pytest

from cambist.values.server_url import (
    bare_database_url,
    database_url,
    is_database_url,
    is_redis_url,
    redis_url,
)


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("redis://r", True),
        ("rediss://me:x@[::1]:7/3?x=1", True),
        ("unix:///run/redis.sock", True),
        ("unix://run", False),
        ("redis://", False),
        ("redis://r:0", False),
        ("redis://r:seven", False),
        ("redis://[", False),
        ("http://r", False),
        ("", False),
    ],
)
def test_an_address_of_a_redis_is_known(url: str, fits: bool) -> None:
    assert is_redis_url(url) is fits


@pytest.mark.parametrize(
    ("names", "url"),
    [
        ({"REDIS_HOST": "r"}, "redis://r:6379/0"),
        (
            {"REDIS_HOST": "::1", "REDIS_PORT": "7", "REDIS_PASSWORD": "a/b@c"},
            "redis://:a%2Fb%40c@[::1]:7/0",
        ),
    ],
)
def test_a_redis_is_put_together_of_parts(names: dict[str, str], url: str) -> None:
    assert redis_url(names) == url
    assert is_redis_url(url)


def test_an_address_of_a_database_is_known_and_bared_of_its_driver() -> None:
    assert not is_database_url("mysql://db")
    assert is_database_url("postgresql+asyncpg://db/x")
    assert bare_database_url("postgresql+asyncpg://me@db/x") == "postgresql://me@db/x"
    whole = {"POSTGRES_HOST": "db", "POSTGRES_PASSWORD": ":", "POSTGRES_DB": "x"}
    assert database_url(whole) == "postgresql://postgres:%3A@db:5432/x"
    assert database_url({"POSTGRES_HOST": "db"}) == "postgresql://postgres@db:5432/postgres"
