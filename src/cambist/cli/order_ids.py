"""Finds the order that a user means: by its id, by the end of it, or as the last one."""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cambist.cli.completion import order_ids
from cambist.cli.exit_codes import USAGE, exit_with

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cambist.client import Client, Order

LAST: Final = "last"
ENDING_LETTERS_MIN: Final = 6
SEARCHED_MAX: Final = 5_000
"""How many of the newest orders are searched for an ending."""
CANDIDATES_MAX: Final = 10
_PAGE: Final = 500
_ENDING: Final = re.compile(r"[0-9a-f][0-9a-f-]{5,34}", re.ASCII)

OrderId = Annotated[
    str,
    typer.Argument(
        help="The order's id, its last 6 letters or more, or `last`.", autocompletion=order_ids
    ),
]


def is_ending(text: str) -> bool:
    """Whether it may be the end of an order's id."""
    return _ENDING.fullmatch(text.lower()) is not None


async def found_id(cambist: Client, text: str) -> str:
    """Return the id that is meant; several candidates, or none, end the command.

    What can be neither an ending nor `last` is returned as it is, for the server to judge.
    """
    if text.lower() == LAST:
        newest = (await cambist.page(limit=1)).orders
        if not newest:
            exit_with(USAGE, "there is no order yet")
        return newest[0].order_id
    if not is_ending(text):
        return text
    ending, matches, seen = text.lower(), [], 0
    orders: AsyncGenerator[Order, None] = cambist.list(page_orders=_PAGE)
    async with aclosing(orders) as rows:
        async for order in rows:
            seen += 1
            if order.order_id.endswith(ending):
                matches.append(order)
            if seen >= SEARCHED_MAX:
                break
    return chosen(text, [(order.order_id, _words(order)) for order in matches])


def chosen(text: str, matches: list[tuple[str, str]]) -> str:
    """Return the one id of the matches; else end the command, and list the candidates."""
    if not matches:
        exit_with(USAGE, f"no order ends in {text} (the newest {SEARCHED_MAX} were searched)")
    if len(matches) > 1:
        listed = [f"  {order_id}  {words}" for order_id, words in matches[:CANDIDATES_MAX]]
        if len(matches) > CANDIDATES_MAX:
            listed.append(f"  and {len(matches) - CANDIDATES_MAX} more")
        choices = "\n".join(listed)
        exit_with(USAGE, f"{len(matches)} orders end in {text}; say more of it:\n{choices}")
    return matches[0][0]


def _words(order: Order) -> str:
    return (
        f"{order.status}, {order.token_in} to {order.token_out}, {order.created_at:%Y-%m-%d %H:%M}"
    )
