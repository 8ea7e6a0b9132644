"""Hold the commands that start an engine to one clear sentence when they cannot."""

import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import httpx
import pytest
import typer

from cambist.cli.exit_codes import program, unwrap_group
from cambist.config import Settings
from tests.acceptance.process import Process, engine
from tests.cli.conftest import Cambist

SECRET = "hunter2-hunter2"
WAIT_S = 30


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, from a folder."""
    passed = {k: v for k, v in os.environ.items() if not k.startswith("CAMBIST_")}
    return subprocess.run(
        [sys.executable, "-m", "cambist", *words],
        cwd=folder,
        env={**passed, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def said_once(ended: subprocess.CompletedProcess[str]) -> str:
    """Return the one line a command said in place of a traceback."""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("cambist: ")
    return line


def test_a_home_in_use_exits_75_and_is_named(house: Process, tmp_path: Path) -> None:
    ended = run(tmp_path, "serve", "--port", "0", "--home", str(house.home))
    assert ended.returncode == 75
    assert f"{house.home} is in use" in said_once(ended)


def test_a_port_in_use_exits_75_and_is_named(house: Process, tmp_path: Path) -> None:
    port = house.url.rpartition(":")[2]
    ended = run(tmp_path, "serve", PORT=port)
    assert ended.returncode == 75
    assert f"127.0.0.1:{port} is in use" in said_once(ended)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104
def test_an_address_strangers_could_reach_exits_78_until_there_is_a_key(
    tmp_path: Path, host: str
) -> None:
    ended = run(tmp_path, "serve", "--host", host, "--port", "0")
    assert ended.returncode == 78
    told = said_once(ended)
    assert "can be reached from other machines" in told
    assert "cambist keys create" in told


def test_with_a_key_strangers_may_reach_it_and_the_wire_is_warned_of(tmp_path: Path) -> None:
    home = tmp_path / ".cambist"
    key = run(tmp_path, "keys", "create").stdout.strip()
    running = engine(home, paper_profile="instant", host="0.0.0.0").start()  # noqa: S104
    try:
        assert "put a proxy that speaks TLS before it" in (home / "serve.log").read_text("utf-8")
        url = f"http://127.0.0.1:{running.url.rpartition(':')[2]}/api/orders"
        with httpx.Client(trust_env=False) as client:
            assert client.get(url).status_code == 401
            shown = {"authorization": f"Bearer {key}"}
            assert client.get(url, headers=shown).status_code == 200
    finally:
        assert running.stop() == 0


def test_a_running_engine_notices_its_first_key_and_a_revocation(tmp_path: Path) -> None:
    home = tmp_path / ".cambist"
    running = engine(home, paper_profile="instant").start()
    try:
        assert "everyone on this machine may trade" in (home / "serve.log").read_text("utf-8")
        with httpx.Client(trust_env=False, base_url=running.url) as client:
            assert client.get("/api/orders").status_code == 200
            key = run(tmp_path, "keys", "create").stdout.strip()
            shown = {"authorization": f"Bearer {key}"}
            until = time.monotonic() + WAIT_S
            while client.get("/api/orders").status_code != 401:
                assert time.monotonic() < until
            assert client.get("/api/orders", headers=shown).status_code == 200
            assert run(tmp_path, "keys", "revoke", key).returncode == 0
            assert client.get("/api/orders", headers=shown).status_code == 401
    finally:
        assert running.stop() == 0


def test_a_pepper_others_can_read_stops_the_start(tmp_path: Path) -> None:
    run(tmp_path, "keys", "create")
    (tmp_path / ".cambist" / "pepper").chmod(0o644)
    ended = run(tmp_path, "serve", "--port", "0")
    assert ended.returncode == 78
    assert "chmod 600" in said_once(ended)


def test_a_world_of_another_seed_exits_78(house: Process, tmp_path: Path) -> None:
    (tmp_path / ".cambist").mkdir(mode=0o700)
    chain = house.home / "paper-chain.db"
    for suffix in ("", "-wal"):
        copy = tmp_path / ".cambist" / f"paper-chain.db{suffix}"
        copy.write_bytes((house.home / f"{chain.name}{suffix}").read_bytes())
    ended = run(tmp_path, "serve", "--port", "0", CAMBIST_PAPER_SEED="2")
    assert ended.returncode == 78
    assert "seed 1, not of seed 2" in said_once(ended)


def test_a_file_that_is_not_toml_exits_78_and_is_not_repeated(
    cambist: Cambist, tmp_path: Path
) -> None:
    (tmp_path / "cambist.toml").write_text(f"port = = {SECRET}\n", "utf-8")
    done = cambist("serve")
    assert (done.exit_code, done.stderr) == (78, "cambist: cambist.toml is not valid TOML\n")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"CAMBIST_PROT": "1"}, "CAMBIST_PROT is no setting of cambist; did you mean port?"),
        ({"CAMBIST_XYZ": "1"}, "`cambist serve --help` lists them"),
        ({"REDIS_URL": f"postgres://{SECRET}@db"}, "REDIS_URL: it takes"),
        ({"CAMBIST_FAULT": "nowhere:1"}, "CAMBIST_FAULT is point:count"),
        ({"CAMBIST_MODE": "live"}, "it takes paper"),
    ],
)
def test_settings_nobody_can_use_exit_78_with_a_sentence(
    cambist: Cambist, environment: dict[str, str], sentence: str
) -> None:
    for command in ("serve", "paper-chain", "demo"):
        if command == "demo" and "CAMBIST_FAULT" in environment:
            continue
        done = cambist(command, **environment)
        assert done.exit_code == 78
        assert sentence in done.stderr
        assert SECRET not in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_help_lists_every_setting(cambist: Cambist) -> None:
    told = " ".join(cambist("serve", "--help").stdout.split())
    assert all(name in told for name in Settings.__struct_fields__)


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "paper-chain",
        "demo",
        "order",
        "quote",
        "pools",
        "show",
        "list",
        "watch",
        "cancel",
        "balances",
        "verify",
        "keys",
        "doctor",
    ],
)
def test_every_command_says_what_it_is_for(cambist: Cambist, command: str) -> None:
    assert cambist(command, "--help").exit_code == 0
    assert command in cambist("--help").stdout


def test_what_is_no_command_exits_2(cambist: Cambist) -> None:
    assert cambist("bogus").exit_code == 2
    assert cambist("serve", "--prot", "1").exit_code == 2


def test_the_version_is_that_of_the_package(cambist: Cambist) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert cambist("--version").stdout == f"cambist {project['project']['version']}\n"


def test_an_engine_says_how_to_use_it_and_stops_at_one_word(tmp_path: Path) -> None:
    running = engine(tmp_path, paper_profile="instant").start()
    assert running.stop() == 0
    told = (tmp_path / "serve.log").read_text("utf-8")
    assert f"curl -X POST {running.url.removeprefix('http://')}/api/orders/execute" in told
    assert f"python -m cambist watch ORDER_ID --url {running.url}" in told
    assert "open orders are kept" in told


def test_a_demo_ends_with_five_closed_orders(tmp_path: Path) -> None:
    ended = run(tmp_path, "demo", "--profile", "instant", CAMBIST_PAPER_CHAIN="socket")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = [row.split() for row in ended.stdout.partition("Outcome")[2].splitlines()]
    closed = [row for row in rows if {"confirmed", "failed"} & set(row)]
    assert len(closed) == 5
    told = " ".join(ended.stdout.partition("Outcome")[2].split())
    # In the world of seed 1: one pool alone, and splits; all six programs.
    for way in (
        "confirmed meteora damm v2 900000",
        "raydium amm v4 +",
        "+ meteora dlmm",
        "raydium cpmm + clmm",
        "meteora damm v1 +",
    ):
        assert way in told
    assert not list(tmp_path.iterdir())


def test_an_error_in_groups_is_the_error_it_holds() -> None:
    error = typer.Exit(75)
    assert unwrap_group(ExceptionGroup("", [ExceptionGroup("", [error])])) is error
    assert unwrap_group(error) is error
    two = ExceptionGroup("", [ValueError(), ValueError()])
    assert unwrap_group(two) is two


def test_the_way_to_run_it_again_is_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    for argv, typed in (
        ("src/cambist/__main__.py", "python -m cambist"),
        (".venv/bin/cambist", ".venv/bin/cambist"),
    ):
        monkeypatch.setattr(sys, "argv", [argv])
        assert program() == typed


def test_a_file_that_is_no_store_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / ".cambist" / "cambist.db"
    path.parent.mkdir(mode=0o700)
    path.write_text("a diary, say, that has its own use\n" * 10, "utf-8")
    before = path.read_bytes()
    ended = run(tmp_path, "serve", "--port", "0")
    assert ended.returncode == 78
    assert "is no store of cambist" in said_once(ended)
    assert path.read_bytes() == before


def test_half_a_store_ends_commands_with_a_sentence_and_not_with_a_traceback(
    tmp_path: Path,
) -> None:
    made = run(tmp_path, "keys", "create", "--home", "home")
    assert made.returncode == 0
    store = tmp_path / "home" / "cambist.db"
    os.truncate(store, store.stat().st_size // 2)
    for words, code in ((("verify",), 1), (("serve", "--port", "0"), 78), (("keys", "list"), 78)):
        ended = run(tmp_path, *words, "--home", "home")
        assert ended.returncode == code, words
        assert "damaged" in said_once(ended)


def test_what_a_command_makes_is_its_owners_alone_in_a_home_that_was_there(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    before = os.umask(0o022)
    try:
        made = run(tmp_path, "keys", "create", "--home", "home")
    finally:
        os.umask(before)
    assert made.returncode == 0
    assert "home_readable_by_others" in made.stderr + made.stdout
    found = list(home.rglob("*"))
    assert len(found) >= 2
    assert all(not path.stat().st_mode & 0o077 for path in found)


def test_unknown_tokens_may_be_refused(tmp_path: Path) -> None:
    running = engine(tmp_path / "own", paper_profile="instant", unknown_tokens="refuse").start()
    try:
        with httpx.Client(trust_env=False, base_url=running.url) as client:
            order = {"tokenIn": "SOLL", "tokenOut": "USDC", "amountIn": "1"}
            for path in ("/api/orders", "/api/quotes"):
                refused = client.post(path, json=order)
                assert refused.status_code == 422
                told = refused.json()
                assert told["code"] == "unknown_token"
                assert told["errors"][0]["field"] == "tokenIn"
                assert told["detail"].endswith("Did you mean SOL?")
            taken = client.post("/api/orders", json={**order, "tokenIn": "AAPL"})
            assert (taken.status_code, taken.json()["warnings"]) == (202, [])
            pools = client.get("/api/pools", params={"tokenIn": "SOLL", "tokenOut": "USDC"})
            assert pools.status_code == 422
    finally:
        assert running.stop() == 0
