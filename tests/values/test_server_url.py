"""Prove which addresses are taken, and how they are put together of parts."""

from __future__ import annotations

import pytest

from cambist.values.connection_urls import (
    BadAddress,
    bare_database_url,
    check_database_url,
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


_ASKED = (
    "host", "port", "user", "password", "passfile", "database", "ssl", "direct_tls",
    "server_settings", "target_session_attrs", "krbsrvname", "gsslib", "service", "servicefile",
)  # fmt: skip


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        ("db", [("db", 6000)]),
        ("10.0.0.1", [("10.0.0.1", 6000)]),
        ("::1", [("::1", 6000)]),
        ("[::1]", [("::1", 6000)]),
        ("fe80::1%eth0", [("fe80::1%eth0", 6000)]),
        ("/run/pg", ["/run/pg/.s.PGSQL.6000"]),
        ("/run/p g", ["/run/p g/.s.PGSQL.6000"]),
        ("a, ::1", [("a", 6000), ("::1", 6000)]),
        ("/run/pg,b", ["/run/pg/.s.PGSQL.6000", ("b", 6000)]),
    ],
)
@pytest.mark.parametrize("password", ["x", "100%", "a@b/c#d?e:f", "a b", "ü€", "%41"])
def test_a_driver_reads_a_database_in_parts_as_it_was_meant(
    host: str, hosts: list[object], password: str
) -> None:
    utils = pytest.importorskip("asyncpg.connect_utils")
    url = database_url(
        {
            "POSTGRES_HOST": host,
            "POSTGRES_PORT": "6000",
            "POSTGRES_USER": "me@x",
            "POSTGRES_PASSWORD": password,
            "POSTGRES_DB": "or/ders",
        }
    )
    check_database_url(url)
    told, found = utils._parse_connect_dsn_and_args(dsn=url, **dict.fromkeys(_ASKED))
    assert list(told) == hosts
    assert (found.user, found.password, found.database) == ("me@x", password, "or/ders")


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("r", {"host": "r", "port": 7}),
        ("10.0.0.1", {"host": "10.0.0.1", "port": 7}),
        ("::1", {"host": "::1", "port": 7}),
        ("[::1]", {"host": "::1", "port": 7}),
        ("/run/re dis.sock", {"path": "/run/re dis.sock"}),
    ],
)
@pytest.mark.parametrize("password", ["x", "100%", "a@b/c#d?e:f", "a b", "ü€", "%41"])
def test_a_driver_reads_a_redis_in_parts_as_it_was_meant(
    host: str, place: dict[str, object], password: str
) -> None:
    driver = pytest.importorskip("redis.asyncio.connection")
    url = redis_url({"REDIS_HOST": host, "REDIS_PORT": "7", "REDIS_PASSWORD": password})
    assert is_redis_url(url)
    found = driver.parse_url(url)
    assert {**place, "password": password, "db": 0}.items() <= found.items()


@pytest.mark.parametrize("host", ["", "a b", "db:5432", "[db]", "[::1", "me@db", "postgres://db"])
def test_what_is_no_host_is_refused_by_its_own_name(host: str) -> None:
    with pytest.raises(BadAddress) as told:
        database_url({"POSTGRES_HOST": host})
    assert told.value.part == "POSTGRES_HOST"
    with pytest.raises(BadAddress) as told:
        redis_url({"REDIS_HOST": host})
    assert told.value.part == "REDIS_HOST"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@::1:5432/x",
        "postgresql://u@[::1/x",
        "postgresql://u@[db]/x",
        "postgresql://u:a@b@db/x",
        "postgresql://u:a/b@db/x",
        "postgresql://u:a#b@db/x",
        "postgresql://db:0/x",
        "postgresql://db:x/x",
        "postgresql://db/x?sslmode=perhaps",
        "postgresql://db/x?port=y&host=a",
        "postgresql://db/x?sslmode",
    ],
)
def test_a_wrong_address_of_a_database_is_found_before_it_is_used(url: str) -> None:
    with pytest.raises(BadAddress):
        check_database_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///x",
        "postgresql://u@/x?host=/run/pg",
        "postgresql://%2Frun%2Fpg/x",
        "postgresql://a:1,b:2/x?target_session_attrs=primary",
        "postgresql://u:100%25@db/x?sslmode=require",
        "postgres://[fe80::1%25eth0]:5432/x",
    ],
)
def test_an_address_the_driver_takes_is_taken(url: str) -> None:
    utils = pytest.importorskip("asyncpg.connect_utils")
    check_database_url(url)
    assert utils._parse_connect_dsn_and_args(dsn=url, **dict.fromkeys(_ASKED))
