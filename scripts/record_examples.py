"""Asks a real engine on a paper market, and records its answers as the examples of the API.

`python -m scripts.record_examples` writes `src/cambist/server/openapi/answers.json`. Ids, instants
and prices differ from run to run, so the file is written only when asked for; tests hold it to the
schemas, and its shape to what the engine answers today.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx

from cambist.bootstrap import open_engine
from cambist.config import Settings
from cambist.server.app import create_app
from cambist.server.runner import ServerRunner
from cambist.server.settings import ServerSettings

ANSWERS: Final = Path(__file__).parents[1] / "src/cambist/server/openapi/answers.json"
PAIR: Final = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}
BUY: Final = {"symbol": "AAPL", "side": "buy", "quantity": 5}
STOP: Final = {**PAIR, "type": "stop", "triggerPrice": "120", "limitPrice": "118"}
EVENTS: Final = {"accept": "text/event-stream"}
ARMED: Final = '"transition":"armed"'
SUBMITTED: Final = '"event":"submitted"'
WAITING: Final = '"event":"waiting"'
PAUSE_S: Final = 0.05

Json = dict[str, Any]


@asynccontextmanager
async def house(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Run an engine in a home of its own, and yield a client of it."""
    with TemporaryDirectory() as home:
        async with open_engine(Settings(home=home, **settings)) as engine:
            app = create_app(engine, ServerSettings())
            async with ServerRunner(app, "127.0.0.1", 0).listening() as port:
                base = f"http://127.0.0.1:{port}"
                async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
                    yield client


async def ask(client: httpx.AsyncClient, path: str, body: Json) -> Json:
    """Post a body; return the answer."""
    answer: Json = (await client.post(path, json=body)).raise_for_status().json()
    return answer


async def place(client: httpx.AsyncClient, body: Json) -> Json:
    """Place an order; return its answer."""
    return await ask(client, "/api/orders", body)


async def told(client: httpx.AsyncClient, order_id: str, until: str = "") -> None:
    """Follow an order until an event holds a text, or to its end."""
    path = f"/api/orders/{order_id}/events"
    async with client.stream("GET", path, headers=EVENTS) as stream:
        async for line in stream.aiter_lines():
            if until and until in line:
                return


async def closed(client: httpx.AsyncClient, body: Json) -> Json:
    """Place an order; return it once it has ended."""
    order_id = (await place(client, body))["orderId"]
    await told(client, order_id)
    order: Json = (await client.get(f"/api/orders/{order_id}")).json()
    return order


async def placed(client: httpx.AsyncClient) -> Json:
    """Record what becomes of orders on a market without delays."""
    confirmed = await closed(client, PAIR)
    order_id = confirmed["orderId"]
    failed = await closed(client, {**PAIR, "amountIn": "900000"})
    bought = await closed(client, BUY)
    keyed = {**PAIR, "clientOrderId": "my-order-1"}
    return {
        "accepted": await place(client, PAIR),
        "accepted_with_key": await place(client, keyed),
        "accepted_with_warning": await place(client, {**PAIR, "slippage": 0.01}),
        "confirmed": confirmed,
        "bought": bought,
        "failed": failed,
        "batch": await ask(client, "/api/orders/batch", {"orders": [PAIR, {"tokenIn": "SOL"}]}),
        "quoted": await ask(client, "/api/quotes", PAIR),
        "quoted_split": await ask(client, "/api/quotes", {**PAIR, "amountIn": "3000"}),
        "quoted_buy": await ask(client, "/api/quotes", BUY),
        "receipt": (await client.get(f"/api/orders/{order_id}/receipt")).json(),
        "journal": (await client.get(f"/api/orders/{order_id}/events")).json(),
        "tokens": (await client.get("/api/tokens")).json(),
        "venues": (await client.get("/api/venues")).json(),
        "pools": (await client.get("/api/pools?tokenIn=SOL&tokenOut=USDC")).json(),
        "report": (await client.get("/api/report")).json(),
        "watched": await watched(client),
        "amended": await amended(client),
        "too_late": (await client.delete(f"/api/orders/{order_id}")).json(),
    }


async def watched(client: httpx.AsyncClient) -> Json:
    """Record what a stop waits for."""
    stop = {**PAIR, "type": "stop", "triggerPrice": "100"}
    order_id = (await place(client, stop))["orderId"]
    answer: Json = (await client.get(f"/api/orders/{order_id}/watch")).raise_for_status().json()
    return answer


async def amended(client: httpx.AsyncClient) -> Json:
    """Record what a change of a stop is answered with."""
    stop = {**PAIR, "type": "stop", "triggerPrice": "100"}
    order_id = (await place(client, stop))["orderId"]
    await told(client, order_id, WAITING)
    changed = await client.patch(f"/api/orders/{order_id}", json={"triggerPrice": "110"})
    answer: Json = changed.raise_for_status().json()
    return answer


async def cancelled(client: httpx.AsyncClient) -> Json:
    """Record what becomes of orders that wait for their minute."""
    await closed(client, PAIR)
    order_id = (await place(client, PAIR))["orderId"]
    waiting = (await client.get(f"/api/orders/{order_id}")).json()
    listed = (await client.get("/api/orders?limit=2")).json()
    cancel = (await client.delete(f"/api/orders/{order_id}")).json()
    return {"waiting": waiting, "listed": listed, "cancelled": cancel}


async def resting(client: httpx.AsyncClient) -> Json:
    """Record an order that waits for a price, and the journal of one whose price was met."""
    accepted = await place(client, STOP)
    await told(client, accepted["orderId"], ARMED)
    order = (await client.get(f"/api/orders/{accepted['orderId']}")).json()
    met = await closed(client, {**STOP, "triggerPrice": "200", "onMet": "fire"})
    journal = (await client.get(f"/api/orders/{met['orderId']}/events")).json()
    return {"accepted_stop": accepted, "resting": order, "journal_of_a_stop": journal}


async def in_flight(client: httpx.AsyncClient) -> Json:
    """Record the cancel of an order whose transaction is on its way."""
    order_id = (await place(client, PAIR))["orderId"]
    await told(client, order_id, SUBMITTED)
    return {"cancel_pending": (await client.delete(f"/api/orders/{order_id}")).json()}


async def about(client: httpx.AsyncClient) -> Json:
    """Record what the service tells of itself; what is broken is told from what is whole."""
    healthy = (await client.get("/health")).json()
    return {
        "healthy": healthy,
        "degraded": {**healthy, "status": "degraded", "chain": "down"},
        "draining": {**healthy, "status": "degraded"},
        "down": {**healthy, "status": "down", "database": "down", "trading": "unknown"},
        "halted": await ask(client, "/api/halt", {"reason": "The market is on fire."}),
        "resumed": await ask(client, "/api/resume", {"reason": "It is out."}),
        "alive": (await client.get("/health/live")).json(),
        "ticket": (await client.post("/api/stream-tickets")).json(),
        "service": (await client.get("/")).json(),
    }


async def record() -> Json:
    """Return every answer by its name."""
    answers: Json = {}
    async with house(paper_profile="instant") as client:
        answers |= await placed(client)
        answers |= await about(client)
    async with house(paper_profile="instant", orders_per_minute=1) as client:
        answers |= await cancelled(client)
    async with house(paper_profile="realistic") as client:
        answers |= await in_flight(client)
        answers |= await resting(client)
    return answers


def main() -> int:
    """Write the file; return the exit code."""
    if not ANSWERS.exists():
        ANSWERS.write_text("{}", "utf-8")
    ANSWERS.write_text(json.dumps(asyncio.run(record()), indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
