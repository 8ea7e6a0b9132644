"""Opens an engine on its store and its world, and runs it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from cambist import failpoints, metrics
from cambist.bootstrap.coordination import ProcessRole, build_coordination
from cambist.bootstrap.home import ensure_home, home_lock, needs_no_lock, process_owner
from cambist.bootstrap.paper import open_ports
from cambist.bootstrap.stores import open_store
from cambist.clock import Entropy, SystemClock
from cambist.config import Settings
from cambist.engine.dependencies import EngineDependencies
from cambist.engine.engine import Engine, EngineLimits
from cambist.engine.publisher import EventPublisher
from cambist.engine.quoting import RoutingOptions
from cambist.engine.reconciler import Reconciler
from cambist.orders.retry import Backoff
from cambist.ports.errors import PortOverloaded, PortUnavailable
from cambist.ports.rate_limits import RateLimiter
from cambist.routing.transaction_limits import V0, V1
from cambist.values.time_units import Millis

log = structlog.get_logger("cambist.engine")

SWITCH_INTERVAL_S: Final = 0.002
"""How long the interpreter lets one thread run: the writer's word must not wait for the loop."""
MEASURE_EVERY_MS: Final = 500
LAG_SAMPLES: Final = 25
"""How often the lag of the event loop is looked at between two measurements."""
ADD_UP_EVERY_MS: Final = 5_000
"""How often fills are put into the sums of their days, for the report."""
RENEWALS_PER_LEASE: Final = 3
COMPARE_WITHIN_S: Final = 10
"""How long a start waits for the chain; then orders are taken, and rest until it answers."""


class RunningEngine(NamedTuple):
    """An engine that runs, and what its server counts callers by."""

    engine: Engine
    rates: RateLimiter


@asynccontextmanager
async def run_engine(settings: Settings) -> AsyncIterator[RunningEngine]:
    """Run an engine for as long as the context lasts; on the way out it drains, and closes.

    Of role `api` it takes orders and moves none. Raises HomeInUse, and what opening the store and
    the files raises.
    """
    home, clock = Path(settings.home), SystemClock()
    failpoints.arm(settings.fault)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with nullcontext(ensure_home(home)) if needs_no_lock(settings) else home_lock(home):
        signals = build_coordination(settings, clock, _process_role(settings))
        async with (
            open_store(settings, EventPublisher(signals.bus), clock) as store,
            signals.running(store),
            open_ports(settings, home, clock) as ports,
        ):
            tells = signals.wakeups, signals.bus
            dependencies = EngineDependencies(store, *tells, ports, clock, Entropy(), signals.redis)
            engine = Engine(dependencies, _limits(settings))
            reconciler = None if settings.role == "api" else Reconciler(store, ports.chain, clock)
            async with _background_tasks(engine, clock, reconciler):
                yield RunningEngine(engine, signals.limits)


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[Engine]:
    """Run an engine without a server. Raises what `run_engine` raises."""
    async with run_engine(settings) as opened:
        yield opened.engine


def _process_role(settings: Settings) -> ProcessRole:
    return ProcessRole(
        process_owner(),
        serves=settings.role != "worker",
        works=settings.role != "api",
        notices=settings.database_url,
    )


@asynccontextmanager
async def _background_tasks(
    engine: Engine, clock: SystemClock, reconciler: Reconciler | None
) -> AsyncIterator[None]:
    """Run an engine; where there is a reconciler it moves orders, once the chain was compared."""
    async with asyncio.TaskGroup() as tasks:
        beside = [
            tasks.create_task(_measure(engine, clock)),
            tasks.create_task(_add_up(engine, clock)),
        ]
        if reconciler is not None:
            beside.append(tasks.create_task(reconciler.run()))
            beside.append(tasks.create_task(_run_after_reconciliation(engine, reconciler)))
            with suppress(TimeoutError):
                async with asyncio.timeout(COMPARE_WITHIN_S):
                    await reconciler.compared.wait()
        try:
            yield
        finally:
            await engine.drain()
            for task in beside:
                task.cancel()


async def _run_after_reconciliation(engine: Engine, reconciler: Reconciler) -> None:
    """Move orders as soon as it is known that the chain executed none that are not in the store."""
    await reconciler.compared.wait()
    await engine.run()


def _limits(settings: Settings) -> EngineLimits:
    return EngineLimits(
        concurrency=settings.worker_concurrency,
        backlog_max=settings.backlog_max,
        orders_per_minute=settings.orders_per_minute,
        backoff=Backoff(Millis(settings.backoff_first_ms)),
        renew_every_ms=settings.lease_ms // RENEWALS_PER_LEASE,
        routing=RoutingOptions(
            V0 if settings.transaction_format == "v0" else V1,
            _hundredths(settings.split_gain_min_bps),
        ),
    )


def _hundredths(bps: str) -> int:
    """Return basis points with at most two decimals as hundredths of them."""
    whole, _, part = bps.partition(".")
    return int(whole + part.ljust(2, "0"))


async def _add_up(engine: Engine, clock: SystemClock) -> None:
    """Put fills into the sums of their days now and then; all of a store made before, at first."""
    while True:
        try:
            while await engine.add_up_fills():
                continue
        except (PortUnavailable, PortOverloaded) as down:
            log.warning("daily_fills_delayed", error=str(down))
        await clock.sleep(ADD_UP_EVERY_MS)


async def _measure(engine: Engine, clock: SystemClock) -> None:
    """Set the gauges now and then, and see how late the event loop is."""
    loop = asyncio.get_running_loop()
    pause_ms = MEASURE_EVERY_MS // LAG_SAMPLES
    while True:
        lags: list[float] = []
        for _ in range(LAG_SAMPLES):
            due = loop.time() + pause_ms / 1_000
            await clock.sleep(pause_ms)
            lags.append(max(loop.time() - due, 0.0))
        metrics.LOOP_LAG.set(lags[-1])
        metrics.LOOP_LAG_WORST.set(max(lags))
        with suppress(PortUnavailable):
            await engine.measure()
