"""Hold paths to the endpoints that stand for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from cambist.server.dispatch import PathDispatcher
from tests.server.app_harness import in_process

ORDER_ID = "0190f0f0-0000-7000-8000-000000000000"


class _Named:
    """An application that notes that it was called."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self._name = name
        self._calls = calls

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        self._calls.append(self._name)


async def _dispatch(kind: str, path: str) -> tuple[str, dict[str, str]]:
    """Return what is called for a path, and the parameters in it."""
    calls: list[str] = []

    def named(name: str) -> ASGIApp:
        return _Named(name, calls)

    routes = [
        WebSocketRoute("/orders/{order_id}", named("socket of an order")),
        WebSocketRoute("/orders", named("socket")),
        Route("/orders/{order_id}", named("order")),
        Route("/orders/batch", named("batch")),
        Route("/orders", named("orders")),
    ]
    scope: Scope = {"type": kind, "path": path, "method": "GET", "headers": []}
    await PathDispatcher(routes, named("default"))(scope, _nothing, _nothing)  # type: ignore[arg-type]
    return calls[0], scope["path_params"]


async def _nothing() -> None:
    return None


@pytest.mark.parametrize(
    ("kind", "path", "called"),
    [
        ("http", "/orders", ("orders", {})),
        ("http", "/orders/batch", ("batch", {})),
        ("http", "/orders/7", ("order", {"order_id": "7"})),
        ("http", "/orders/batch/", ("default", {})),
        ("http", "/orders/", ("default", {})),
        ("http", "/orders\n", ("default", {})),
        ("http", "/Orders", ("default", {})),
        ("http", "*", ("default", {})),
        ("http", "", ("default", {})),
        ("websocket", "/orders", ("socket", {})),
        ("websocket", "/orders/batch", ("socket of an order", {"order_id": "batch"})),
        ("websocket", "/nowhere", ("default", {})),
    ],
)
async def test_a_path_without_parameters_comes_first(
    kind: str, path: str, called: tuple[str, dict[str, str]]
) -> None:
    assert await _dispatch(kind, path) == called


@pytest.mark.parametrize("path", ["/api/orders%0A", "/api/orders/execute/", "/API/orders"])
async def test_a_path_that_is_nearly_known_is_not_found(tmp_path: Path, path: str) -> None:
    async with in_process(tmp_path) as rooms:
        assert (await rooms.client.get(path)).status_code == 404
        assert (await rooms.client.get(f"/api/orders/{ORDER_ID}")).status_code == 404
