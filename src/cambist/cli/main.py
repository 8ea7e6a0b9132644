"""Gathers the commands into one tree, and loads of them the one that is asked for."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from cambist.cli import guarded_streams
from cambist.cli.exit_on_error import explain_and_exit
from cambist.values.version import VERSION


class Entry(NamedTuple):
    """Where a command is defined, and the first sentence of its help."""

    module: str
    name: str
    help: str


COMMANDS: Final[dict[str, Entry]] = {
    "serve": Entry(
        "commands.serve",
        "serve",
        "Run the engine: takes orders over HTTP, executes them, streams every step.",
    ),
    "paper-chain": Entry(
        "commands.serve",
        "paper_chain",
        "Run the paper chain alone, on a Unix socket in the home, for engines beside it.",
    ),
    "up": Entry(
        "local_cluster.up_command",
        "up",
        "Run a whole small installation: PostgreSQL, Valkey, the paper chain, an API, two workers.",
    ),
    "demo": Entry(
        "commands.demo",
        "demo",
        "Start an engine of its own, send it five market orders at once, and show their lives.",
    ),
    "order": Entry(
        "commands.orders", "order", "Place a market order, and watch it until it is closed."
    ),
    "limit": Entry(
        "commands.resting_orders",
        "limit",
        "Place an order that rests until its price is met, and never trades at a worse one.",
    ),
    "stop": Entry(
        "commands.resting_orders",
        "stop",
        "Place an order that trades once the price has fallen to a level, and does not give up.",
    ),
    "take-profit": Entry(
        "commands.resting_orders",
        "take_profit",
        "Place an order that trades at the quote once the price has reached a level.",
    ),
    "quote": Entry(
        "commands.quote",
        "quote",
        "Ask what an order would do now, pool by pool; nothing is placed.",
    ),
    "pools": Entry(
        "commands.pools", "pools", "Show every pool of two tokens: price, fee, impact and depth."
    ),
    "show": Entry("commands.orders", "show", "Show an order and every line of its journal."),
    "list": Entry("commands.orders", "list_orders", "List orders, newest first."),
    "watch": Entry(
        "commands.orders",
        "watch",
        "Watch an order until it is closed, or all orders; exits 0 when it is confirmed, else 1.",
    ),
    "cancel": Entry(
        "commands.orders",
        "cancel",
        "Ask to end an order: cancelled, cancel_pending (it may still land) or too_late.",
    ),
    "report": Entry("commands.report", "report", "Show what the orders of a time came to."),
    "halt": Entry(
        "commands.operator_commands",
        "halt",
        "Stop all trading now: no order is taken or signed; what is in flight is watched to its "
        "end.",
    ),
    "resume": Entry(
        "commands.operator_commands",
        "resume",
        "Let trading go on; orders that were waiting go on, each within its own tolerance.",
    ),
    "drain": Entry(
        "commands.operator_commands",
        "drain",
        "Halt, and wait until no transaction is in flight: for maintenance of all processes at "
        "once.",
    ),
    "orders": Entry("commands.operator_commands", "app", "Look after orders that stand still."),
    "balances": Entry(
        "commands.balances",
        "balances",
        "Show what the wallets of the paper world hold, in whole tokens.",
    ),
    "verify": Entry(
        "commands.maintenance",
        "verify",
        "Check every order's journal against its rows, and the counts; exits 1 at any difference.",
    ),
    "backup": Entry(
        "commands.maintenance",
        "backup",
        "Write all orders, journals and keys into one file, from one moment, while engines run.",
    ),
    "restore": Entry(
        "commands.maintenance",
        "restore",
        "Put a backup into an empty home or database, and have it compared with the chain.",
    ),
    "prune": Entry(
        "commands.maintenance",
        "prune",
        "Put long closed orders away: out of the store, into an archive that proves itself.",
    ),
    "prove": Entry(
        "crash_test.prove_command",
        "prove",
        "Kill a real engine again and again under load; exit 0 if no order was lost or doubled.",
    ),
    "keys": Entry("commands.api_keys", "app", "Make, list and revoke the API keys of a home."),
    "chaos": Entry(
        "commands.chaos", "app", "Break the running paper world on purpose, and mend it."
    ),
    "doctor": Entry(
        "doctor.command",
        "doctor",
        "Examine settings, home, disk, database, chain and server; exits 1 when one has an error.",
    ),
}
"""All commands. Their help stands here as well, so that a list of them loads none."""


class Tree(TyperGroup):
    """The tree of commands: each is loaded when it is run, and none to list them."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._lists = False
        self.commands = {
            name: TyperCommand(name=name, callback=None, help=entry.help)
            for name, entry in COMMANDS.items()
        }

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- its base's call
        """Return a command, ready to run; of a list, its name and help alone."""
        entry = COMMANDS.get(cmd_name)
        if entry is None or self._lists:
            return self.commands.get(cmd_name)
        found = getattr(import_module(f"cambist.cli.{entry.module}"), entry.name)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            group.name = cmd_name
            return group
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        epilog = getattr(found, "__epilog__", None)
        alone.command(cmd_name, epilog=epilog)(found)
        return typer.main.get_command(alone)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help of the tree."""
        self._lists = True
        super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Propose names of commands."""
        self._lists = True
        return super().shell_complete(ctx, incomplete)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what its files, addresses and locks did to it is told in a sentence."""
        try:
            return super().invoke(ctx)
        except Exception as error:  # noqa: BLE001 -- what nobody knows is raised again
            explain_and_exit(error)


OWNER_ALONE: Final = 0o077
"""What no command grants on the files that it makes: anything to anyone but its owner."""

app = typer.Typer(
    name="cambist",
    cls=Tree,
    help="Executes orders on Solana exchanges: never loses one, never executes one twice.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 -- typer calls it with the option's value
    if wanted:
        typer.echo(f"cambist {VERSION}")
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
    pass


def main() -> None:
    """Run the command line: what it makes is for its owner alone, and no failed write fails it."""
    os.umask(OWNER_ALONE)
    guarded_streams.guard_streams()
    try:
        app()
    finally:
        guarded_streams.close_streams()
