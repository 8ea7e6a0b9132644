"""Writes the answer of a command as JSON: one document, or one line for each event."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; amounts are exact, as text.")
]
AsJsonLines = Annotated[
    bool, typer.Option("--json", help="Print a line of JSON for each event; amounts as text.")
]


def write(value: object) -> None:
    """Print a value as JSON on a line of its own."""
    typer.echo(msgspec.json.encode(value, enc_hook=str).decode())
