"""Puts long closed orders away, in whichever of the two places they are kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, NamedTuple

from cambist.bootstrap.home import STORE_FILE, made
from cambist.bootstrap.stores import StoreSick, shared_room, target_of
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.stores.archive import Archive, Progress
from cambist.stores.sqlite.prune import prune_file
from cambist.values.time_units import MINUTE, Moment
from cambist.wire.rfc3339 import write_moment

PRUNED_AFTER_DAYS_MIN: Final = 30
"""A key is remembered as long as its order, and nobody repeats a request after so long."""
ARCHIVES: Final = "archive"
_DAY: Final = 24 * 60 * MINUTE


class Pruned(NamedTuple):
    """How many orders were put away, and the file they are in."""

    orders: int
    path: Path | None


def prune(settings: Settings, days: int, progress: Progress, *, keeps: bool) -> Pruned:
    """Put away the orders at rest for so many days; unless one `keeps` nothing, in an archive.

    Raises StoreSick, OSError, UnfitDatabase and PortDown.
    """
    now, home = SystemClock().now(), Path(settings.home)
    before = Moment(max(now - days * _DAY, 0))
    path = None
    if keeps:
        name = write_moment(now).partition(".")[0].replace(":", "")
        path = made(made(home) / ARCHIVES) / f"orders-{name}Z.jsonl.gz"
    archive = None if path is None else Archive(path)
    if settings.database_url is not None:
        pruning = shared_room().prune(target_of(settings), before, archive, progress)
        return Pruned(asyncio.run(pruning), path)
    store = home / STORE_FILE
    if not store.exists():
        msg = f"{store} is not there: nobody trades in this home"
        raise StoreSick(msg)
    return Pruned(prune_file(store, before, archive, progress), path)
