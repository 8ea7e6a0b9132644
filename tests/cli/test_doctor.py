"""Hold `doctor` to naming every part, what is sick and what to do, and no secret."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cambist.cli.doctor import command
from cambist.cli.doctor.check_result import write_us
from cambist.cli.doctor.checks import masked
from tests.acceptance.process import Process
from tests.cli.conftest import Cambist
from tests.cli.fake_server import stranger

PARTS = [
    "Python", "cambist", "settings", "home", "lock", "disk", "database", "schema", "durability",
    "trading",
    "paper", "Redis", "server", "clock", "open",
]  # fmt: skip
SECRET = "hunter2-hunter2"


def states(told: str) -> dict[str, str]:
    """Return how each part is."""
    lines = [line.split() for line in told.splitlines() if not line.startswith(" ")]
    return {line[1]: line[0] for line in lines}


@contextmanager
def answering(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    """Answer lines on a port, as Redis would."""
    ready, port, loop = threading.Event(), [0], asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1_024):
            writer.write(answer(data))
        writer.close()

    async def listen() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port[0] = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(listen()))
    thread.start()
    ready.wait()
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def test_a_house_in_order_is_told_part_by_part(cambist: Cambist, house: Process) -> None:
    done = cambist("doctor", "--home", str(house.home))
    assert done.exit_code == 0, done.stdout
    assert list(states(done.stdout)) == PARTS
    assert set(states(done.stdout).values()) <= {"ok", "note"}
    assert f"held by process {house.pid}" in done.stdout
    assert "DB connected at: 20" in done.stdout
    assert "journal mode wal" in done.stdout
    assert f"{house.url} is ok: database ok, chain ok" in done.stdout


def test_an_empty_folder_is_no_sickness_but_a_missing_server_is(cambist: Cambist) -> None:
    done = cambist("doctor", "--url", "http://127.0.0.1:1")
    assert done.exit_code == 1
    told = states(done.stdout)
    assert (told["home"], told["database"], told["server"]) == ("note", "note", "sick")
    assert "do: start one: " in done.stdout


def test_a_home_nobody_works_in_is_free(cambist: Cambist, tmp_path: Path) -> None:
    (tmp_path / "h").mkdir(mode=0o700)
    done = cambist("doctor", "--home", str(tmp_path / "h"))
    assert done.exit_code == 0
    assert "free: no engine works in this home" in done.stdout
    assert states(done.stdout)["home"] == "ok"
    assert list((tmp_path / "h").iterdir()) == []
    (tmp_path / "h").chmod(0o755)
    again = cambist("doctor", "--home", str(tmp_path / "h"))
    assert again.exit_code == 0
    assert f"do: chmod 700 {tmp_path / 'h'}" in again.stdout


def test_a_home_that_cannot_be_one_is_sick(cambist: Cambist, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = cambist("doctor", "--home", str(tmp_path / "file"))
    assert done.exit_code == 1
    assert "is no folder" in done.stdout
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / "cambist.db").write_text("a diary, say, that has its own use\n" * 10)
    done = cambist("doctor", "--home", str(tmp_path / "h"))
    assert done.exit_code == 1
    assert "cambist.db is no store of cambist" in done.stdout
    assert states(done.stdout)["database"] == "sick"


def test_a_home_of_somebody_else_is_sick(
    cambist: Cambist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.os, "access", lambda *_: False)
    done = cambist("doctor", "--home", str(tmp_path))
    assert done.exit_code == 1
    assert "cannot be written" in done.stdout


def test_a_full_disk_is_sick(
    cambist: Cambist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "DISK_FREE_BYTES_MIN", 2**80)
    done = cambist("doctor", "--home", str(tmp_path))
    assert (done.exit_code, states(done.stdout)["disk"]) == (1, "sick")


def test_few_open_files_are_told_with_what_they_carry(
    cambist: Cambist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.resource, "getrlimit", lambda _: (1_024, 4_096))
    done = cambist("doctor")
    assert done.exit_code == 0
    assert "1024 at once carry about 924 connections" in done.stdout
    assert "ulimit -n 14100" in done.stdout


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CAMBIST_PROT": SECRET}, "CAMBIST_PROT is no setting of cambist; did you mean port?"),
        ({"REDIS_URL": f"postgres://me:{SECRET}@db"}, "REDIS_URL: it takes"),
        ({"CAMBIST_MODE": SECRET}, "CAMBIST_MODE: it takes paper"),
    ],
)
def test_odd_settings_are_sick_and_their_values_not_shown(
    cambist: Cambist, environment: dict[str, str], said: str
) -> None:
    done = cambist("doctor", **environment)
    assert done.exit_code == 1
    assert states(done.stdout)["settings"] == "sick"
    assert said in done.stdout
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.postgres
def test_a_shared_database_is_asked(cambist: Cambist, postgres_url: str) -> None:
    done = cambist("doctor", DATABASE_URL=postgres_url)
    assert states(done.stdout)["database"] == "ok"
    assert "PostgreSQL answers" in done.stdout


def test_a_shared_database_that_is_away_is_sick(cambist: Cambist) -> None:
    done = cambist("doctor", DATABASE_URL=f"postgresql://me:{SECRET}@127.0.0.1:1/x")
    assert done.exit_code == 1
    assert states(done.stdout)["database"] == "sick"
    assert SECRET not in done.stdout + done.stderr


def test_settings_in_force_are_named_by_where_they_come_from(
    cambist: Cambist, tmp_path: Path
) -> None:
    (tmp_path / "cambist.toml").write_text("paper_seed = 7\n", "utf-8")
    done = cambist("doctor", CAMBIST_PORT="4000", PORT="4001")
    assert "from cambist.toml; environment: CAMBIST_PORT, PORT" in done.stdout
    assert "not at the default: port, paper_seed" in done.stdout
    assert "note  settings" in done.stdout
    assert "PORT=4001 is not used" in done.stdout


@pytest.mark.parametrize(
    ("answer", "said", "state"),
    [
        (b"+PONG\r\n", "answers PING with PONG", "ok"),
        (b"-NOAUTH Authentication required.\r\n", "wants a password", "sick"),
        (b"HTTP/1.1 400\r\n", "not as Redis does", "sick"),
    ],
)
def test_a_redis_is_pinged(cambist: Cambist, answer: bytes, said: str, state: str) -> None:
    with answering(lambda _: answer) as port:
        done = cambist("doctor", REDIS_URL=f"redis://127.0.0.1:{port}/0")
    assert states(done.stdout)["Redis"] == state
    assert f"redis://127.0.0.1:{port}/0 " in done.stdout
    assert said in done.stdout


def test_the_password_of_redis_is_used_and_not_shown(cambist: Cambist) -> None:
    heard: list[bytes] = []

    def answer(data: bytes) -> bytes:
        heard.append(data)
        return b"+OK\r\n" if b"AUTH" in data else b"+PONG\r\n"

    with answering(answer) as port:
        done = cambist("doctor", REDIS_URL=f"redis://me:{SECRET}@127.0.0.1:{port}")
    assert "answers PING with PONG" in done.stdout
    assert SECRET.encode() in heard[0]
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "part"),
    [
        (f"redis://:{SECRET}@127.0.0.1:1", "Redis"),
        ("unix:///nowhere/redis.sock", "Redis"),
        (f"redis://:{SECRET}@127.0.0.1:x", "settings"),
        ("redis://[", "settings"),
        ("nonsense", "settings"),
    ],
)
def test_a_redis_that_is_away_is_said(cambist: Cambist, url: str, part: str) -> None:
    done = cambist("doctor", REDIS_URL=url)
    assert (done.exit_code, states(done.stdout)[part]) == (1, "sick")
    assert SECRET not in done.stdout + done.stderr


def test_a_chain_of_its_own_that_is_away_is_said(cambist: Cambist) -> None:
    done = cambist("doctor", CAMBIST_PAPER_CHAIN="socket")
    assert (done.exit_code, states(done.stdout)["paper"]) == (1, "sick")
    assert "paper-chain`" in done.stdout


def test_what_is_no_engine_is_sick(cambist: Cambist) -> None:
    for status, body in ((200, {}), (401, {}), (500, {})):
        with stranger(status, body) as (url, _):
            done = cambist("doctor", "--url", url)
        assert (done.exit_code, states(done.stdout)["server"]) == (1, "sick")
    assert cambist("doctor", "--url", "nonsense").exit_code == 1


@pytest.mark.parametrize(("word", "code"), [("ok", 0), ("degraded", 1), ("down", 1)])
def test_a_server_is_as_well_as_it_says_and_its_clock_is_compared(
    cambist: Cambist, word: str, code: int
) -> None:
    body = {"info": {"version": "9.9"}, "status": word, "timestamp": "2020-01-01T00:00:00Z"}
    with stranger(200, body) as (url, _):
        done = cambist("doctor", "--url", url)
    assert done.exit_code == code
    assert states(done.stdout)["clock"] == "note"
    assert " behind" in done.stdout
    assert " 9.9 " in done.stdout


def test_an_address_is_shown_without_its_password() -> None:
    assert masked(f"redis://me:{SECRET}@db:1/0?x={SECRET}#{SECRET}") == "redis://db:1/0"


def test_a_latency_has_the_unit_that_suits_it() -> None:
    assert [write_us(one) for one in (0, 999, 1_000, 52_310)] == [
        "0 us", "999 us", "1.0 ms", "52.3 ms",
    ]  # fmt: skip
