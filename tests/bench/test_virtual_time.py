"""Prove that the measures in virtual time count whole orders, and meter the paper network alone."""

from __future__ import annotations

import asyncio
import time

import pytest

from bench import compare, paper_share, virtual_time
from bench.report import CannotMeasure
from bench.virtual_time import VirtualClock, VirtualTimeLoop
from cambist.paper.adapters import PaperChain, PaperMarket


def burn(ms: int) -> None:
    until = time.thread_time_ns() + ms * 1_000_000
    while time.thread_time_ns() < until:
        pass


def test_an_hour_passes_at_once_in_virtual_time() -> None:
    async def main() -> tuple[int, int]:
        clock = VirtualClock(asyncio.get_running_loop())
        before = clock.now()
        await clock.sleep(3_600_000)
        return clock.monotonic_ms(), clock.now() - before

    begin = time.monotonic()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(main()) == (3_600_000, 3_600_000)
    assert time.monotonic() - begin < 60


def test_a_loop_without_timers_says_so() -> None:
    with (
        pytest.raises(CannotMeasure, match="nothing is left"),
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        runner.run(asyncio.Event().wait())  # type: ignore[arg-type]


def test_a_run_brings_every_order_to_its_finality() -> None:
    cost = virtual_time.measure(5_000, 50, metered=True)
    assert cost.orders == 50
    assert 0 < cost.paper_us < cost.cpu_us


async def test_only_steps_of_the_paper_network_are_metered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def simulate(_self: object, _message: bytes) -> None:
        burn(5)
        await asyncio.sleep(0)
        burn(5)

    monkeypatch.setattr(PaperChain, "simulate", simulate)
    monkeypatch.setattr(PaperMarket, "cached_pools", lambda *_: burn(10))
    with paper_share.metering() as meter:
        metered = asyncio.create_task(PaperChain.simulate(None, b""))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        burn(40)  # another task runs while the call waits
        await metered
        PaperMarket.cached_pools(None, "", None)  # type: ignore[arg-type]
    assert 20_000 <= meter.cpu_us < 40_000
    assert PaperChain.simulate is simulate


async def test_a_cancel_reaches_a_metered_call(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    async def blockhash(_self: object) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    monkeypatch.setattr(PaperChain, "blockhash", blockhash)
    with paper_share.metering():
        call = asyncio.create_task(PaperChain.blockhash(None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert heard == ["cancelled"]


def test_a_version_costs_what_it_costs_itself() -> None:
    found = compare.compare(compare.ROOT, 5_000, 2)
    assert 0.2 < found.ratio < 5


def test_a_base_that_is_neither_folder_nor_revision_is_refused() -> None:
    with pytest.raises(SystemExit, match="neither a folder"), compare.checkout("no-such-revision"):
        pass
