"""Have histories of real clients checked, and see that the checker notices every kind of lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.histories import NEMESES, Asked, write_history
from tests.acceptance.history import Call, Truth, check
from tests.acceptance.installation import Kind, Servers, servers_of
from tests.servers.fixtures import lend

SHORT_S, LONG_S = 4.0, 60.0
FINE = Truth(
    orders={"k": ["o"]},
    status={"o": "confirmed"},
    executed={"o": 1},
    journals={"o": [b"1", b"2"]},
    heard={"o": [b"1"]},
)
PLACED = Call(1, "place", "k", 1, 2, "ok", "o", body=b"{}")
READ = Call(1, "read", "o", 3, 4, "ok", "routing", 3)
HISTORY = [
    PLACED,
    Call(2, "place", "k", 1, 6, "ok", "o", body=b"{}"),
    Call(3, "place", "k2", 2),
    READ,
    Call(2, "read", "o", 5, 8, "ok", "confirmed", 7),
    Call(3, "read", "o", 7, 9, "ok", "submitted", 5),
    Call(1, "list", "", 10, 11, "ok", number=1),
    Call(2, "list", "", 10, 11, "ok", number=2),
    Call(1, "cancel", "o", 12, 13, "ok", "too_late"),
]
LIES: dict[str, tuple[list[Call], Truth]] = {
    "different answers": ([Call(4, "place", "k", 9, 10, "ok", "o", body=b"{ }")], FINE),
    "is not there": ([Call(4, "place", "k3", 9, 10, "ok", "p")], FINE),
    "2 orders": ([], FINE._replace(orders={"k": ["o", "p"]})),
    "called cancelled": ([Call(4, "cancel", "o", 9, 10, "ok", "cancelled")], FINE),
    "too late to cancel": ([], FINE._replace(status={"o": "cancelled"}, executed={})),
    "still submitted": ([], FINE._replace(status={"o": "submitted"})),
    "executed 2 times": ([], FINE._replace(executed={"o": 2})),
    "executed 0 times": ([], FINE._replace(executed={})),
    "failed, and executed": ([], FINE._replace(status={"o": "failed"})),
    "was read after 7": ([Call(4, "read", "o", 9, 10, "ok", "confirmed", 6)], FINE),
    "failed was read after confirmed": ([Call(4, "read", "o", 9, 10, "ok", "failed", 8)], FINE),
    "nowhere was read after": ([Call(4, "read", "o", 9, 10, "ok", "nowhere", 0)], FINE),
    "told 0 orders": ([Call(4, "list", "", 9, 10, "ok", number=0)], FINE),
    "told 3 orders": ([Call(4, "list", "", 9, 10, "ok", number=3)], FINE),
    "how its journal begins": ([], FINE._replace(heard={"o": [b"2"]})),
}


def test_a_true_history_is_believed() -> None:
    assert check(HISTORY, FINE) == []


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_is_believed(lie: str) -> None:
    calls, truth = LIES[lie]
    assert any(lie in one for one in check([*HISTORY, *calls], truth))


def test_a_call_that_was_never_answered_may_or_may_not_have_been_carried_out() -> None:
    for orders in ({"k": ["o"]}, {"k": ["o"], "k2": ["p"]}):
        status = {one: "confirmed" for ids in orders.values() for one in ids}
        truth = FINE._replace(orders=orders, status=status, executed=dict.fromkeys(status, 1))
        assert check(HISTORY, truth) == []


async def written(kind: Kind, nemesis: str, seconds: float, home: Path) -> None:
    """Write a history, and believe it."""
    servers: Servers
    for servers in lend(servers_of(kind)):
        done = await write_history(Asked(kind, nemesis, seconds, seed=7), home, servers)
        print(f"{kind}, {nemesis}: {done.calls} calls, {done.ends}, {done.strikes} strikes")
        assert done.broken == []
        assert done.strikes
        assert done.ends["ok"]


@pytest.mark.acceptance
@pytest.mark.parametrize(("kind", "nemesis"), [("sqlite", "kill"), ("postgres", "restart")])
async def test_what_clients_were_told_is_one_history(
    kind: Kind, nemesis: str, tmp_path: Path
) -> None:
    await written(kind, nemesis, SHORT_S, tmp_path)


@pytest.mark.proofs
@pytest.mark.acceptance
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("nemesis", sorted(NEMESES))
async def test_what_many_clients_were_told_is_one_history(
    kind: Kind, nemesis: str, tmp_path: Path
) -> None:
    if (kind, nemesis) == ("sqlite", "restart"):
        nemesis = "kill"
    await written(kind, nemesis, LONG_S, tmp_path)
