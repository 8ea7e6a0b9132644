"""Gathers the commands into one tree."""

from __future__ import annotations

import os
from typing import Annotated, Final

import typer

from cambist.cli import (
    backup,
    balances,
    chaos,
    demo,
    doctor,
    halts,
    keys,
    operators,
    orders,
    pools,
    prove,
    prune,
    quotes,
    serve,
    verify,
)
from cambist.cli.cluster import up
from cambist.server.openapi import API_VERSION

OWNER_ALONE: Final = 0o077
"""What no command grants on the files that it makes: anything to anyone but its owner."""

app = typer.Typer(
    name="cambist",
    help="Executes orders on Solana exchanges: never loses one, never executes one twice.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 -- typer calls it with the option's value
    if wanted:
        typer.echo(f"cambist {API_VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Say the version and exit."
        ),
    ] = False,
) -> None:
    os.umask(OWNER_ALONE)


app.command(epilog=serve.EPILOG)(serve.serve)
app.command("paper-chain")(serve.paper_chain)
app.command()(up.up)
app.command()(demo.demo)
app.command()(orders.order)
app.command()(quotes.quote)
app.command()(pools.pools)
app.command()(orders.show)
app.command("list")(orders.list_orders)
app.command()(orders.watch)
app.command()(orders.cancel)
app.command()(halts.halt)
app.command()(halts.resume)
app.command()(operators.drain)
app.add_typer(operators.app, name="orders")
app.command()(balances.balances)
app.command()(verify.verify)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(prune.prune)
app.command()(prove.prove)
app.add_typer(keys.app, name="keys")
app.add_typer(chaos.app, name="chaos")
app.command()(doctor.doctor)
