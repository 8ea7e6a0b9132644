"""Hold `verify` to noticing whatever was changed behind the engine's back."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.process import Process
from tests.cli.conftest import Cambist

FLIP = """UPDATE journal SET payload = replace(payload, '"SOL"', '"SOM"') WHERE seq = 1"""
TAMPERED = {
    "a payload was changed": FLIP,
    "a line in the middle was removed": "DELETE FROM journal WHERE seq = 3",
    "the last line was removed": "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)",
    "a whole journal was removed": "DELETE FROM journal",
    "an instant was moved": "UPDATE journal SET at = at + 1 WHERE seq = 2",
    "two lines changed places": "UPDATE journal SET seq = CASE seq WHEN 4 THEN 90 ELSE 4 END"
    " WHERE seq IN (4, 5)",
    "a status was changed": "UPDATE engine_orders SET status = 'failed'",
    "a count of tries was changed": "UPDATE engine_orders"
    " SET state = json_set(state, '$.tries', 2)",
    "an order was removed": "DELETE FROM engine_orders",
    "a fill was changed": "UPDATE fills SET amount_out = amount_out || '0'",
    "signed bytes were changed": "UPDATE attempts SET transaction_bytes = x'00'",
    "an attempt was removed": "DELETE FROM attempts",
    "an attempt was numbered anew": "UPDATE attempts SET number = number + 1",
    "an attempt was made to lapse": "UPDATE attempts SET state = 'lapsed'",
    "an attempt was given more time": "UPDATE attempts SET last_valid_height = 99999999",
    "evidence was invented": "UPDATE attempts SET evidence = '[]'",
    "a fill was removed": "DELETE FROM fills",
    "a fill was invented": "INSERT INTO fills SELECT order_id, 'S', '1', '1', '1', 1, 0 FROM fills",
    "an order was given to somebody else": "UPDATE engine_orders SET principal = 'eve'",
    "a line was filed before another": "UPDATE journal SET n = -n WHERE seq = 2",
}


@pytest.fixture
def home(house: Process, placed: str, tmp_path: Path) -> Path:
    """Return a copy of a home with one order in it, as a backup has it."""
    copy = tmp_path / "copy" / "cambist.db"
    copy.parent.mkdir()
    with (
        closing(sqlite3.connect(house.home / "cambist.db")) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        for table, name in (("engine_orders", "id"), ("journal", "order_id"), *OTHERS):
            target.execute(f"DELETE FROM {table} WHERE {name} <> ?", (placed,))  # noqa: S608
        target.commit()
    return copy.parent


OTHERS = (("attempts", "order_id"), ("fills", "order_id"))


def tamper(home: Path, sql: str) -> None:
    with closing(sqlite3.connect(home / "cambist.db")) as db:
        assert db.execute(sql).rowcount
        db.commit()


def test_an_untouched_home_is_all_as_written(cambist: Cambist, home: Path) -> None:
    done = cambist("verify", "--home", str(home))
    assert done.exit_code == 0
    told = done.stdout.splitlines()
    assert told[-1].startswith("1 order, ")
    assert done.stdout.endswith(" journal entries: all as written\n")


def test_a_home_may_be_verified_while_its_engine_runs(cambist: Cambist, house: Process) -> None:
    assert cambist("verify", CAMBIST_HOME=str(house.home)).exit_code == 0


@pytest.mark.parametrize("what", TAMPERED)
def test_a_change_behind_the_engines_back_exits_1(cambist: Cambist, home: Path, what: str) -> None:
    tamper(home, TAMPERED[what])
    done = cambist("verify", "--home", str(home))
    assert done.exit_code == 1, done.output
    assert "1 broken" in done.stdout


def test_a_single_flipped_bit_of_a_payload_is_noticed(cambist: Cambist, home: Path) -> None:
    with closing(sqlite3.connect(home / "cambist.db")) as db:
        ((text,),) = db.execute("SELECT payload FROM journal WHERE kind = 'landed'")
        flipped = bytearray(text.encode())
        flipped[len(flipped) // 2] ^= 1
        db.execute("UPDATE journal SET payload = ? WHERE kind = 'landed'", (flipped.decode(),))
        db.commit()
    assert cambist("verify", "--home", str(home)).exit_code == 1


def test_an_open_order_that_nobody_will_look_at_is_noticed(cambist: Cambist, home: Path) -> None:
    with closing(sqlite3.connect(home / "cambist.db")) as db:
        db.execute("DELETE FROM journal WHERE seq > 1")
        db.execute("DELETE FROM attempts")
        db.execute("DELETE FROM fills")
        ((at, digest),) = db.execute("SELECT at, hash FROM journal").fetchall()
        state = """status = 'pending', route_seq = NULL, attempt = NULL, state = '{"tries":1}'"""
        db.execute(
            f"UPDATE engine_orders SET {state}, last_seq = 1, last_at = ?, head_hash = ?,"  # noqa: S608
            " wake_at = NULL",
            (at, digest),
        )
        db.commit()
    done = cambist("verify", "--home", str(home))
    assert done.exit_code == 1
    assert "it is open, and nobody will look at it again" in done.stdout


def test_a_home_that_is_not_there_exits_78(cambist: Cambist) -> None:
    done = cambist("verify")
    assert done.exit_code == 78
    assert (
        done.stderr
        == "cambist: .cambist/cambist.db is not there; name another folder with --home\n"
    )


def test_a_file_that_is_no_store_exits_78(cambist: Cambist, tmp_path: Path) -> None:
    (tmp_path / "cambist.db").write_text("not a database " * 100, "utf-8")
    done = cambist("verify", "--home", str(tmp_path))
    assert done.exit_code == 78
    assert "is no store of cambist" in done.stderr
    (tmp_path / "cambist.db").write_bytes(b"")
    assert cambist("verify", "--home", str(tmp_path)).exit_code == 78
