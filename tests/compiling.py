"""Compiles what tests load before a process's own libraries, with the system's compiler."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def preload(source: Path, folder: Path) -> Path:
    """Return a library made of one C file, or say loudly that there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip(
            "NOT TESTED, for want of a C compiler on Linux: it makes what breaks the process"
        )
    made = folder / f"{source.stem}.so"
    flags = ["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"]
    done = subprocess.run([compiler, *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made
