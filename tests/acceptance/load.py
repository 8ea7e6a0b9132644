"""Sends orders, follows their streams across cuts, and remembers what each sender was told."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from http import HTTPStatus
from typing import Any

import httpx
import msgspec

BODIES: tuple[dict[str, Any], ...] = (
    {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "0.5"},
    {"symbol": "AAPL", "side": "buy", "quantity": 2},
    {"tokenIn": "USDC", "tokenOut": "JUP", "amountIn": 25},
    {"tokenIn": "BONK", "tokenOut": "SOL", "amountIn": "700", "slippageBps": 300},
    {"symbol": "TSLA", "side": "sell", "quantity": "1.25"},
    # Orders that wait for a price, which is met as soon as they rest.
    {"type": "limit", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.5", "limitPrice": 1},
    {
        "type": "stop", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.5",
        "triggerPrice": "100000", "onMet": "fire", "acceptFarPrice": True,
    },
)  # fmt: skip
PAUSE_S = 0.02
RETRY_S = 0.1
CLOSED = frozenset(("confirmed", "failed", "cancelled", "expired"))


class Load:
    """A crowd of clients of one engine, which may be killed under them at any time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._numbers = itertools.count(1)
        self.url = ""
        self.accepted: dict[str, str] = {}
        self.unsure: dict[str, dict[str, Any]] = {}
        self.streams: dict[str, list[bytes]] = {}
        self.cancelled: set[str] = set()
        self.cuts = 0
        self.statuses: Counter[int] = Counter()
        """How often each status answered a POST; 0 is a connection that broke."""
        self.mistakes: list[str] = []
        """Answers that no request may ever get: a 500 is a mistake of the engine's own."""

    async def send(self, client: httpx.AsyncClient) -> str | None:
        """Send one new order; None when its fate is not known."""
        number = next(self._numbers)
        key = f"{self._name}-{number}"
        body = {**BODIES[number % len(BODIES)], "clientOrderId": key}
        self.unsure[key] = body
        return await self._send(client, key, body)

    async def _send(self, client: httpx.AsyncClient, key: str, body: dict[str, Any]) -> str | None:
        try:
            reply = await client.post(f"{self.url}/api/orders/execute", json=body)
        except httpx.TransportError:
            self.statuses[0] += 1
            return None
        self.statuses[reply.status_code] += 1
        self._judge("POST", reply)
        if reply.status_code not in (200, 202):
            return None
        order_id: str = reply.json()["orderId"]
        assert self.accepted.setdefault(key, order_id) == order_id, "one key, two orders"
        self.unsure.pop(key, None)
        return order_id

    async def place(self, client: httpx.AsyncClient) -> str:
        """Send one new order, again with the same key each time its fate is not known."""
        number = next(self._numbers)
        key = f"{self._name}-{number}"
        body = {**BODIES[number % len(BODIES)], "clientOrderId": key}
        self.unsure[key] = body
        while True:
            order_id = await self._send(client, key, body)
            if order_id is not None:
                return order_id
            await asyncio.sleep(RETRY_S)

    async def settle_unsure(self, client: httpx.AsyncClient) -> None:
        """Ask again, with the same key, for every order whose fate is not known."""
        for key, body in list(self.unsure.items()):
            await self._send(client, key, body)

    async def cancel(self, client: httpx.AsyncClient, order_id: str) -> None:
        """Ask for a cancel; what became of it is for the order's own end to tell."""
        try:
            reply = await client.delete(f"{self.url}/api/orders/{order_id}")
        except httpx.TransportError:
            return
        self._judge("DELETE", reply)
        if reply.status_code == 200:
            self.cancelled.add(order_id)

    def _judge(self, method: str, reply: httpx.Response) -> None:
        """Note an answer that is a mistake, whatever else goes on."""
        if reply.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.mistakes.append(f"500: {method} {reply.request.url.path}: {reply.text[:200]}")

    async def follow(self, client: httpx.AsyncClient, order_id: str) -> None:
        """Read an order's stream to its end, resuming after each cut from the last seq seen."""
        seen = self.streams.setdefault(order_id, [])
        while not self._is_over(seen):
            try:
                await self._read(client, order_id, seen)
            except httpx.TransportError as error:
                self.cuts += not isinstance(error, httpx.ConnectError)
                await asyncio.sleep(RETRY_S)

    async def _read(self, client: httpx.AsyncClient, order_id: str, seen: list[bytes]) -> None:
        headers = {"accept": "text/event-stream", "last-event-id": str(len(seen))}
        path = f"{self.url}/api/orders/{order_id}/events"
        async with client.stream("GET", path, headers=headers) as reply:
            if reply.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
                self.mistakes.append(f"500: GET {path}")
            if reply.status_code != 200:
                await asyncio.sleep(RETRY_S)
                return
            async for line in reply.aiter_lines():
                if line.startswith("data:"):
                    message = line.removeprefix("data:").strip().encode()
                    seq = msgspec.json.decode(message)["seq"]
                    assert seq == len(seen) + 1, f"a stream skipped: {seq} after {len(seen)}"
                    seen.append(message)

    @staticmethod
    def _is_over(seen: list[bytes]) -> bool:
        if not seen:
            return False
        last = msgspec.json.decode(seen[-1])
        return last["event"] in ("finalized", "failed", "cancelled", "expired")

    async def compare(self, client: httpx.AsyncClient) -> list[str]:
        """Read every followed order's journal anew, and name those whose stream was not that."""
        broken: list[str] = []
        for order_id, heard in self.streams.items():
            answer = await client.get(f"{self.url}/api/orders/{order_id}/events")
            journal = answer.json()["events"]
            told = [msgspec.json.decode(batch) for batch in heard]
            if told != journal[: len(told)]:
                broken.append(f"stream: that of {order_id} is not its journal")
        return broken

    async def until_closed(self, client: httpx.AsyncClient, seconds: float) -> bool:
        """Wait until every order is closed and final; False when that took too long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            try:
                page = (await client.get(f"{self.url}/api/orders?limit=1")).json()
            except (httpx.TransportError, ValueError):
                page = {}
            if page and not page["waiting"] + page["active"] + page["delayed"]:
                return True
            await asyncio.sleep(PAUSE_S * 5)
        return False


def client() -> httpx.AsyncClient:
    """Return a client that keeps many streams open and trusts no proxy."""
    limits = httpx.Limits(max_connections=500, max_keepalive_connections=100)
    return httpx.AsyncClient(timeout=10, limits=limits, trust_env=False)
