"""Hold `prove` to leaving nothing behind, by whatever signal it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cambist.cli.cleanup import CleanupProcess, cleaned_up_folder

WAIT_S = 90


def until(is_so: object) -> None:
    """Wait until something is so: what is waited for has no event to await."""
    end = time.monotonic() + WAIT_S
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Yield a folder with a path so short that the name of a Unix socket in it fits 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="c-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_proof_that_is_ended_leaves_no_process_and_no_folder(
    short_folder: Path, number: signal.Signals
) -> None:
    environment = {**os.environ, "TMPDIR": str(short_folder), "COLUMNS": "80"}
    proof = subprocess.Popen(
        [sys.executable, "-m", "cambist", "prove", "--seconds", "60", "--profile", "instant"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pids: set[int] = set()

    def both_work() -> bool:
        locks = list(short_folder.glob("cambist-prove-*/*.lock"))
        pids.update(int(text) for lock in locks if re.fullmatch(r"\d+\n", text := lock.read_text()))
        return len(locks) == 2 and len(pids) >= 2

    try:
        until(both_work)
        proof.send_signal(number)
        proof.wait(WAIT_S)
        until(lambda: not any(short_folder.glob("cambist-prove-*")))
        until(lambda: not any(is_alive(pid) for pid in pids))
    finally:
        proof.kill()
        proof.wait()


def test_a_guardian_ends_what_it_was_told_of_and_nothing_that_was_waited_for(
    tmp_path: Path,
) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    kept, noted = (subprocess.Popen(sleeper, start_new_session=True) for _ in range(2))
    try:
        with CleanupProcess(tmp_path / "own") as guardian:
            (tmp_path / "own").mkdir()
            guardian.note(kept.pid)
            guardian.note(noted.pid)
            guardian.forget(kept.pid)
        assert noted.wait(WAIT_S) == -signal.SIGKILL
        assert kept.poll() is None
        assert not (tmp_path / "own").exists()
    finally:
        for one in (kept, noted):
            one.kill()
            one.wait()


def test_a_folder_is_gone_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def work() -> None:
        with cleaned_up_folder("own-") as (folder, _):
            (folder / "file").write_text("x", "utf-8")
            msg = "it broke"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="it broke"):
        work()
    assert list(tmp_path.iterdir()) == []
