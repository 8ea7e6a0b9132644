"""Asks a script in node, which has the venues' SDKs, many questions at once."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from typing import Any, Final

import pytest

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
INSTALLED: Final = CACHE / "cambist/oracles"
ANSWERS_S_MAX: Final = 300


def ask(script: str, questions: Sequence[dict[str, Any]]) -> list[Any]:
    """Return a script's answers, one for each question; skips the test where no SDK is installed.

    A script is a file beside this one. It gets a JSON array on its standard input and writes one
    to its standard output; numbers that do not fit a double travel as strings.
    """
    if which("node") is None or not (INSTALLED / ".installed").exists():
        pytest.skip("no SDKs to compare with: `make oracles` installs them (needs node)")
    done = subprocess.run(
        ["node", str(Path(__file__).with_name(script))],
        input=json.dumps(list(questions)).encode(),
        capture_output=True,
        timeout=ANSWERS_S_MAX,
        check=False,
        env={**os.environ, "ORACLES": str(INSTALLED)},
    )
    assert done.returncode == 0, done.stderr.decode()[-4_000:]
    answers: list[Any] = json.loads(done.stdout)
    assert len(answers) == len(questions)
    return answers
