"""Shows what the wallets of a paper world hold, from the chain's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from cambist.cli.exits import BAD_SETTINGS, leave
from cambist.cli.live import console_out
from cambist.paper.ledger import balances as read_balances
from cambist.paper.mishaps import ENDOWMENT_WHOLE
from cambist.paper.runtime import ARBITRAGE, ENDOWMENT, FEES
from cambist.paper.tokens import token_of_mint
from cambist.values.amount import write_amount

CHAIN_FILE: Final = "paper-chain.db"
ROWS_MAX: Final = 1_000
Home = Annotated[Path, typer.Option(envvar="CAMBIST_HOME", help="The folder that holds the state.")]
BOOKS: Final = frozenset((ENDOWMENT, ARBITRAGE, FEES))


def balances(
    wallet: Annotated[
        str | None, typer.Argument(help="Only this wallet; without it, every one.")
    ] = None,
    home: Home = Path(".cambist"),
) -> None:
    """Show what the wallets of the paper world hold, in whole tokens."""
    path = home / CHAIN_FILE
    if not path.exists():
        leave(BAD_SETTINGS, f"{path} is not there; name another folder with --home")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("wallet", "token", "amount", "mint"):
        table.add_column(name, justify="right" if name == "amount" else "left", no_wrap=True)
    for (account, mint), raw in read_balances(path, wallet, ROWS_MAX):
        if account not in BOOKS:
            token = token_of_mint(mint)
            table.add_row(account, token.symbol, write_amount(raw, token.decimals), mint)
    console = console_out()
    if table.row_count:
        console.print(table)
    told = f"A wallet holds {ENDOWMENT_WHOLE:,} of a token until it first uses it."
    console.print(told, markup=False)
