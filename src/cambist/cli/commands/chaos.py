"""Switches faults of a running paper network on and off, for authors of bots."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from msgspec.structs import replace

from cambist import bootstrap, failpoints
from cambist.cli import json_output
from cambist.cli.exit_codes import BAD_SETTINGS, USAGE, exit_with
from cambist.cli.json_output import AsJson
from cambist.cli.order_view import console_out
from cambist.cli.settings import Home, load_home_settings
from cambist.clock import SystemClock
from cambist.config import Settings
from cambist.paper.fault_switches import NAMES, CrashPlan, FaultConfig, FaultSwitch, read, write
from cambist.values.time_units import Timestamp, add_ms
from cambist.wire.rfc3339 import write_moment

PPM_ONE: Final = 1_000_000
LENGTH_MS_MAX: Final = 86_400_000
_LENGTH: Final = re.compile(r"(\d{1,8})(ms|s|m|h)", re.ASCII)
_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_TWO: Final = "lie needs a second endpoint: start the engine with CAMBIST_PAPER_WITNESSES=2"


app = typer.Typer(
    help="Break the running paper world on purpose, and mend it.", invoke_without_command=True
)


@app.callback()
def show(context: typer.Context, json: AsJson = False, home: Home = None) -> None:
    """Show which switches are set, how strong they are, and until when."""
    if context.invoked_subcommand is None:
        _tell(_read(_path(_settings(home))), json=json)


@app.command("set")
def set_switches(
    switches: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE...",
            help=(
                "drop, fork, lie, busy, quote_error: a rate as 0.2 or 20%. delay: a length as"
                " 500ms. crash: point:count[:kill|stop|raise]. Each may end in @30s."
            ),
        ),
    ],
    lasting: Annotated[
        str | None, typer.Option("--for", help="End all that is set here after so long.")
    ] = None,
    json: AsJson = False,
    home: Home = None,
) -> None:
    """Set switches, beside those that are set; 0 takes one back. They work within 0.1 s."""
    settings = _settings(home)
    path, now = _path(settings), SystemClock().now()
    changes = dict(_switch(switch, lasting, now) for switch in switches)
    if changes.get("lie") is not None and settings.paper_witnesses == 1:
        exit_with(BAD_SETTINGS, _TWO)
    chaos = replace(_read(path), **changes)
    write(path, chaos)
    _tell(chaos, json=json)


@app.command()
def off(json: AsJson = False, home: Home = None) -> None:
    """Take all switches back: the world is as its profile makes it."""
    path = _path(_settings(home))
    if path.parent.is_dir():
        write(path, FaultConfig())
    _tell(FaultConfig(), json=json)


def _settings(home: str | None) -> Settings:
    return load_home_settings(home)


def _path(settings: Settings) -> Path:
    if settings.mode != "paper":
        exit_with(BAD_SETTINGS, "only a paper world can be broken on purpose")
    return Path(settings.home) / bootstrap.CHAOS_FILE


def _read(path: Path) -> FaultConfig:
    if not path.parent.is_dir():
        exit_with(BAD_SETTINGS, f"{path.parent} is not there; name another folder with --home")
    try:
        return read(path)
    except ValueError as error:
        exit_with(BAD_SETTINGS, f"{error}; `cambist chaos off` writes it anew")


def _switch(
    text: str, lasting: str | None, now: Timestamp
) -> tuple[str, FaultSwitch | CrashPlan | None]:
    """Read `name=value[@length]`."""
    name, _, rest = text.partition("=")
    value, _, own = rest.partition("@")
    name = name.strip().replace("-", "_")
    if name not in NAMES:
        exit_with(USAGE, f"{name} is no switch: there are {', '.join(NAMES)}")
    length = own or lasting
    until = None if not length else add_ms(now, _length_ms(length))
    if value in ("0", "off"):
        return name, None
    if name == "crash":
        return name, CrashPlan(_plan(value), until, now)
    strength = _length_ms(value) if name == "delay" else _rate_ppm(name, value)
    return name, FaultSwitch(strength, until) if strength else None


def _plan(text: str) -> str:
    try:
        failpoints.read_plan(text)
    except failpoints.InvalidFailpointPlan as bad:
        exit_with(USAGE, str(bad).replace("CAMBIST_FAULT", "crash"))
    return text


def _length_ms(text: str) -> int:
    found = _LENGTH.fullmatch(text.strip())
    length = int(found[1]) * _UNITS[found[2]] if found else LENGTH_MS_MAX + 1
    if length > LENGTH_MS_MAX:
        exit_with(USAGE, f"{text} is no length up to a day, such as 500ms, 30s, 5m or 1h")
    return length


def _rate_ppm(name: str, text: str) -> int:
    """Read a rate as parts per million."""
    bare, is_percent = text.removesuffix("%"), text.endswith("%")
    try:
        rate = Decimal(bare) * PPM_ONE * (Decimal("0.01") if is_percent else 1)
    except InvalidOperation:
        rate = Decimal(-1)
    if not rate.is_finite() or not 0 <= rate <= PPM_ONE:
        exit_with(USAGE, f"{name}={text}: a rate lies between 0 and 1, or 0% and 100%")
    return int(rate)


def _tell(chaos: FaultConfig, *, json: bool) -> None:
    if json:
        json_output.write(msgspec.structs.asdict(chaos))
        return
    console, now = console_out(), SystemClock().now()
    switches: Mapping[str, FaultSwitch | CrashPlan | None] = msgspec.structs.asdict(chaos)
    for name, switch in switches.items():
        if switch is None:
            continue
        what = switch.plan if isinstance(switch, CrashPlan) else _strength(name, switch)
        line = f"{name:<12} {what}"
        if switch.until is not None:
            line += (
                f"  {'until' if now < switch.until else 'over since'} {write_moment(switch.until)}"
            )
        console.print(line, markup=False)
    if chaos == FaultConfig():
        console.print("calm: no switch is set")


def _strength(name: str, dial: FaultSwitch) -> str:
    if name == "delay":
        return f"{dial.strength} ms"
    return f"{Decimal(dial.strength * 100) / PPM_ONE:f} %"
