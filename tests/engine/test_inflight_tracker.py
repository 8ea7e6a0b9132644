"""Hold the tracker to sending the recorded bytes again for as long as they may still land."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from cambist.clock import ManualClock
from cambist.coordination.memory import InMemoryWakeupQueue
from cambist.engine.inflight_tracker import RESEND_EVERY_MS, InFlightTracker
from cambist.engine.send_permission import SendPermission
from cambist.orders.attempt import Attempt, NodeObservation
from cambist.orders.decide import Policy
from cambist.orders.order import Status
from cambist.paper.fault_model import INSTANT
from cambist.ports.store import CurrentTerms
from cambist.values.ids import OrderId
from cambist.values.time_units import Height
from tests import order_factory

PAST = order_factory.witness("two")
SILENT = replace(order_factory.quiet(), endpoint="one")
RULES = replace(INSTANT.rules, observers_required=2)


class Chain:
    """Endpoints that say what they are told to say, and take note of what is sent."""

    def __init__(self, *said: NodeObservation) -> None:
        self.said, self.sent = said, list[bytes]()

    async def observe(self, attempts: Sequence[Attempt]) -> tuple[tuple[NodeObservation, ...], ...]:
        return tuple(self.said for _ in attempts)

    async def send(self, transaction: bytes) -> None:
        self.sent.append(transaction)


class Wanted:
    """A store that knows of no cancel and no halt."""

    async def halted(self) -> None:
        return None

    async def current_terms(self, order_ids: Sequence[OrderId]) -> dict[OrderId, CurrentTerms]:
        return {order_id: CurrentTerms() for order_id in order_ids}


@pytest.mark.parametrize(
    ("said", "resends"),
    [
        ((SILENT, replace(SILENT, endpoint="two")), True),
        ((SILENT, PAST), True),
        ((replace(PAST, endpoint="one"), PAST), False),
        ((replace(SILENT, height=Height(9_999)), PAST), False),
        ((order_factory.seen("processed"), PAST), False),
    ],
)
async def test_one_endpoint_that_calls_it_too_old_does_not_stop_the_sending(
    said: tuple[NodeObservation, ...], resends: bool
) -> None:
    clock, chain = ManualClock(order_factory.START), Chain(*said)
    permission = SendPermission(Wanted(), clock)  # type: ignore[arg-type]
    tracker = InFlightTracker(chain, InMemoryWakeupQueue(clock), permission, clock, Policy(RULES))  # type: ignore[arg-type]
    order = order_factory.standing(Status.SUBMITTED)
    assert order.attempt is not None
    tracker.track(replace(order, attempt=replace(order.attempt, transaction=b"bytes")))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(tracker.run())
        await clock.push(3 * RESEND_EVERY_MS)
        running.cancel()
    assert chain.sent == ([b"bytes"] * 3 if resends else [])
