"""Prove that a Redis is found by password and by socket, and told apart from a stranger."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from cambist.coordination.redis.client import RedisAddress, RedisUnavailable
from tests.servers.fixtures import lend
from tests.servers.machine import box
from tests.servers.valkey import Valkey, own_valkey

pytestmark = pytest.mark.redis
SECRET = "hunter2/@:hunter2"


@pytest.fixture
async def guarded(breakable_valkey: Valkey) -> Valkey:
    """A server that wants a password."""
    async with RedisAddress(breakable_valkey.url).dial() as line:
        await line.ask("CONFIG", "SET", "requirepass", SECRET)
    return breakable_valkey


async def pings(url: str) -> bytes:
    async with RedisAddress(url).dial() as line:
        return bytes(await line.ask("PING"))


async def test_a_password_opens_it(guarded: Valkey) -> None:
    word = quote(SECRET, safe="")
    assert await pings(f"redis://:{word}@127.0.0.1:{guarded.port}/0") == b"PONG"
    assert await pings(f"redis://default:{word}@127.0.0.1:{guarded.port}") == b"PONG"


async def test_a_socket_is_an_address_too() -> None:
    with box("vk") as folder:
        path = folder / "redis.sock"
        for server in lend(own_valkey({"unixsocket": str(path)})):
            async with RedisAddress(server.url).dial() as line:
                await line.ask("CONFIG", "SET", "requirepass", SECRET)
            assert await pings(f"unix://:{quote(SECRET, safe='')}@{path}?db=1") == b"PONG"


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:{port}",
        "redis://:not-hunter2@127.0.0.1:{port}",
        "rediss://:hunter2@127.0.0.1:{port}",
        "redis://:hunter2@127.0.0.1:{port}/999",
        "unix:///nowhere/redis.sock",
    ],
)
async def test_what_does_not_open_says_so_without_the_password(guarded: Valkey, url: str) -> None:
    with pytest.raises(RedisUnavailable) as away:
        await pings(url.format(port=guarded.port))
    assert "hunter2" not in str(away.value)
