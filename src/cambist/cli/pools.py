"""Shows the pools of a pair: what each pays, its fee, its impact, and how deep it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cambist.cli.complete import token_words
from cambist.cli.exits import DONE
from cambist.cli.live import brief, name_of, plain
from cambist.cli.orders import console, run
from cambist.cli.reach import Url, reach
from cambist.client import DEFAULT_URL, Absent, Depth, Pool, Pools

BAR_CELLS_MAX: Final = 48
BESIDE_A_BAR: Final = 56
"""What stands beside a bar, in columns."""
CELLS: Final = ("█", "▓", "▒", "░")
"""What a bar is drawn of, from level to level."""
STYLES: Final = ("green", "yellow", "dark_orange", "red")
_THOUSAND: Final = 1_000
_CENT: Final = Decimal("0.01")

Given = Annotated[
    str, typer.Argument(help="The token given: a symbol or a mint.", autocompletion=token_words)
]
Taken = Annotated[
    str, typer.Argument(help="The token taken: a symbol or a mint.", autocompletion=token_words)
]
Amount = Annotated[str, typer.Option(help="For how many whole tokens given price and impact are.")]


def pools(token_in: Given, token_out: Taken, amount: Amount = "1", url: Url = DEFAULT_URL) -> None:
    """Show every pool of two tokens: price, fee, impact and depth."""
    run(_pools(url, (token_in, token_out), amount))


async def _pools(url: str, pair: tuple[str, str], amount: str) -> int:
    async with reach(url) as cambist:
        told = await cambist.pools(*pair, amount)
    count = len(told.pools)
    console.print(
        f"{count} {'pool' if count == 1 else 'pools'} for {plain(told.amount_in)} {told.token_in} "
        f"in {told.token_out}",
        markup=False,
    )
    ranked = sorted(told.pools, key=lambda one: one.amount_out, reverse=True)
    if ranked:
        console.print(_table(told, ranked))
        draw_depth(console, told.token_in, ranked)
    draw_absent(console, told.absent)
    return DONE


def _table(told: Pools, ranked: Sequence[Pool]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("pool", "out", "price", "fee", "impact"):
        table.add_column(name, justify="left" if name == "pool" else "right", no_wrap=True)
    for one in ranked:
        table.add_row(
            name_of(one.dex, one.program),
            f"{plain(one.amount_out)} {told.token_out}",
            brief(one.price),
            percent(one.fee_bps),
            f"{plain(one.price_impact)} %",
        )
    return table


def draw_depth(screen: Console, token: str, deep: Sequence[Pool]) -> None:
    """Print how deep pools are, and all of them; on a screen with bars, all to one scale."""
    levels = [one.bps for one in deep[0].depth] if deep else []
    if not levels:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("pool", no_wrap=True)
    if screen.is_terminal:
        table.add_column("")
    for shade, style, bps in zip(CELLS, STYLES, levels, strict=False):
        head = Text(f"-{percent(bps)}")
        if screen.is_terminal:
            head = Text(shade, style=style) + Text(" ") + head
        table.add_column(head, justify="right", no_wrap=True)
    widest = max(level.amount_in for one in deep for level in one.depth)
    cells = min(max(screen.width - BESIDE_A_BAR, 0), BAR_CELLS_MAX)
    for one in deep:
        bar = [_bar(one.depth, widest, cells)] if screen.is_terminal else []
        amounts = [short(level.amount_in) for level in one.depth]
        table.add_row(name_of(one.dex, one.program), *bar, *amounts)
    if len(deep) > 1:
        sums = [
            short(sum((level.amount_in for level in same), Decimal(0)))
            for same in zip(*(one.depth for one in deep), strict=True)
        ]
        table.add_row("all of them", *([""] if screen.is_terminal else []), *sums)
    screen.print(f"\nDepth: the {token} that may be given before the rate is so much worse")
    screen.print(table)


def _bar(depth: Sequence[Depth], widest: Decimal, cells: int) -> Text:
    bar, drawn = Text(), 0
    for shade, style, level in zip(CELLS, STYLES, depth, strict=False):
        here = int(level.amount_in * cells // widest) if widest else 0
        bar.append(shade * (here - drawn), style=style)
        drawn = max(here, drawn)
    return bar


def draw_absent(screen: Console, absent: Iterable[Absent]) -> None:
    """Say who gave no quote, and why."""
    for gone in absent:
        name = name_of(gone.dex, gone.program)
        screen.print(f"left out: {name}: {gone.reason or gone.code}", markup=False, soft_wrap=True)


def percent(bps: int) -> str:
    """Write basis points as percent, in as few digits as it takes."""
    whole, part = divmod(bps, 100)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".") + " %"


def short(amount: Decimal) -> str:
    """Write an amount for comparing: thousands grouped, cents where there are any."""
    if amount >= _THOUSAND:
        return f"{amount.quantize(Decimal(1)):,}"
    return f"{amount.quantize(_CENT)}" if amount >= 1 else brief(amount)
