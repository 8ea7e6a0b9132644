"""Adds orders as fast as it can and prints each id once it was acknowledged, until killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from cambist.clock import Entropy
from cambist.stores.sqlite.store import SqliteStore
from tests import order_factory

entropy = Entropy()

ASKERS = 16


async def add_for_ever(store: SqliteStore) -> None:
    """Add orders one after the other."""
    while True:
        birth = order_factory.birth(entropy())
        await store.add(birth)
        print(birth.event.order.id, flush=True)


async def main(path: Path) -> None:
    """Let several askers add at once."""
    store = SqliteStore(path, lambda *_: None, owner="adder")
    for pragma in os.environ.get("ADDER_PRAGMAS", "").split():
        store._batches._connection.execute(f"PRAGMA {pragma}")  # type: ignore[union-attr]
    await store.open()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(ASKERS):
            tasks.create_task(add_for_ever(store))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
