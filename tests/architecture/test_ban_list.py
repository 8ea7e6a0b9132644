"""Prove that the ban list bites, and that only the clock may name what it bans."""

import subprocess
import sys
import tomllib

import pytest

from tests.architecture.tree import PACKAGE, ROOT, place, sources

PYPROJECT = ROOT / "pyproject.toml"
RUFF = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["ruff"]
BANNED = RUFF["lint"]["flake8-tidy-imports"]["banned-api"]
CLOCK = PACKAGE / "clock.py"


def ruff(code: str, *, filename: str) -> str:
    """Lint a snippet as if it stood in a file of ours."""
    command = [
        *(sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(PYPROJECT)),
        *("--select", "TID251", "--output-format", "concise", "--stdin-filename", filename, "-"),
    ]
    done = subprocess.run(
        command, input=code, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout


def snippet() -> str:
    """Name each banned call once, the way code would: by module, on a line of its own."""
    modules = sorted({call.split(".")[0] for call in BANNED})
    return "\n".join([f"import {', '.join(modules)}", *BANNED]) + "\n"


def test_each_banned_call_is_refused_in_the_engine() -> None:
    verdict = ruff(snippet(), filename="src/cambist/engine/executor.py")
    missed = [
        call for call in BANNED if f"`{call}` is banned: {BANNED[call]['msg']}" not in verdict
    ]
    assert not missed, verdict


def test_a_banned_call_is_refused_by_any_name() -> None:
    for code in ("from time import time as now\nnow()\n", "import asyncio as a\na.gather()\n"):
        assert "TID251" in ruff(code, filename="src/cambist/orders/order.py")


@pytest.mark.parametrize("room", ["tests/engine/test_x.py", "bench/x.py", "scripts/x.py"])
def test_tests_and_benches_may_look_at_the_clock(room: str) -> None:
    assert "TID251" not in ruff(snippet(), filename=room)


def test_only_the_clock_is_excused() -> None:
    excused = {
        place(path)
        for path in sources()
        for line in path.read_text(encoding="utf-8").splitlines()
        if "noqa" in line and ("TID251" in line or "noqa:" not in line)
    }
    assert excused <= {place(CLOCK)}


def test_no_other_file_is_excused_by_the_configuration() -> None:
    ignores = RUFF["lint"]["per-file-ignores"]
    excused = {pattern for pattern, rules in ignores.items() if {"TID251", "TID"} & set(rules)}
    assert excused == {"tests/**", "bench/**", "scripts/**"}
