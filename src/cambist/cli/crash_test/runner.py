"""Sends orders while it kills the engine and the chain, and waits until all of them have ended."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final, NamedTuple

from cambist.bootstrap import CHAIN_SOCKET
from cambist.cli import readiness_probes
from cambist.cli.cleanup import CleanupProcess
from cambist.cli.crash_test.verdict import ReportedOrder
from cambist.cli.local_cluster.host import free_port
from cambist.cli.managed_process import ManagedProcess, ProcessSpec
from cambist.client import CambistError, Client, Draft, Order, RetryPolicy, buy, sell, swap
from cambist.clock import SystemClock
from cambist.values.loopback import LOOPBACK

KILL_MS: Final = (300, 1_500)
CHAIN_SHARE: Final = 0.1
SETTLE_MS_MAX: Final = 120_000
LOOK_EVERY_MS: Final = 250
TRIES_MAX: Final = 40
ANSWER_MS_MAX: Final = 5_000
PAGE_ORDERS: Final = 500
SENDERS: Final = 4
_SECOND_MS: Final = 1_000


class CrashTestPlan(NamedTuple):
    """How long to kill, how many orders a second to send, and what chance is drawn from."""

    seconds: int
    per_second: int
    seed: int
    profile: str


class CrashRun:
    """An engine and a paper chain under fire, and what their senders were told."""

    def __init__(
        self, home: Path, plan: CrashTestPlan, cleanup: CleanupProcess | None = None
    ) -> None:
        self._plan = plan
        self._dice = random.Random(plan.seed)  # noqa: S311 -- for a storm, not for a secret
        self._clock = SystemClock()
        port = free_port()
        settings = {"CAMBIST_PAPER_PROFILE": plan.profile, "CAMBIST_PAPER_CHAIN": "socket"}
        settings["CAMBIST_LOG_LEVEL"] = "warning"
        settings["CAMBIST_HOME"] = str(home)
        specs = _engine(port, settings), _chain(home, settings)
        self._engine, self._chain = (
            ManagedProcess(spec, home, self._clock, cleanup) for spec in specs
        )
        self.url = f"http://{LOOPBACK}:{port}"
        self.accepted: dict[str, str] = {}
        self.unconfirmed: dict[str, Draft] = {}
        self.kills = self.chain_kills = 0
        self.counts: dict[str, int] = {}
        self._sent = 0
        self._over = False

    async def run(self) -> dict[str, ReportedOrder]:
        """Send and kill, then wait until all orders are closed; return their final states.

        Raises StartFailed, and TimeoutError when orders are still open long after the last kill.
        """
        await self._chain.start()
        await self._engine.start()
        retry_policy = RetryPolicy(tries_max=TRIES_MAX, timeout_ms=ANSWER_MS_MAX)
        try:
            async with Client(self.url, patience=retry_policy) as client:
                async with asyncio.TaskGroup() as raging:
                    looking = raging.create_task(self._look(client))
                    async with asyncio.TaskGroup() as sending:
                        for _ in range(SENDERS):
                            sending.create_task(self._send(client))
                        await self._kill_loop()
                    looking.cancel()
                return await self._settle(client)
        finally:
            # SIGTERM would let the engine drain first; both survive SIGKILL, which is the test.
            await self._engine.force()
            await self._chain.force()

    async def _kill_loop(self) -> None:
        until = self._clock.monotonic_ms() + self._plan.seconds * _SECOND_MS
        while self._clock.monotonic_ms() < until:
            await self._clock.sleep(self._dice.randint(*KILL_MS))
            if self._dice.uniform(0, 1) < CHAIN_SHARE:
                await self._chain.force()
                self.chain_kills += 1
                await self._chain.start()
            await self._engine.force()
            self.kills += 1
            await self._engine.start()
        self._over = True

    async def _send(self, client: Client) -> None:
        pause_ms = SENDERS * _SECOND_MS // self._plan.per_second
        while not self._over:
            self._sent += 1
            draft = _draft(self._plan.seed, self._sent)
            key = draft.client_order_id or ""
            self.unconfirmed[key] = draft
            await self._place(client, key, draft)
            await self._clock.sleep(pause_ms)

    async def _place(self, client: Client, key: str, draft: Draft) -> None:
        """Send an order; one whose fate is not known is sent again at the end."""
        with suppress(CambistError):
            placed = await client.place(draft)
            self.accepted[key] = placed.order_id
            self.unconfirmed.pop(key, None)

    async def _look(self, client: Client) -> None:
        while True:
            await self._count(client)
            await self._clock.sleep(LOOK_EVERY_MS)

    async def _count(self, client: Client) -> None:
        with suppress(CambistError):
            page = await client.page(limit=1)
            names = ("waiting", "active", "delayed", "completed", "failed", "cancelled")
            self.counts = {name: getattr(page, name) for name in names}

    async def _settle(self, client: Client) -> dict[str, ReportedOrder]:
        for key, draft in list(self.unconfirmed.items()):
            await self._place(client, key, draft)
        async with asyncio.timeout(SETTLE_MS_MAX / _SECOND_MS):
            while True:
                await self._count(client)
                is_open = any(self.counts.get(name) for name in ("waiting", "active", "delayed"))
                if self.counts and not is_open:
                    break
                await self._clock.sleep(LOOK_EVERY_MS)
        orders: AsyncGenerator[Order, None] = client.list(page_orders=PAGE_ORDERS)
        async with aclosing(orders) as rows:
            return {
                row.order_id: ReportedOrder(row.client_order_id, row.status) async for row in rows
            }


def _engine(port: int, settings: Mapping[str, str]) -> ProcessSpec:
    async def is_ready(_: int) -> bool:
        return (
            await readiness_probes.http_status((LOOPBACK, port), "/health/live")
            == readiness_probes.OK
        )

    command = (sys.executable, "-m", "cambist", "serve", "--port", str(port))
    url = f"http://{LOOPBACK}:{port}"
    return ProcessSpec("serve", url, command, is_ready, settings, _is_not_a_setting)


def _chain(home: Path, settings: Mapping[str, str]) -> ProcessSpec:
    path = home / CHAIN_SOCKET

    async def is_ready(_: int) -> bool:
        return await readiness_probes.socket_ready(path)

    command = (sys.executable, "-m", "cambist", "paper-chain")
    return ProcessSpec("paper-chain", str(path), command, is_ready, settings, _is_not_a_setting)


def _is_not_a_setting(name: str) -> bool:
    # The run is repeatable only if no CAMBIST_ variable of the caller reaches the engine.
    return "CAMBIST_" not in name


def _draft(seed: int, number: int) -> Draft:
    """Return one of a few small orders, under a key of its own."""
    key = f"prove-{seed}-{number}"
    kinds = (
        lambda: swap("SOL", "USDC", amount_in="0.5", client_order_id=key),
        lambda: buy("AAPL", 2, client_order_id=key),
        lambda: swap("USDC", "JUP", amount_in=25, client_order_id=key),
        lambda: sell("TSLA", "1.25", client_order_id=key),
    )
    return kinds[number % len(kinds)]()
