"""Hold health to its word: cheap, the same under a halt, and silent to strangers about reasons."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cambist.engine import engine as engine_module
from cambist.engine.engine import Engine, EngineHealth
from cambist.ports.api_keys import Permission
from cambist.server.settings import CallerRates
from tests.server.app_harness import in_process
from tests.server.authenticated_app import FREE, locked

WHY = {"reason": "maintenance of the secret vault"}
PATHS = ("/health", "/health/ready")


async def test_a_halt_leaves_the_api_in_its_balancer(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        client = rooms.client
        assert (await client.get("/health/ready")).json()["trading"] == "on"
        halted = (await client.post("/api/halt", json=WHY)).json()
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["trading"]) == (200, "halted")
        assert ready.json()["halt"]["since"] == halted["halt"]["since"]
        for query, status in (("trading=1", 503), ("trading=true", 503), ("trading=0", 200)):
            assert (await client.get(f"/health/ready?{query}")).status_code == status
        await client.post("/api/resume", json=WHY)
        told = (await client.get("/health/ready?trading=1")).json()
        assert (told["trading"], "halt" in told) == ("on", False)


async def test_nobody_without_a_key_learns_why_trading_is_halted_or_who_did_it(
    tmp_path: Path,
) -> None:
    async with locked(tmp_path) as rooms:
        client = rooms.client
        admin, reader = await rooms.key(Permission.ADMIN), await rooms.key(Permission.READ)
        halted = (await client.post("/api/halt", json=WHY, headers=admin)).json()["halt"]
        for path in PATHS:
            for stranger in ({}, {"authorization": "Bearer hello"}):
                told = await client.get(path, headers=stranger)
                assert (told.status_code, told.json()["trading"]) == (200, "halted")
                assert told.json()["halt"] == {"since": halted["since"]}
                assert WHY["reason"] not in told.text
                assert halted["by"] not in told.text
            assert (await client.get(path, headers=reader)).json()["halt"] == halted


async def test_probes_are_counted_against_no_address(tmp_path: Path) -> None:
    rates = CallerRates(0, 0, 0, 1, 0, 0)
    async with locked(tmp_path, replace(FREE, rates=rates, address_requests_max=1)) as rooms:
        await rooms.key()
        for path in (*PATHS, "/health/live"):
            assert [(await rooms.client.get(path)).status_code for _ in range(3)] == [200] * 3
        asked = [(await rooms.client.get("/docs/faults")).status_code for _ in range(2)]
        assert asked == [200, 429]


async def test_all_who_ask_share_one_probe_and_liveness_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes, health = 0, Engine.health

    async def counted(engine: Engine) -> EngineHealth:
        nonlocal probes
        probes += 1
        return await health(engine)

    async with in_process(tmp_path) as rooms:
        await rooms.client.get("/health/live")
        monkeypatch.setattr(Engine, "health", counted)
        now = rooms.engine.clock.monotonic_ms()
        monkeypatch.setattr(rooms.engine.clock, "monotonic_ms", lambda: now)
        async with asyncio.TaskGroup() as tasks:
            for path in (*PATHS, "/health/live") * 20:
                tasks.create_task(rooms.client.get(path))
        assert probes == 1
        now += 1_000
        await rooms.client.get("/health")
        assert probes == 2


async def test_a_part_that_does_not_answer_in_time_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(engine_module, "HEALTH_WITHIN_MS", 1)
    async with in_process(tmp_path) as rooms:
        parts: tuple[tuple[object, str], ...] = (
            (rooms.engine._dependencies.store, "ping"),
            (rooms.engine._dependencies.store, "halted"),
            (rooms.engine._dependencies.world.chain, "blockhash"),
        )
        asked: Callable[..., Awaitable[None]] = never
        for part, name in parts:
            monkeypatch.setattr(part, name, asked)
        told = await rooms.client.get("/health/ready")
        assert told.status_code == 503
        assert {told.json()[name] for name in ("database", "chain")} == {"down"}
        assert told.json()["trading"] == "unknown"
