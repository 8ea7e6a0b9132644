"""Gathers the commands into one tree."""

from __future__ import annotations

import typer

from cambist.cli import demo, orders, serve, verify

app = typer.Typer(
    name="cambist",
    help="Executes orders on Solana exchanges: never loses one, never executes one twice.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command("paper-chain")(serve.paper_chain)
app.command()(demo.demo)
app.command()(orders.order)
app.command()(orders.show)
app.command("list")(orders.list_orders)
app.command()(orders.watch)
app.command()(orders.cancel)
app.command()(verify.verify)
