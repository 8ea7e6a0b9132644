"""Breaks the process on purpose at a named point, as CAMBIST_FAULT says."""

# `CAMBIST_FAULT=point:count[:kill|stop|raise]` acts when the point is passed for the count-th time:
# SIGKILL (the default), SIGSTOP, or an exception. A message on stderr comes first. The points stand
# on both sides of every durable step, because those are the places where a crash leaves a state
# that a restart must recognise. The crash tests pass through all of them. When the variable is not
# set, a point costs one look-up.

from __future__ import annotations

import os
import signal
from typing import Final, Literal, NamedTuple, cast

FAILPOINTS: Final[dict[str, str]] = {
    "intake.before_commit": "an order is validated, and not stored yet",
    "intake.after_commit": "an order is stored, and the client has no answer yet",
    "intake.cancel_noted": "a request to cancel is stored, and no worker is notified yet",
    "store.before_commit": "a batch was written, and is not durable yet",
    "store.after_commit": "a batch is durable, and not published yet",
    "claims.before_commit": "leases were requested, and the shared database has none of them yet",
    "claims.after_commit": "leases are in the shared database, and their executions have not begun",
    "claims.swept": "due orders are leased, and their executions have not begun",
    "claims.released": "a lease is released, and another process may have the order already",
    "claims.before_renew": "a process holds leases, and is about to renew them",
    "worker.claimed": "a worker has claimed an order, and done nothing yet",
    "worker.trigger_checked": "the price of a resting order was looked at, and nothing is recorded",
    "worker.routed": "a route was chosen, and is not recorded yet",
    "worker.signed": "a transaction was signed, and is not recorded yet",
    "worker.before_send": "an attempt is recorded, and was not sent yet",
    "worker.after_send": "an attempt was sent, and that is not recorded yet",
    "worker.heard": "the chain reported an attempt's outcome, and it is not recorded yet",
    "relay.before_publish": "events are durable, and not published to subscribers yet",
    "signals.before_send": "wake-ups and events wait, and no other process has received them yet",
    "signals.after_send": "wake-ups and events were sent, and that is not noted yet",
    "chain.heard": "the paper chain was handed a transaction, and has not said so yet",
    "chain.before_commit": "the paper chain executed a slot, and it is not durable yet",
    "chain.after_commit": "the paper chain's slot is durable, and nobody can see it yet",
}

Act = Literal["kill", "stop", "raise"]
_ACTS: Final = ("kill", "stop", "raise")
STDERR: Final = 2


class InvalidFailpointPlan(ValueError):
    """The plan names no valid point, count or act."""


class FailpointTriggered(RuntimeError):
    """The exception of a failpoint with the act `raise`."""


class FailpointPlan(NamedTuple):
    """Where to break, at which pass, and how."""

    point: str
    nth: int
    act: Act


class _Fuse:
    """Counts passes of the planned point."""

    def __init__(self) -> None:
        self.plan: FailpointPlan | None = None
        self.passed = 0

    def burn(self, plan: FailpointPlan) -> None:
        self.passed += 1
        if self.passed != plan.nth:
            return
        # Unbuffered: the message must be out before the process dies.
        os.write(STDERR, f"cambist: fault point {plan.point}: {plan.act}\n".encode())
        if plan.act == "raise":
            raise FailpointTriggered(plan.point)
        os.kill(os.getpid(), signal.SIGKILL if plan.act == "kill" else signal.SIGSTOP)


_fuse = _Fuse()


def failpoint(name: str) -> None:
    """Pass a named point; the process breaks here if the plan says so."""
    plan = _fuse.plan
    if plan is not None and plan.point == name:
        _fuse.burn(plan)


def arm(text: str | None) -> None:
    """Read a plan, or disarm with None. Raises InvalidFailpointPlan."""
    _fuse.passed = 0
    _fuse.plan = None
    if text:
        _fuse.plan = read_plan(text)


def read_plan(text: str) -> FailpointPlan:
    """Parse a plan. Raises InvalidFailpointPlan."""
    point, _, rest = text.partition(":")
    count, _, act = rest.partition(":")
    act = act or "kill"
    if point not in FAILPOINTS or not count.isdecimal() or act not in _ACTS:
        msg = (
            "CAMBIST_FAULT is point:count[:kill|stop|raise], with a point of "
            f"{', '.join(FAILPOINTS)}"
        )
        raise InvalidFailpointPlan(msg)
    return FailpointPlan(point, int(count), cast("Act", act))
