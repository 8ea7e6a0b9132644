"""Gives a server a place with a short path; the rest is found as `cambist up` finds it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cambist.cli.local_cluster.host import ServerNotAvailable, free_port, unprivileged_user

__all__ = ["ServerNotAvailable", "box", "free_port", "unprivileged_user"]


@contextmanager
def box(name: str) -> Iterator[Path]:
    """Make a folder for a server: short, since a socket's path has 107 bytes, and open to nobody.

    What stands in it belongs to the server's own user.
    """
    with tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path
