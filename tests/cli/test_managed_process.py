"""Hold the process runner to its word: ready or failed with a reason, and nothing left behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cambist.cli import managed_process
from cambist.cli.managed_process import ManagedProcess, ProcessSpec, StartFailed
from cambist.clock import SystemClock


async def never(_: int) -> bool:
    return False


async def at_once(_: int) -> bool:
    return True


def python(program: str, **more: object) -> ProcessSpec:
    options = {"is_ready": never, **more}
    return ProcessSpec("child", "nowhere", (sys.executable, "-c", program), **options)  # type: ignore[arg-type]


async def test_a_process_that_ends_is_reported_with_its_code_and_last_words(tmp_path: Path) -> None:
    child = ManagedProcess(python("import sys; sys.exit('no room')"), tmp_path, SystemClock())
    with pytest.raises(StartFailed, match="child ended with 1: no room") as failed:
        await child.start()
    assert failed.value.code == 1


async def test_a_process_that_is_not_ready_in_time_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed_process, "START_MS_MAX", 500)
    pids: list[int] = []

    async def noted(pid: int) -> bool:
        pids.append(pid)
        return False

    spec = python("import time; time.sleep(60)", is_ready=noted)
    with pytest.raises(StartFailed, match="child was not ready in time"):
        await ManagedProcess(spec, tmp_path, SystemClock()).start()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


async def test_a_process_that_does_not_end_when_asked_is_forced(tmp_path: Path) -> None:
    program = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(tmp_path / 'deaf')!r}).touch(); time.sleep(60)"
    )

    async def is_deaf(_: int) -> bool:
        return (tmp_path / "deaf").exists()

    spec = python(program, is_ready=is_deaf, end_ms_max=200)
    child = ManagedProcess(spec, tmp_path, SystemClock())
    await child.start()
    assert not await child.end()
    assert not child.is_running


async def test_only_variables_that_are_let_through_reach_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMBIST_HOME", "elsewhere")
    program = "import os; print(os.environ.get('CAMBIST_HOME'), os.environ.get('GIVEN'))"
    spec = python(
        program,
        is_ready=at_once,
        environment={"GIVEN": "so"},
        inherits=lambda name: not name.startswith("CAMBIST_"),
    )
    child = ManagedProcess(spec, tmp_path, SystemClock())
    await child.start()
    assert await child.ended() == 0
    assert (tmp_path / "child.log").read_text() == "None so\n"
