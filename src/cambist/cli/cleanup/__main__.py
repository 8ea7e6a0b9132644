"""Waits until a pipe closes, then ends the processes named on it and removes a folder.

Started as `python -m cambist.cli.cleanup [FOLDER]`. A line `+ID` names a process that leads a group
of its own, `-ID` one that has ended and was waited for. Loads nothing but the standard library.
"""

import os
import shutil
import signal
import sys
from contextlib import suppress

groups: set[int] = set()
for line in sys.stdin:
    sign, number = line[0], line[1:].strip()
    if sign == "+":
        groups.add(int(number))
    else:
        groups.discard(int(number))
for group in groups:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
for folder in sys.argv[1:]:
    shutil.rmtree(folder, ignore_errors=True)
