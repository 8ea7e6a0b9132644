"""Command quote: every pool's answer, the choice, the worst case, and --explain."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from cambist.cli import json_output
from cambist.cli.commands.orders import (
    SlippageBps,
    Wallet,
    Words,
    console,
    read_words,
    run,
    terms_of,
)
from cambist.cli.commands.pools import draw_absent, draw_depth
from cambist.cli.connect import Url, connect
from cambist.cli.exit_codes import DONE
from cambist.cli.formatting import (
    dex_name,
    format_amount,
    format_bps,
    format_percent,
    format_price,
    route_label,
)
from cambist.cli.json_output import AsJson
from cambist.cli.tables import WIDE, Column, print_sentence, print_table
from cambist.values.amount import proportions, write_amount
from cambist.values.connection_urls import DEFAULT_URL

if TYPE_CHECKING:
    from cambist.client import Costs, Draft, Leg, Pools, Quote, VenueQuote


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
    async with connect(url) as cambist:
        quote = await cambist.quote(draft)
        if in_full:
            pair = (quote.token_in_mint or quote.token_in, quote.token_out_mint or quote.token_out)
            # What a hub saves is not asked of the pools: they are asked for what the order was.
            amount = draft.amount_in or draft.quantity or quote.amount_in
            if quote.mode == "exact_in":
                market = await cambist.pools(*pair, amount)
            else:
                market = await cambist.pools(*pair, amount_out=quote.amount_out)
    if json:
        json_output.write(quote if market is None else {"quote": quote, "pools": market})
        return DONE
    _say(quote.summary)
    if market is None:
        _venues(quote)
    else:
        explain(console, quote, market)
    # Where there are several, the sentence itself says which.
    _say(
        f"Choice: {quote.reason}" if quote.legs else f"Choice: {route_label(quote)}. {quote.reason}"
    )
    _say(quote.worst_case)
    if quote.costs is not None:
        _say(f"Costs: {_costs(quote.costs)}")
    for warning in quote.warnings:
        _say(f"note: {warning}")
    return DONE


def _say(sentence: str) -> None:
    print_sentence(console, sentence)


def _venues(quote: Quote) -> None:
    gives = quote.mode == "exact_in"
    columns = (
        Column("venue"),
        Column("in", rank=5 if gives else 0, right=True),
        Column("out", rank=0 if gives else 5, right=True),
        Column("price", rank=1, right=True),
        Column("impact", rank=2, right=True),
        Column("fee", rank=3, right=True),
    )
    print_table(console, columns, [_row(quote, venue_quote) for venue_quote in quote.quotes])
    for gone in quote.absent:
        print_sentence(
            console, f"left out: {dex_name(gone.dex, gone.program)}: {gone.reason or gone.code}"
        )


def _row(quote: Quote, venue_quote: VenueQuote) -> tuple[str, ...]:
    fee = venue_quote.fee
    return (
        dex_name(venue_quote.dex, venue_quote.program),
        f"{format_amount(venue_quote.amount_in)} {quote.token_in}",
        f"{format_amount(venue_quote.amount_out)} {quote.token_out}",
        format_price(venue_quote.price),
        format_percent(venue_quote.price_impact),
        "-" if fee is None else f"{format_amount(fee)} {quote.token_in}",
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


_SHORT: Final = Decimal("0.1")
_WHOLE_TENTHS: Final = 1_000
_BPS_ONE: Final = 10_000


def explain(screen: Console, quote: Quote, market: Pools) -> None:
    """Draw all that decided: the pools, their depth, the route, its gain, and who was left out."""
    _pools(screen, quote)
    by_pool = {pool.pool: pool for pool in market.pools}
    draw_depth(
        screen,
        quote.token_in,
        [by_pool[venue_quote.pool] for venue_quote in quote.quotes if venue_quote.pool in by_pool],
    )
    screen.print()
    # A tree folds its lines itself: where there is no screen it is given all the width it wants.
    screen.print(_route(quote), width=None if screen.is_terminal else WIDE, crop=False)
    print_sentence(screen, _gain(quote))
    _choices(screen, quote)
    # A route does not ask for the reason of a pool whose venue has other pools; the list of pools
    # has it.
    seen = {(failure.dex, failure.program) for failure in market.absent}
    silent = [failure for failure in quote.absent if (failure.dex, failure.program) not in seen]
    # A pool that cannot take the whole amount may still carry a part of it.
    used = {(leg.dex, leg.program) for leg in quote.legs}
    absent = [
        failure
        for failure in (*silent, *market.absent)
        if (failure.dex, failure.program) not in used
    ]
    draw_absent(screen, absent)


def _pools(screen: Console, quote: Quote) -> None:
    """Lay out the quotes, the best first, with a star at those the route uses."""
    gives = quote.mode == "exact_in"
    used = {leg.pool for leg in quote.legs} or ({quote.quote.pool} if quote.quote else set())
    columns = (
        Column(""),
        Column("pool"),
        Column("out" if gives else "in", right=True),
        Column("price", rank=1, right=True),
        Column("fee", rank=3, right=True),
        Column("impact", rank=2, right=True),
    )
    rows = []
    for venue_quote in quote.quotes:
        amount = venue_quote.amount_out if gives else venue_quote.amount_in
        cells = (
            "*" if venue_quote.pool in used else "",
            dex_name(venue_quote.dex, venue_quote.program),
            f"{format_amount(amount)} {quote.token_out if gives else quote.token_in}",
            format_price(venue_quote.price),
            format_bps(venue_quote.fee_bps),
            format_percent(venue_quote.price_impact),
        )
        rows.append([Text(cell, "bold" if venue_quote.pool in used else "") for cell in cells])
    print_table(screen, columns, rows)


def _choices(screen: Console, quote: Quote) -> None:
    """Lay out what became of every pool that was looked at, in the words of docs/quotes.md."""
    if not quote.pools:
        return
    screen.print()
    columns = (
        Column("looked at"),
        Column("word"),
        Column("share", right=True),
        Column("worse", right=True),
    )
    rows = [
        (
            dex_name(pool.dex, pool.program),
            pool.word,
            "" if pool.share is None else f"{format_amount(pool.share)} %",
            "" if pool.worse_bps is None else f"{format_amount(pool.worse_bps)} bps",
        )
        for pool in quote.pools
    ]
    print_table(screen, columns, rows)
    if quote.more_pools:
        print_sentence(screen, f"and {quote.more_pools} more pools")


def _route(quote: Quote) -> Tree:
    """Draw the route: a branch for each way, a twig for each swap."""
    tree = Tree(
        f"Route: {format_amount(quote.amount_in)} {quote.token_in} for "
        f"{format_amount(quote.amount_out)} "
        f"{quote.token_out}",
        highlight=False,
    )
    if not quote.legs:
        gives = quote.mode == "exact_in"
        bound = quote.min_amount_out if gives else quote.max_amount_in
        word, token = ("at least", quote.token_out) if gives else ("at most", quote.token_in)
        tree.add(f"{route_label(quote)}, {word} {format_amount(bound)} {token}")
        return tree
    ways: dict[int, list[Leg]] = {}
    for leg in quote.legs:
        ways.setdefault(leg.path, []).append(leg)
    for legs, tenths in zip(ways.values(), _shares(quote, list(ways.values())), strict=True):
        branch = tree.add(_way(legs, tenths))
        for leg in legs:
            branch.add(_swap(leg))
    return tree


def _way(legs: Sequence[Leg], tenths: int) -> str:
    share = f"{format_amount(tenths * _SHORT)} %"
    hubs = [leg.token_in or leg.token_in_mint for leg in legs[1:]]
    return f"{share} through {', '.join(hubs)}" if hubs else share


def _shares(quote: Quote, ways: Sequence[Sequence[Leg]]) -> list[int]:
    """Return each way's part of the amount in tenths of a percent: together they are the whole."""
    gives = quote.mode == "exact_in"
    parts = [legs[0].amount_in_raw if gives else legs[-1].amount_out_raw for legs in ways]
    return proportions(parts, _WHOLE_TENTHS)


def _swap(leg: Leg) -> str:
    given, taken = leg.token_in or leg.token_in_mint, leg.token_out or leg.token_out_mint
    exact_in = leg.mode == "exact_in"
    bound = f"at least {format_amount(leg.bound, '?')} {taken}"
    if not exact_in:
        bound = f"at most {format_amount(leg.bound, '?')} {given}"
    return (
        f"{dex_name(leg.dex, leg.program)}: {format_amount(leg.amount_in, '?')} {given} for "
        f"{format_amount(leg.amount_out, '?')} {taken}, {bound}"
    )


def _gain(quote: Quote) -> str:
    """Say what the route has over the best pool alone, by the quotes themselves."""
    gives = quote.mode == "exact_in"
    token = quote.token_out if gives else quote.token_in
    if not quote.quotes:
        return "Gain: no single pool trades the amount."
    if gives:
        best = max(quote.quotes, key=lambda venue_quote: venue_quote.amount_out)
        ahead, whole = quote.amount_out - best.amount_out, best.amount_out
    else:
        best = min(quote.quotes, key=lambda venue_quote: venue_quote.amount_in)
        ahead, whole = best.amount_in - quote.amount_in, best.amount_in
    name = dex_name(best.dex, best.program)
    if not quote.legs:
        return f"Gain: none is to be had by sharing or a detour; {name} alone is best."
    bps = (ahead * _BPS_ONE / whole).quantize(_SHORT, ROUND_DOWN)
    return f"Gain: {format_amount(ahead.normalize())} {token} over {name} alone, {bps} bps"
