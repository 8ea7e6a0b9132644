"""Hold commands to their exit code when what they write cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cambist.cli.main import app
from tests.acceptance.process import Process
from tests.cli.conftest import Cambist

WAIT_S = 60
_ = app  # what the processes below run


def environment(house: Process, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAMBIST_")}
    return {**kept, "CAMBIST_URL": house.url, "NO_COLOR": "1", **more}


def run(house: Process, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "cambist", *words],
        env=environment(house, **more),
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_letters_that_an_encoding_lacks_are_replaced_and_noted(
    house: Process, encoding: str
) -> None:
    done = run(house, "order", "0.1", "SOL", "USDC", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert b"0.1 ? " in done.stdout.splitlines()[-1]
    (note,) = done.stderr.decode().splitlines()
    assert " lacks are written as ? on standard output" in note


def test_what_an_encoding_has_is_not_noted(house: Process) -> None:
    done = run(house, "list", "--limit", "1", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_order_to_a_full_device_is_placed_and_confirmed(house: Process) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    key = "to-a-full-device"
    with Path("/dev/full").open("wb") as full:
        words = ("order", "0.1", "SOL", "USDC", "--key", key)
        done = subprocess.run(
            [sys.executable, "-m", "cambist", *words],
            env=environment(house),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=WAIT_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    (note,) = done.stderr.decode().splitlines()
    assert "standard output cannot be written (No space left on device)" in note


@pytest.mark.parametrize("words", [("order", "0.1", "SOL", "USDC"), ("list",), ("--version",)])
def test_a_reader_that_left_changes_no_exit_code(house: Process, words: tuple[str, ...]) -> None:
    here, there = os.pipe()
    os.close(here)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cambist", *words],
            env=environment(house),
            stdout=there,
            stderr=subprocess.PIPE,
            timeout=WAIT_S,
            check=False,
        )
    finally:
        os.close(there)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Broken pipe" in done.stderr


def test_a_refusal_keeps_its_code_where_nothing_can_be_written(house: Process) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cambist", "order", "1", "SOL", "SOL"],
        env=environment(house),
        preexec_fn=lambda: (os.close(1), os.close(2)),
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 2


def test_a_watch_of_all_ends_when_nobody_reads_it(house: Process, cambist: Cambist) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "cambist", "watch", "--json"],
        env=environment(house),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert watching.stdout is not None
    assert watching.stderr is not None
    try:
        heard = b""
        while not heard:
            cambist("order", "0.1", "SOL", "USDC")
            os.set_blocking(watching.stdout.fileno(), False)
            heard = watching.stdout.read() or b""
        watching.stdout.close()
        while watching.poll() is None:
            cambist("order", "0.1", "SOL", "USDC")
        assert watching.returncode == 0
    finally:
        watching.kill()
        watching.wait()
        watching.stderr.close()
