"""Command doctor: checks everything an engine depends on, and says how to mend what is wrong."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from cambist import bootstrap
from cambist.cli import json_output
from cambist.cli.connect import Url
from cambist.cli.doctor.check_result import CheckResult, print_results, write_us
from cambist.cli.doctor.checks import check_halt, engine, paper_chain, redis
from cambist.cli.exit_codes import FAILED
from cambist.cli.json_output import AsJson
from cambist.cli.order_view import console_out
from cambist.clock import SystemClock
from cambist.config import FILE, NOT_SETTINGS, PREFIX, SYNONYMS, BadSettings, Settings, load
from cambist.ports.errors import PortUnavailable
from cambist.stores.errors import DatabaseUnusable
from cambist.values.connection_urls import DEFAULT_URL
from cambist.values.version import VERSION

DISK_FREE_BYTES_MIN: Final = 512 * 1_024 * 1_024
WRITE_US_MAX: Final = 50_000
FILES_BESIDE_CONNECTIONS: Final = 100
_USUAL: Final = Settings()
_NAMES: Final = Settings.__struct_fields__
_GIB: Final = 1_024**3


def doctor(
    home: Annotated[
        str | None, typer.Option(help="The folder that holds the state, if not the set one.")
    ] = None,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Examine settings, home, disk, database, chain and server; exits 1 when one has an error."""
    findings = asyncio.run(_examine({} if home is None else {"home": home}, url))
    if json:
        json_output.write({"findings": [finding.document() for finding in findings]})
    else:
        print_results(console_out(), findings)
    if any(result.state == "sick" for result in findings):
        raise typer.Exit(FAILED)


async def _examine(given: dict[str, object], url: str) -> list[CheckResult]:
    settings, findings = _settings(given)
    home = Path(settings.home)
    findings = [*_versions(), *findings, *_home(home)]
    findings += [await _shared_database(settings)] if settings.database_url else _database(home)
    findings += await check_halt(settings, home)
    findings.append(await _chain(settings, home))
    findings.append(await redis(settings.redis_url))
    findings += await engine(url)
    findings.append(_open_files(settings))
    return findings


def _versions() -> Iterator[CheckResult]:
    system = f"{platform.python_implementation()} on {platform.system()} {platform.machine()}"
    yield CheckResult("ok", "Python", system, platform.python_version())
    yield CheckResult("ok", "cambist", "", VERSION)


def _settings(given: dict[str, object]) -> tuple[Settings, list[CheckResult]]:
    """Return the settings in force; the defaults where they cannot be used."""
    named = [name for names in SYNONYMS.values() for name in names]
    names = sorted(
        name
        for name, value in os.environ.items()
        if value and (name.startswith(PREFIX) or name in named) and name not in NOT_SETTINGS
    )
    try:
        loaded = load(os.environ, Path.cwd(), given)
    except BadSettings as error:
        todo = "mend or unset it; what follows looks at the defaults"
        bare = Settings(home=str(given.get("home") or os.environ.get("CAMBIST_HOME") or ".cambist"))
        return bare, [CheckResult("sick", "settings", str(error), fix=todo)]
    file = os.environ.get(f"{PREFIX}CONFIG") or (FILE if Path(FILE).exists() else "")
    message = f"from {file or 'no file'}; environment: {', '.join(names) or 'nothing set'}"
    unusual = [name for name in _NAMES if getattr(loaded.settings, name) != getattr(_USUAL, name)]
    message += f"; not at the default: {', '.join(unusual)}" if unusual else "; all at the default"
    findings = [CheckResult("ok", "settings", message)]
    findings += [CheckResult("note", "settings", warning) for warning in loaded.warnings]
    return loaded.settings, findings


def _home(home: Path) -> Iterator[CheckResult]:
    if not home.exists():
        yield CheckResult("note", "home", f"{home} is not there yet: the first start makes it")
        return
    if not home.is_dir() or not os.access(home, os.W_OK | os.X_OK):
        why = "cannot be written" if home.is_dir() else "is no folder"
        todo = "let this user own it, or name another with CAMBIST_HOME"
        yield CheckResult("sick", "home", f"{home} {why}", fix=todo)
        return
    mode = stat.S_IMODE(home.stat().st_mode)
    message = f"{home} can be written, mode {mode:o}"
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        todo = f"chmod 700 {home}"
        yield CheckResult(
            "note", "home", f"{message}: others of this machine may look in", fix=todo
        )
    else:
        yield CheckResult("ok", "home", message)
    held, pid = bootstrap.lock_holder(home)
    who = f"process {pid}" if pid is not None else "another process"
    yield CheckResult(
        "ok", "lock", f"held by {who}" if held else "free: no engine works in this home"
    )
    free = shutil.disk_usage(home).free
    message = f"{free / _GIB:.1f} GiB free"
    if free < DISK_FREE_BYTES_MIN:
        yield CheckResult("sick", "disk", message, fix="make room: without it no order is stored")
    else:
        yield CheckResult("ok", "disk", message)


async def _shared_database(settings: Settings) -> CheckResult:
    """Ask the PostgreSQL that is named whether it is there, and fit to be trusted."""
    clock = SystemClock()
    began = clock.monotonic_ms()
    try:
        version = await bootstrap.inspect_database(settings)
    except (BadSettings, PortUnavailable, DatabaseUnusable) as sick:
        return CheckResult("sick", "database", str(sick), fix="mend it, or what DATABASE_URL says")
    message = "PostgreSQL answers, and keeps what it acknowledges"
    return CheckResult("ok", "database", message, version, f"{clock.monotonic_ms() - began} ms")


def _database(home: Path) -> Iterator[CheckResult]:
    version = bootstrap.sqlite_version()
    if not home.is_dir():
        yield CheckResult("note", "database", "none yet: the first start makes it", version)
        return
    try:
        if (home / bootstrap.STORE_FILE).exists():
            seen = bootstrap.inspect_store(home)
            message = f"DB connected at: {seen.connected_at}; journal mode {seen.journal_mode}"
            yield CheckResult("ok", "database", message, version, f"{write_us(seen.read_us)}")
            yield _schema(seen.schema, seen.newest)
            yield from _beside_the_file(home / bootstrap.STORE_FILE, seen)
        else:
            yield CheckResult("note", "database", "none yet: the first start makes it", version)
        took = bootstrap.measure_commit(home)
    except bootstrap.StoreUnusable as sick:
        todo = "stop what holds it, or mend the disk; never write over it"
        yield CheckResult("sick", "database", str(sick), version, fix=todo)
        return
    if took > WRITE_US_MAX:
        todo = "put the home on a local disk: every order waits for some of these"
        yield CheckResult("note", "durability", "a commit on this disk", "", write_us(took), todo)
    else:
        yield CheckResult("ok", "durability", "a commit on this disk", "", write_us(took))


def _beside_the_file(path: Path, seen: bootstrap.Checkup) -> Iterator[CheckResult]:
    """Tell of what keeps a store from being written, or its log from shrinking."""
    if seen.is_locked:
        message = f"another process keeps {path} from being written"
        yield CheckResult("sick", "lock", message, fix=f"end it; `fuser {path}` names it")
    if seen.log_bytes > seen.log_bytes_max:
        message = f"the write-ahead log holds {seen.log_bytes / _GIB:.1f} GiB"
        todo = "end what reads the file for long; the engine then cuts the log by itself"
        yield CheckResult("note", "log", message, fix=todo)


def _schema(schema: int, newest: int) -> CheckResult:
    if schema > newest:
        message = f"migration {schema}, and this program knows {newest}"
        return CheckResult("sick", "schema", message, fix="upgrade cambist: a newer one wrote this")
    if schema < newest:
        return CheckResult(
            "note", "schema", f"migration {schema}; the next start makes it {newest}"
        )
    return CheckResult("ok", "schema", f"migration {schema}, the newest")


async def _chain(settings: Settings, home: Path) -> CheckResult:
    place = bootstrap.paper_chain_address(settings)
    if place is not None:
        return await paper_chain(place)
    kept = (home / bootstrap.CHAIN_FILE).exists()
    where = "its file is in the home" if kept else "no file yet"
    message = f"inside the engine, profile {settings.paper_profile}; {where}"
    return CheckResult("ok", "paper chain", message)


def _open_files(settings: Settings) -> CheckResult:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.connections_max + FILES_BESIDE_CONNECTIONS
    if soft in (resource.RLIM_INFINITY, -1) or soft >= wanted:
        return CheckResult("ok", "open files", f"{soft} at once, enough for every connection")
    message = f"{soft} at once carry about {max(soft - FILES_BESIDE_CONNECTIONS, 0)} connections"
    todo = f"for up to {settings.connections_max}: `ulimit -n {wanted}` before the start"
    return CheckResult("note", "open files", message, fix=todo)
