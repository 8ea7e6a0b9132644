"""Measures how much CPU time the paper network takes of an order: what a live user does not pay.

Its entry points are wrapped for as long as a run lasts. A coroutine is timed step by step, so that
what other tasks do while it waits is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, TypeVar

from cambist.paper.adapters import PaperChain, PaperMarket, PaperSigner
from cambist.paper.network import PaperNetwork

T = TypeVar("T")

_MARKET: Final = ("cached_pools", "pools")
_CHAIN: Final = (
    "blockhash", "build_message", "simulate", "send", "observe", "executed_since", "fetch_fill",
)  # fmt: skip
_ENTRY_POINTS: Final[dict[type[Any], tuple[str, ...]]] = {
    PaperMarket: _MARKET,
    PaperChain: _CHAIN,
    PaperSigner: ("sign",),
    PaperNetwork: ("run",),
}


class Meter:
    """CPU time spent in the paper network by this thread, in microseconds."""

    def __init__(self) -> None:
        self.cpu_us = 0.0
        self._depth = 0
        self._begin = 0

    def enter(self) -> None:
        """Begin to count, unless an entry point called another one."""
        if not self._depth:
            self._begin = time.thread_time_ns()
        self._depth += 1

    def leave(self) -> None:
        """Count no longer."""
        self._depth -= 1
        if not self._depth:
            self.cpu_us += (time.thread_time_ns() - self._begin) / 1e3


@contextmanager
def metering() -> Iterator[Meter]:
    """Count the CPU time of the paper network for as long as the context lasts."""
    meter = Meter()
    originals = [
        (owner, name, getattr(owner, name))
        for owner, names in _ENTRY_POINTS.items()
        for name in names
    ]
    try:
        for owner, name, original in originals:
            setattr(owner, name, _wrapped(original, meter))
        yield meter
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def _wrapped(original: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    if iscoroutinefunction(original):

        @wraps(original)
        async def metered_coroutine(*words: Any, **named: Any) -> Any:
            return await _Steps(original(*words, **named), meter)

        return metered_coroutine

    @wraps(original)
    def metered(*words: Any, **named: Any) -> Any:
        meter.enter()
        try:
            return original(*words, **named)
        finally:
            meter.leave()

    return metered


class _Steps:
    """Awaits a coroutine and meters each of its steps."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], meter: Meter) -> None:
        self._coroutine = coroutine
        self._meter = meter

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = lambda: self._coroutine.send(None)  # noqa: E731
        while True:
            self._meter.enter()
            try:
                awaited = step()
            except StopIteration as done:
                return done.value
            finally:
                self._meter.leave()
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 -- a cancel is the coroutine's own
                step = _thrower(self._coroutine, error)
            else:
                step = _sender(self._coroutine, sent)


def _thrower(coroutine: Coroutine[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: coroutine.throw(error)


def _sender(coroutine: Coroutine[Any, Any, Any], value: object) -> Callable[[], Any]:
    return lambda: coroutine.send(value)
