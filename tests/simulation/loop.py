"""Runs coroutines in virtual time: no thread, no socket, and a seed that picks who goes next.

Everything that runs for one simulated process carries its `Body` in its context. So a process
is killed or stopped between any two callbacks, as the kernel would do it: nothing in the code
under test takes part.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar

T = TypeVar("T")

RESOLUTION_S: Final = 1e-6
"""Not zero: a timer fires only when its instant is before now and the resolution."""
UNWINDINGS_MAX: Final = 40


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set: the program would wait for ever."""


class Body:
    """A process as the loop knows it: running, stopped, or dead; never more."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs = True
        self.parked: list[asyncio.Handle] = []
        self.fuse: int | None = None
        self.act: Callable[[], None] = lambda: None

    def set_fuse(self, callbacks: int, act: Callable[[], None]) -> None:
        """Act after so many more callbacks of this process."""
        self.fuse, self.act = callbacks, act

    def burn(self) -> None:
        """Count one callback."""
        if self.fuse is None:
            return
        self.fuse -= 1
        if self.fuse < 0:
            self.fuse = None
            self.act()


BODY: ContextVar[Body | None] = ContextVar("body", default=None)


class Ready(deque[asyncio.Handle]):
    """The callbacks that could run now; each time the seed picks one."""

    chance: Callable[[], float]
    nothing: asyncio.Handle
    steps = 0

    def popleft(self) -> asyncio.Handle:
        size = len(self)
        if size > 1:
            pick = int(self.chance() * size)
            if pick:
                self[0], self[pick] = self[pick], self[0]
        handle = super().popleft()
        self.steps += 1
        body: Body | None = handle._context.get(BODY)  # type: ignore[attr-defined]
        if body is not None:
            if body.fuse is not None and body.runs:
                body.burn()
            if not body.runs:
                body.parked.append(handle)
                return self.nothing
        return handle


class _NoSelector(selectors.BaseSelector):
    """Watches no file; where others would wait, it moves the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def register(self, *_: Any) -> selectors.SelectorKey:
        raise RuntimeError("there are no sockets here")

    unregister = register

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return {}

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is ready and no timer is set")
        if timeout > 0:
            self._loop.jump()
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when nothing is left to do."""

    def __init__(self, seed: object = 0) -> None:
        self._instant = 0.0
        super().__init__(selector=_NoSelector(self))
        self.ready = self._ready = Ready()
        self.ready.chance = random.Random(f"{seed}:picks").random
        self.ready.nothing = asyncio.Handle(lambda: None, (), self)
        self.ready.nothing.cancel()
        self._clock_resolution = RESOLUTION_S
        self.mishaps: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, what: self.mishaps.append(what))

    def _make_self_pipe(self) -> None:
        """Open no socket."""

    def _close_self_pipe(self) -> None:
        """Close none."""

    def jump(self) -> None:
        """Move the clock exactly onto the next timer."""
        self._instant = max(self._instant, self._scheduled[0]._when)  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._instant

    @property
    def ms(self) -> int:
        """Milliseconds since the loop began."""
        return round(self._instant * 1_000)

    def run_in_executor(self, *_: Any) -> Any:
        raise RuntimeError("threads are not deterministic: do it inline")

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_soon(callback, *args, context=context)

    def spawn(self, work: Coroutine[Any, Any, T], body: Body | None = None) -> asyncio.Task[T]:
        """Run a coroutine as part of a process, or of none."""
        return self.create_task(work, context=context_of(body))

    def unwind(self, bodies: list[Body]) -> None:
        """Cancel all that is left, also what belonged to the dead, and let it end."""
        for body in bodies:
            body.runs, body.fuse = True, None
            self.ready.extend(body.parked)
            body.parked.clear()
        for _ in range(UNWINDINGS_MAX):
            left = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
            if not left:
                break
            for task in left:
                task.cancel()
            self.run_until_complete(_ended(left))
        self.run_until_complete(self.shutdown_asyncgens())
        self.close()


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks, timeout=1)


def context_of(body: Body | None) -> Context:
    """Return a context in which everything belongs to a process."""
    context = copy_context()
    context.run(BODY.set, body)
    return context
