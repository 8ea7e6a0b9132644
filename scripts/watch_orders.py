"""Watches one order, or all of them, over a WebSocket, and prints a line for each event.

`python -m scripts.watch_orders [ORDER_ID] [--url URL] [--count N]`. The key, where one is needed,
is read from CAMBIST_API_KEY. Of one order it exits 0 when it is confirmed and 1 otherwise; of all
orders it goes on until Ctrl-C, or until it has printed N events.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from cambist.client import DEFAULT_URL, CambistError, Client, ConnectionFailed, Event, RetryPolicy

CONFIRMED, CLOSED_OTHERWISE, REFUSED, UNREACHABLE, INTERRUPTED = 0, 1, 2, 69, 130
PATIENCE: Final = RetryPolicy(tries_max=4)
EVENT_WIDTH: Final = 12


def line_of(event: Event) -> str:
    """Write an event as a line."""
    at = event.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{at}  {event.order_id}  {event.seq:>3}  {event.event:<{EVENT_WIDTH}}{said(event)}"


def said(event: Event) -> str:
    """Say what is worth knowing of an event."""
    if event.event == "confirmed":
        return f"  {event.amount_in:f} -> {event.amount_out:f} on {event.selected_dex}"
    return f"  {event.error or event.last_error or event.selected_dex or ''}".rstrip()


async def watch(url: str, order_id: str | None, most: int | None) -> int:
    """Print events until the order is closed, or there are enough of them."""
    async with Client(url, os.environ.get("CAMBIST_API_KEY") or None, patience=PATIENCE) as cambist:
        if order_id is None:
            events = cambist.follow_all(over="websocket")
        else:
            events = cambist.follow(order_id, over="websocket")
        printed, newest = 0, None
        async with aclosing(events):
            async for newest in events:
                print(line_of(newest).rstrip(), flush=True)
                printed += 1
                if printed == most:
                    break
    if order_id is None:
        return CONFIRMED
    return CONFIRMED if newest and newest.status == "confirmed" else CLOSED_OTHERWISE


def main(words: Sequence[str]) -> int:
    """Watch what the words say, and return the exit code."""
    parser = argparse.ArgumentParser(prog="watch_orders", description="Watch orders live.")
    parser.add_argument("order_id", nargs="?", help="one order; without it, all of them")
    parser.add_argument("--url", default=os.environ.get("CAMBIST_URL") or DEFAULT_URL)
    parser.add_argument("--count", type=int, help="stop after so many events")
    asked = parser.parse_args(words)
    try:
        return asyncio.run(watch(asked.url, asked.order_id, asked.count))
    except KeyboardInterrupt:
        return INTERRUPTED
    except (CambistError, ValueError) as error:
        print(f"watch_orders: {error}", file=sys.stderr)
        return UNREACHABLE if isinstance(error, ConnectionFailed) else REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
