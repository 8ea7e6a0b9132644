"""Places orders that wait for a price: limit, stop and take-profit."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cambist.cli import json_output
from cambist.cli.commands.orders import (
    Fok,
    Key,
    SlippageBps,
    Wallet,
    Words,
    console,
    follow_to_end,
    print_placed,
    read_words,
    run,
    terms_of,
)
from cambist.cli.completion import fire_words
from cambist.cli.connect import Url, connect
from cambist.cli.exit_codes import DONE, FAILED, USAGE, exit_with
from cambist.cli.json_output import AsJsonLines
from cambist.cli.order_view import line_of
from cambist.cli.tables import print_sentence
from cambist.client import drafts
from cambist.values.connection_urls import DEFAULT_URL

if TYPE_CHECKING:
    from cambist.client import Client, Draft
    from cambist.client.drafts import DraftTerms

_EPILOG: Final = (
    "A price is what one token given brings, or with buy and sell what one token costs or brings. "
    "It counts for the whole amount. Prices and times are checked by the engine."
)

At = Annotated[str, typer.Option("--at", metavar="PRICE", help="The price to wait for.")]
LimitPrice = Annotated[
    str | None, typer.Option("--limit", metavar="PRICE", help="Never trade at a worse price.")
]
ConfirmSlots = Annotated[
    int | None, typer.Option(help="In how many slots in a row the price has to be met.")
]
Ladder = Annotated[
    str | None,
    typer.Option(
        metavar="BPS,BPS",
        help="Tolerances in basis points, rising: each revert for its bound moves one step on.",
    ),
]
Expires = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Past this nothing is signed, as in 2030-01-31T12:00:00Z."),
]
Start = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Before this nothing is observed and nothing traded."),
]
OnMetWord = Annotated[
    str | None,
    typer.Option(
        "--on-met",
        metavar="fire",
        help="Take a price that is met already: the order trades once it is confirmed.",
        autocompletion=fire_words,
    ),
]
AcceptFarPrice = Annotated[
    bool, typer.Option("--accept-far-price", help="Take a price that looks inverted as it is.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Watch the order until it is closed.")]


def limit(
    words: Words,
    at: At,
    slippage_bps: SlippageBps = None,
    expires: Expires = None,
    start: Start = None,
    fok: Fok = False,
    accept_far_price: AcceptFarPrice = False,
    key: Key = None,
    wallet: Wallet = None,
    wait: Wait = False,
    json: AsJsonLines = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Place an order that rests until its price is met, and never trades at a worse one."""
    draft = read_words(words, _terms(slippage_bps, wallet, key, expires, start, fok=fok))
    draft = drafts.limit(draft, at, accept_far_price=accept_far_price)
    # What trades at once or not at all has its end in a moment.
    run(_place(url, draft, " ".join(words), wait=wait or fok, json=json))


def stop(
    words: Words,
    at: At,
    limit: LimitPrice = None,
    confirm_slots: ConfirmSlots = None,
    ladder: Ladder = None,
    slippage_bps: SlippageBps = None,
    expires: Expires = None,
    start: Start = None,
    on_met: OnMetWord = None,
    accept_far_price: AcceptFarPrice = False,
    key: Key = None,
    wallet: Wallet = None,
    wait: Wait = False,
    json: AsJsonLines = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Place an order that trades once the price has fallen to a level, and does not give up."""
    draft = drafts.stop(
        read_words(words, _terms(slippage_bps, wallet, key, expires, start)),
        at,
        limit_price=limit,
        confirm_slots=confirm_slots,
        slippage_ladder_bps=_ladder(ladder),
        on_met=_on_met(on_met),
        accept_far_price=accept_far_price,
    )
    run(_place(url, draft, " ".join(words), wait=wait, json=json))


def take_profit(
    words: Words,
    at: At,
    limit: LimitPrice = None,
    confirm_slots: ConfirmSlots = None,
    slippage_bps: SlippageBps = None,
    expires: Expires = None,
    start: Start = None,
    on_met: OnMetWord = None,
    accept_far_price: AcceptFarPrice = False,
    key: Key = None,
    wallet: Wallet = None,
    wait: Wait = False,
    json: AsJsonLines = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Place an order that trades at the quote once the price has reached a level."""
    draft = drafts.take_profit(
        read_words(words, _terms(slippage_bps, wallet, key, expires, start)),
        at,
        limit_price=limit,
        confirm_slots=confirm_slots,
        on_met=_on_met(on_met),
        accept_far_price=accept_far_price,
    )
    run(_place(url, draft, " ".join(words), wait=wait, json=json))


limit.__epilog__ = _EPILOG  # type: ignore[attr-defined]
stop.__epilog__ = _EPILOG  # type: ignore[attr-defined]
take_profit.__epilog__ = _EPILOG  # type: ignore[attr-defined]


def _terms(
    slippage_bps: int | None,
    wallet: str | None,
    key: str | None,
    expires: str | None,
    start: str | None,
    *,
    fok: bool = False,
) -> DraftTerms:
    terms = terms_of(slippage_bps, wallet, key, fok=fok)
    if expires is not None:
        terms["expires_at"] = _moment("--expires", expires)
    if start is not None:
        terms["start_at"] = _moment("--start", start)
    return terms


def _moment(option: str, text: str) -> datetime:
    """Return an instant. No length of time is read: a repeat would be another order by its key."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        exit_with(USAGE, f"{option} {text} is no time with its zone, as in 2030-01-31T12:00:00Z")
    return at


def _ladder(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    steps = [step.strip() for step in text.split(",")]
    if not all(step.isascii() and step.isdigit() for step in steps):
        exit_with(USAGE, f"--ladder {text} is no list of basis points, as in 50,100,300")
    return tuple(int(step) for step in steps)


def _on_met(word: str | None) -> drafts.OnMet | None:
    if word is None:
        return None
    if word.lower() != "fire":
        exit_with(USAGE, f"--on-met takes fire, not {word}")
    return "fire"


async def _place(url: str, draft: Draft, title: str, *, wait: bool, json: bool) -> int:
    async with connect(url) as cambist:
        placed = await cambist.place(draft)
        print_placed(placed, json=json)
        if wait:
            return await follow_to_end(cambist, placed.order_id, title, 0, json=json)
        return await _until_armed(cambist, placed.order_id, json=json)


async def _until_armed(cambist: Client, order_id: str, *, json: bool) -> int:
    """Print an order's events until it rests or trades; an order that ended before has failed."""
    async with aclosing(cambist.follow(order_id)) as events:
        async for event in events:
            if event.status == "pending":
                continue
            if json:
                json_output.write(event)
            else:
                print_sentence(console, line_of(event))
            return FAILED if event.is_closed and event.status != "confirmed" else DONE
    return FAILED
