"""Hold the garbage collector to its rule: full collections only while nothing is being executed."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cambist.bootstrap import garbage_collection
from cambist.bootstrap.garbage_collection import (
    BUSY_FULL_EVERY_MS,
    LOOK_EVERY_MS,
    collecting_when_idle,
)
from cambist.clock import ManualClock
from cambist.engine.engine import Engine


class Collector:
    """Stands for the module `gc`: counts full collections."""

    def __init__(self) -> None:
        self.full = 0
        self.middle = 1
        self.thresholds: list[tuple[int, ...]] = []
        self.is_frozen = False

    def collect(self) -> None:
        self.full += 1

    def freeze(self) -> None:
        self.is_frozen = True

    def unfreeze(self) -> None:
        self.is_frozen = False

    def get_threshold(self) -> tuple[int, int, int]:
        return gc.get_threshold()

    def set_threshold(self, *thresholds: int) -> None:
        self.thresholds.append(thresholds)

    def get_count(self) -> tuple[int, int, int]:
        return (0, 0, self.middle)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Collector:
    collector = Collector()
    monkeypatch.setattr(garbage_collection, "gc", collector)
    return collector


def engine(clock: ManualClock, *, is_idle: bool) -> Any:
    return cast("Engine", SimpleNamespace(clock=clock, is_idle=is_idle))


async def test_an_idle_engine_collects_only_when_something_has_aged(collector: Collector) -> None:
    clock = ManualClock()
    async with collecting_when_idle(engine(clock, is_idle=True)):
        assert collector.is_frozen
        assert collector.full == 1
        await clock.push(LOOK_EVERY_MS)
        assert collector.full == 2
        collector.middle = 0
        await clock.push(100 * LOOK_EVERY_MS)
        assert collector.full == 2


async def test_a_busy_engine_collects_no_sooner_than_its_bound(collector: Collector) -> None:
    clock = ManualClock()
    async with collecting_when_idle(engine(clock, is_idle=False)):
        await clock.push(BUSY_FULL_EVERY_MS - LOOK_EVERY_MS)
        assert collector.full == 1
        await clock.push(LOOK_EVERY_MS)
        assert collector.full == 2


async def test_the_collector_is_given_back(collector: Collector) -> None:
    before = gc.get_threshold()
    async with collecting_when_idle(engine(ManualClock(), is_idle=True)):
        assert collector.thresholds[-1] != before
        await asyncio.sleep(0)
    assert collector.thresholds[-1] == before
    assert not collector.is_frozen
