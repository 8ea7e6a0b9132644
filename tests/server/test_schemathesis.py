"""Throws at the whole house what the API's description allows, and what it forbids."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from cambist.server.openapi.document import document
from tests.server.app_harness import on_a_port

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = 25

# A body that is well-formed may still be refused: a symbol without a side, two sizes that
# disagree, more digits than the token has. The description cannot say all of that.
FORGIVEN = ("positive_data_acceptance",)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the house in a thread of its own, and yield where it listens."""
    ready, address = threading.Event(), list[str]()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        over = asyncio.Event()
        stop.append((asyncio.get_running_loop(), over))
        async with on_a_port(tmp_path_factory.mktemp("home")) as (_, port):
            address.append(f"http://127.0.0.1:{port}")
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(30)
    yield address[0]
    loop, over = stop[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(30)


ENDLESS = {"text/event-stream"}


def answered() -> dict[str, Any]:
    """Return the document without what only a socket can ask, and the stream that never ends."""
    told = json.loads(document())
    for methods in told["paths"].values():
        get = methods.get("get", {})
        is_endless = get.get("responses", {}).get("200", {}).get("content", {}).keys() == ENDLESS
        if is_endless or ("x-websocket" in get and len(methods) == 1):
            del methods["get"]
        elif "x-websocket" in get:
            get.pop("parameters")  # a plain GET is asked for an upgrade, whatever it says
    told["paths"] = {path: methods for path, methods in told["paths"].items() if methods}
    return told


schema = schemathesis.openapi.from_dict(answered())


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_the_description_or_the_server(case, base: str) -> None:
    excluded = [schemathesis.checks.CHECKS.get_one(name) for name in FORGIVEN]
    case.call_and_validate(base_url=base, excluded_checks=excluded)
