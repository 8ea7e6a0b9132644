"""Ask every operation of the document with every kind of key, and hold it to its scope."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cambist.ports.api_keys import Permission
from cambist.server.openapi.builder import PUBLIC
from cambist.values.time_units import Timestamp
from tests.server.app_harness import ORDER, wire
from tests.server.authenticated_app import BORN, OTHER, Locked, locked_on_a_port
from tests.server.openapi.document import Described, operations

NO_KEY = ("none", "bad", "revoked", "expired")
SCOPES = tuple(str(scope) for scope in Permission)
HELD = (*NO_KEY, *SCOPES, "another's")
SOCKETS = [operation for operation in operations() if "x-websocket" in operation.told]
PLAIN = [operation for operation in operations() if "x-websocket" not in operation.told]
NOT_BY_THIS_KEY = (401, 403)
UPGRADE = (
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
)  # fmt: skip


class Matrix(NamedTuple):
    """A house, an order in it, and what each kind of caller shows."""

    rooms: Locked
    order_id: str
    shown: dict[str, dict[str, str]]

    def path(self, one: Described) -> str:
        return one.path.replace("{orderId}", self.order_id).replace("{name}", "start.js")


@pytest.fixture
async def matrix(tmp_path: Path) -> AsyncIterator[Matrix]:
    async with locked_on_a_port(tmp_path) as rooms:
        owner = await rooms.key()
        shown = {
            "none": {},
            "bad": {"authorization": "Bearer cmb_11111111_" + "1" * 44},
            "revoked": await rooms.key(*Permission, revoked_at=BORN),
            "expired": await rooms.key(*Permission, expires_at=Timestamp(BORN + 1)),
            "another's": await rooms.key(*Permission, principal=OTHER),
            **{str(scope): await rooms.key(scope) for scope in Permission},
        }
        placed = await rooms.client.post("/api/orders", json=ORDER, headers=owner)
        yield Matrix(rooms, placed.json()["orderId"], shown)


def expected(held: str, scope: str) -> int | None:
    """Return how a caller is turned away; None when this key is no reason to."""
    if scope == PUBLIC:
        return None
    if held in NO_KEY:
        return 401
    return None if held in (scope, "another's") else 403


def judge(status: int, held: str, scope: str) -> bool:
    wanted = expected(held, scope)
    return status not in NOT_BY_THIS_KEY if wanted is None else status == wanted


async def test_every_operation_asks_for_its_scope_and_no_other(matrix: Matrix) -> None:
    wrong, asked = [], 0
    for one in PLAIN:
        for held in HELD:
            status = await _ask(matrix, one, matrix.shown[held])
            asked += 1
            if not judge(status, held, one.told["x-scope"]):
                wrong.append(f"{one.name} with {held}: {status}")
    assert not wrong, "\n".join(wrong)
    assert asked == len(PLAIN) * len(HELD) > 150


async def _ask(matrix: Matrix, one: Described, shown: dict[str, str]) -> int:
    body: Any = {"json": {}} if "requestBody" in one.told else {}
    path = matrix.path(one)
    async with matrix.rooms.client.stream(one.method, path, headers=shown, **body) as answer:
        return answer.status_code


async def test_every_socket_asks_for_its_scope_and_no_other(matrix: Matrix) -> None:
    wrong = []
    for one in SOCKETS:
        bare = one.told["x-websocket"]["scopeWithoutOrderId"]
        for query, scope in ((f"?orderId={matrix.order_id}", one.told["x-scope"]), ("", bare)):
            for held in HELD:
                url = f"ws://127.0.0.1:{matrix.rooms.port}{one.path}{query}"
                status = await _open(url, matrix.shown[held])
                if not judge(status, held, scope):
                    wrong.append(f"{one.name}{query} with {held}: {status}")
    assert not wrong, "\n".join(wrong)
    assert len(SOCKETS) >= 3


async def _open(url: str, shown: dict[str, str]) -> int:
    try:
        async with connect(url, additional_headers=shown, proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("path", ["/api/orders", "/api/orders/execute"])
async def test_a_post_that_becomes_a_socket_asks_for_the_scope_trade(
    matrix: Matrix, path: str
) -> None:
    for held in HELD:
        shown = [f"{name}: {value}" for name, value in matrix.shown[held].items()]
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Length: 2", *UPGRADE, *shown]
        async with wire(matrix.rooms.port) as line:
            await line.say("\r\n".join((*lines, "", "{}")).encode())
            status, _ = await line.answer()
        assert judge(status, held, "trade"), held
        assert status != 101


async def test_an_order_of_another_is_an_order_nobody_has(matrix: Matrix) -> None:
    shown = matrix.shown["another's"]
    unknown = matrix._replace(order_id=matrix.order_id[:-4] + "beef")
    compared = 0
    for one in PLAIN:
        if "{orderId}" in one.path:
            answers = [
                await which.rooms.client.request(one.method, which.path(one), headers=shown)
                for which in (matrix, unknown)
            ]
            assert answers[0].status_code == 404
            assert answers[0].content == answers[1].content
            assert dict(answers[0].headers) == {
                **dict(answers[1].headers),
                "date": answers[0].headers["date"],
                "x-request-id": answers[0].headers["x-request-id"],
            }
            compared += 1
    assert compared >= 5


async def test_what_tells_of_orders_tells_another_of_none(matrix: Matrix) -> None:
    shown = matrix.shown["another's"]
    for one in PLAIN:
        if "{" in one.path or one.path == "/api/events" or one.method != "get":
            continue
        answer = await matrix.rooms.client.get(one.path, headers=shown)
        assert matrix.order_id not in answer.text
