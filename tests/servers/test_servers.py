"""Prove that the servers tests rest on start, are durable, and come back after any end."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.servers import fixtures
from tests.servers.machine import ServerNotAvailable
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey

PG_GREETING = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


def greets(port: int) -> bytes:
    """Ask a PostgreSQL server whether it speaks TLS: it answers with one letter."""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(PG_GREETING)
        return line.recv(1)


def says(port: int, *words: str) -> bytes:
    """Give a Redis server a command."""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall((" ".join(words) + "\r\n").encode())
        return line.recv(1_024)


@pytest.mark.postgres
def test_a_postgres_comes_back_on_its_port(breakable_postgres: Postgres) -> None:
    server = breakable_postgres
    assert greets(server.port) == b"N"
    for how in (signal.SIGINT, signal.SIGQUIT):
        server.restart(how)
        assert greets(server.port) == b"N"
    server.kill9()
    with pytest.raises(OSError, match="refused"):
        greets(server.port)
    server.start()
    assert greets(server.port) == b"N"


@pytest.mark.redis
def test_a_valkey_keeps_what_it_acknowledged(breakable_valkey: Valkey) -> None:
    server = breakable_valkey
    assert says(server.port, "SET", "one", "1") == b"+OK\r\n"
    server.kill9()
    with pytest.raises(OSError, match="refused"):
        says(server.port, "PING")
    server.start()
    assert says(server.port, "GET", "one") == b"$1\r\n1\r\n"
    server.freeze()
    server.restart()
    assert says(server.port, "GET", "one") == b"$1\r\n1\r\n"


@pytest.mark.parametrize(
    ("ci", "ends"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_a_server_that_is_missing_is_told_loudly(
    monkeypatch: pytest.MonkeyPatch, ci: str, ends: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ends, match="NOT TESTED"):
        fixtures._do_without(ServerNotAvailable("none here"))
