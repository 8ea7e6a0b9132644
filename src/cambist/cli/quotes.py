"""Asks what an order would do, and prints every pool's answer, the choice and the worst case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from cambist.cli import json_output
from cambist.cli.connect import Url, reach
from cambist.cli.exit_codes import DONE
from cambist.cli.explain import explain as drawn
from cambist.cli.formatting import brief, name_of, plain, share, way_of
from cambist.cli.json_output import AsJson
from cambist.cli.orders import (
    SlippageBps,
    Wallet,
    Words,
    console,
    read_words,
    run,
    terms_of,
)
from cambist.cli.tables import Column, draw, say
from cambist.values.amount import write_amount
from cambist.values.server_url import DEFAULT_URL

if TYPE_CHECKING:
    from cambist.client import Costs, Draft, Pools, Quote, VenueQuote

SOL_DECIMALS: Final = 9


def quote(
    words: Words,
    slippage_bps: SlippageBps = None,
    wallet: Wallet = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Draw depth, the route leg by leg, and its gain.")
    ] = False,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Ask what an order would do now, pool by pool; nothing is placed."""
    draft = read_words(words, terms_of(slippage_bps, wallet))
    run(_quote(url, draft, in_full=explain, json=json))


async def _quote(url: str, draft: Draft, *, in_full: bool, json: bool) -> int:
    market: Pools | None = None
    async with reach(url) as cambist:
        told = await cambist.quote(draft)
        if in_full:
            pair = (told.token_in_mint or told.token_in, told.token_out_mint or told.token_out)
            # What a hub saves is not asked of the pools: they are asked for what the order was.
            amount = draft.amount_in or draft.quantity or told.amount_in
            if told.mode == "exact_in":
                market = await cambist.pools(*pair, amount)
            else:
                market = await cambist.pools(*pair, amount_out=told.amount_out)
    if json:
        json_output.write(told if market is None else {"quote": told, "pools": market})
        return DONE
    _say(told.summary)
    if market is None:
        _venues(told)
    else:
        drawn(console, told, market)
    # Where there are several, the sentence itself says which.
    _say(f"Choice: {told.reason}" if told.legs else f"Choice: {way_of(told)}. {told.reason}")
    _say(told.worst_case)
    if told.costs is not None:
        _say(f"Costs: {_costs(told.costs)}")
    for warning in told.warnings:
        _say(f"note: {warning}")
    return DONE


def _say(sentence: str) -> None:
    say(console, sentence)


def _venues(told: Quote) -> None:
    gives = told.mode == "exact_in"
    columns = (
        Column("venue"),
        Column("in", rank=5 if gives else 0, right=True),
        Column("out", rank=0 if gives else 5, right=True),
        Column("price", rank=1, right=True),
        Column("impact", rank=2, right=True),
        Column("fee", rank=3, right=True),
    )
    draw(console, columns, [_row(told, one) for one in told.quotes])
    for gone in told.absent:
        say(console, f"left out: {name_of(gone.dex, gone.program)}: {gone.reason or gone.code}")


def _row(told: Quote, one: VenueQuote) -> tuple[str, ...]:
    return (
        name_of(one.dex, one.program),
        f"{plain(one.amount_in)} {told.token_in}",
        f"{plain(one.amount_out)} {told.token_out}",
        brief(one.price),
        share(one.price_impact),
        f"{plain(one.fee)} {told.token_in}",
    )


def _costs(costs: Costs) -> str:
    fee, tip, rent, total = (
        write_amount(lamports, SOL_DECIMALS)
        for lamports in (
            costs.network_fee_lamports,
            costs.tip_lamports,
            costs.rent_lamports,
            costs.total_lamports,
        )
    )
    return f"{total} SOL in all: network fee {fee}, tip {tip}, rent {rent}"
