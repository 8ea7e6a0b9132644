"""Shows the pools of a pair: what each pays, its fee, its impact, and how deep it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from cambist.cli import json_output
from cambist.cli.commands.orders import console, run
from cambist.cli.completion import token_words
from cambist.cli.connect import Url, connect
from cambist.cli.exit_codes import DONE
from cambist.cli.formatting import (
    dex_name,
    format_amount,
    format_bps,
    format_percent,
    format_price,
    format_short_amount,
)
from cambist.cli.json_output import AsJson
from cambist.cli.tables import Column, print_sentence, print_table
from cambist.values.connection_urls import DEFAULT_URL

if TYPE_CHECKING:
    from cambist.client import Absent, Depth, Pool, Pools

BAR_CELLS_MAX: Final = 48
BESIDE_A_BAR: Final = 56
"""What stands beside a bar, in columns."""
CELLS: Final = ("█", "▓", "▒", "░")
"""What a bar is drawn of, from level to level."""
STYLES: Final = ("green", "yellow", "dark_orange", "red")

Given = Annotated[
    str, typer.Argument(help="The token given: a symbol or a mint.", autocompletion=token_words)
]
Taken = Annotated[
    str, typer.Argument(help="The token taken: a symbol or a mint.", autocompletion=token_words)
]
Amount = Annotated[str, typer.Option(help="For how many whole tokens given price and impact are.")]


def pools(
    token_in: Given,
    token_out: Taken,
    amount: Amount = "1",
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show every pool of two tokens: price, fee, impact and depth."""
    run(_pools(url, (token_in, token_out), amount, json=json))


async def _pools(url: str, pair: tuple[str, str], amount: str, *, json: bool) -> int:
    async with connect(url) as cambist:
        answer = await cambist.pools(*pair, amount)
    if json:
        json_output.write(answer)
        return DONE
    count = len(answer.pools)
    print_sentence(
        console,
        f"{count} {'pool' if count == 1 else 'pools'} for {format_amount(answer.amount_in)} "
        f"{answer.token_in} "
        f"in {answer.token_out}",
    )
    ranked = sorted(answer.pools, key=lambda pool: pool.amount_out, reverse=True)
    if ranked:
        _draw_pools(answer, ranked)
        draw_depth(console, answer.token_in, ranked)
    draw_absent(console, answer.absent)
    return DONE


def _draw_pools(answer: Pools, ranked: Sequence[Pool]) -> None:
    columns = (
        Column("pool"),
        Column("out", right=True),
        Column("price", rank=1, right=True),
        Column("fee", rank=3, right=True),
        Column("impact", rank=2, right=True),
    )
    rows = [
        (
            dex_name(pool.dex, pool.program),
            f"{format_amount(pool.amount_out)} {answer.token_out}",
            format_price(pool.price),
            format_bps(pool.fee_bps),
            format_percent(pool.price_impact),
        )
        for pool in ranked
    ]
    print_table(console, columns, rows)


def draw_depth(screen: Console, token: str, deep: Sequence[Pool]) -> None:
    """Print how deep pools are, and all of them; on a screen with bars, all to one scale."""
    levels = [pool.bps for pool in deep[0].depth] if deep else []
    if not levels:
        return
    heads: list[Text] = []
    for shade, style, bps in zip(CELLS, STYLES, levels, strict=False):
        head = Text(f"-{format_bps(bps)}")
        heads.append(Text(shade, style=style) + " " + head if screen.is_terminal else head)
    columns = [Column("pool"), Column("", rank=1)] + [Column(head, right=True) for head in heads]
    widest = max(level.amount_in for pool in deep for level in pool.depth)
    cells = min(max(screen.width - BESIDE_A_BAR, 0), BAR_CELLS_MAX) if screen.is_terminal else 0
    rows: list[list[str | Text]] = []
    for pool in deep:
        bar = _bar(pool.depth, widest, cells)
        amounts = [format_short_amount(level.amount_in) for level in pool.depth]
        rows.append([dex_name(pool.dex, pool.program), bar, *amounts])
    if len(deep) > 1:
        sums = [
            format_short_amount(sum((level.amount_in for level in same), Decimal(0)))
            for same in zip(*(pool.depth for pool in deep), strict=True)
        ]
        rows.append(["all of them", "", *sums])
    screen.print()
    print_sentence(screen, f"Depth: the {token} that may be given before the rate is so much worse")
    print_table(screen, columns, rows)


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
        name = dex_name(gone.dex, gone.program)
        print_sentence(screen, f"left out: {name}: {gone.reason or gone.code}")
