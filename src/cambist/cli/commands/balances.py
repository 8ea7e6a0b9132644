"""Shows what the wallets of a paper network hold, from the ledger's file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cambist.cli import json_output
from cambist.cli.exit_codes import BAD_SETTINGS, exit_with
from cambist.cli.json_output import AsJson
from cambist.cli.order_view import console_out
from cambist.cli.tables import Column, print_sentence, print_table
from cambist.paper.chain_ledger import balances as read_balances
from cambist.paper.fault_model import INITIAL_BALANCE_WHOLE
from cambist.paper.swap_execution import ARBITRAGE, ENDOWMENT, FEES
from cambist.paper.tokens import token_of_mint
from cambist.values.amount import write_amount

CHAIN_FILE: Final = "paper-chain.db"
ROWS_MAX: Final = 1_000
Home = Annotated[Path, typer.Option(envvar="CAMBIST_HOME", help="The folder that holds the state.")]
_HELD: Final = (
    Column("wallet"),
    Column("token"),
    Column("amount", right=True),
    Column("mint", rank=1),
)
BOOKS: Final = frozenset((ENDOWMENT, ARBITRAGE, FEES))


def balances(
    wallet: Annotated[
        str | None, typer.Argument(help="Only this wallet; without it, every one.")
    ] = None,
    home: Home = Path(".cambist"),
    json: AsJson = False,
) -> None:
    """Show what the wallets of the paper world hold, in whole tokens."""
    path = home / CHAIN_FILE
    if not path.exists():
        exit_with(BAD_SETTINGS, f"{path} is not there; name another folder with --home")
    rows = []
    for (account, mint), raw in read_balances(path, wallet, ROWS_MAX):
        if account not in BOOKS:
            token = token_of_mint(mint)
            rows.append((account, token.symbol, write_amount(raw, token.decimals), mint))
    if json:
        names = ("wallet", "token", "amount", "mint")
        json_output.write({"balances": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    console = console_out()
    if rows:
        print_table(console, _HELD, rows)
    print_sentence(
        console, f"A wallet holds {INITIAL_BALANCE_WHOLE:,} of a token until it first uses it."
    )
