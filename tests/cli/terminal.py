"""Runs commands in a pseudo terminal of a given width, and returns what stays on its screen."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence

MARK = "@@@"
_PROGRAM = f"""
import json, os, sys
from cambist.cli.main import app
for words in json.loads(sys.argv[1]):
    print("{MARK}" + " ".join(words), flush=True)
    try:
        app(words, prog_name="cambist")
    except SystemExit:
        pass
"""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_REDRAWN = re.compile(r"\x1b\[\d+A")


def on_a_terminal(
    commands: Sequence[Sequence[str]], width: int, environment: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return the lines of each command, by its words; of a picture that moves, the last."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, json.dumps(commands)],
        env={**kept, "TERM": "xterm", "NO_COLOR": "1", **environment},
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    text = b""
    try:
        while part := os.read(here, 65_536):
            text += part
    except OSError:  # how Linux says that nobody holds the other end any more
        pass
    finally:
        os.close(here)
        process.wait(60)
    told = {}
    for block in text.decode().replace("\r", "").split(MARK)[1:]:
        words, _, rest = block.partition("\n")
        told[words] = _ESCAPES.sub("", _REDRAWN.split(rest)[-1]).splitlines()
    return told
