"""Shows what orders came to, day by day and pair by pair: amounts, slippage, fees and tries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from cambist.cli import json_output
from cambist.cli.commands.orders import console, run
from cambist.cli.connect import Url, connect
from cambist.cli.exit_codes import DONE
from cambist.cli.formatting import format_amount
from cambist.cli.json_output import AsJson
from cambist.cli.tables import Column, print_sentence, print_table
from cambist.values.amount import write_amount
from cambist.values.connection_urls import DEFAULT_URL
from cambist.values.token import SOL

if TYPE_CHECKING:
    from cambist.client import ReportDay

_DAYS: Final = (
    Column("day"),
    Column("pair"),
    Column("fills", rank=1, right=True),
    Column("gave", right=True),
    Column("got", right=True),
    Column("slippage", rank=2, right=True),
    Column("fees", rank=3, right=True),
    Column("tries", rank=4, right=True),
)


def report(
    since: Annotated[
        str | None, typer.Option(help="From this instant on, as 2030-01-31T00:00:00Z.")
    ] = None,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show what the orders of a time came to."""
    run(_report(url, since, json=json))


async def _report(url: str, since: str | None, *, json: bool) -> int:
    async with connect(url) as cambist:
        answer = await cambist.report(since)
    if json:
        json_output.write(answer)
        return DONE
    if answer.days:
        print_table(console, _DAYS, [_row(line) for line in answer.days])
    count = f"{answer.orders} confirmed order{'' if answer.orders == 1 else 's'}"
    print_sentence(console, f"{count} since {answer.since}" if answer.since else count)
    if answer.truncated:
        print_sentence(
            console, "note: there were more than one report holds; ask for less with --since"
        )
    return DONE


def _row(line: ReportDay) -> tuple[str, ...]:
    return (
        line.day,
        f"{line.token_in} to {line.token_out}",
        str(line.fills),
        f"{format_amount(line.amount_in)} {line.token_in}",
        f"{format_amount(line.amount_out)} {line.token_out}",
        f"{format_amount(line.slippage)} %",
        f"{write_amount(line.fee_lamports, SOL.decimals)} SOL",
        str(line.attempts),
    )
