"""Names the ports an engine depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from cambist.ports.chain import Chain
from cambist.ports.clock import Clock
from cambist.ports.event_bus import EventBus
from cambist.ports.market import Market
from cambist.ports.signer import Signer
from cambist.ports.store import Store
from cambist.ports.wakeups import WakeupQueue

RedisStatus = Literal["ok", "down", "not_configured"]


def _no_redis() -> RedisStatus:
    return "not_configured"


class ChainPorts(msgspec.Struct, frozen=True):
    """The ports through which an order trades."""

    market: Market
    chain: Chain
    signer: Signer


class EngineDependencies(msgspec.Struct, frozen=True):
    """The ports an engine depends on."""

    store: Store
    wakeups: WakeupQueue
    bus: EventBus
    world: ChainPorts
    clock: Clock
    entropy: Callable[[], int]
    redis: Callable[[], RedisStatus] = _no_redis
