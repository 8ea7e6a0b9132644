"""Makes API keys, lists them and ends them, beside a running engine or without one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from msgspec.structs import replace

from cambist import bootstrap
from cambist.cli import json_output
from cambist.cli.exit_codes import FAILED, USAGE, errors, exit_with
from cambist.cli.json_output import AsJson
from cambist.cli.order_view import console_out
from cambist.cli.settings import Home, load_home_settings, run_loop
from cambist.cli.tables import Column, print_sentence, print_table
from cambist.clock import SystemClock, draw_secret
from cambist.config import Settings
from cambist.ports.api_keys import ApiKey, ApiKeyStore, Permission
from cambist.stores.api_key_pepper import make_pepper, read_pepper
from cambist.values import api_key
from cambist.values.base58 import read_address
from cambist.values.ids import LOCAL, Address, Principal
from cambist.values.time_units import Timestamp
from cambist.wire.rfc3339 import MOMENT_MAX, read_moment, write_moment

NAME_LETTERS_MAX: Final = 64
ORDERS_PER_MINUTE_MAX: Final = 100_000
WALLETS_MAX: Final = 100
_ACCOUNT: Final = re.compile(r"[!-~]{1,64}", re.ASCII)
_SPAN: Final = re.compile(r"([1-9]\d{0,4})([mhd])", re.ASCII)
_UNIT_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_KEPT: Final = """\
This is the only time the key is shown: what is kept of it is a digest. Send it as
  -H 'Authorization: Bearer KEY'"""
_FIRST: Final = "This is the first key: from now on nobody gets in without one."
_NONE: Final = "There are no keys: everyone on this machine may trade."

_LISTED: Final = (
    Column("id"),
    Column("name", rank=2, folds=True),
    Column("account", rank=3),
    Column("scopes", rank=1),
    Column("limits", rank=4, folds=True),
    Column("made", rank=6),
    Column("last used", rank=5),
    Column("state"),
)

app: Final = typer.Typer(help="Make, list and revoke the API keys of a home.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What the key is for, as the list shows it.")] = "key",
    scope: Annotated[
        str, typer.Option(help="What it may do: read, trade, cancel, admin, with commas between.")
    ] = "read,trade,cancel",
    account: Annotated[
        str, typer.Option(help="Whose orders it sees and makes; keys may share an account.")
    ] = LOCAL,
    wallet: Annotated[
        list[str] | None, typer.Option(help="A wallet its orders may name; may be repeated.")
    ] = None,
    orders_per_minute: Annotated[
        int | None,
        typer.Option(min=1, max=ORDERS_PER_MINUTE_MAX, help="In place of the server's limit."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 2030-01-31T12:00:00Z, or 90d, 12h, 30m.")
    ] = None,
    json: AsJson = False,
    home: Home = None,
) -> None:
    """Make a key, and show it once."""
    now = SystemClock().now()
    if not name.isprintable() or not 0 < len(name) <= NAME_LETTERS_MAX:
        exit_with(USAGE, f"a name has 1 to {NAME_LETTERS_MAX} printable letters")
    if not _ACCOUNT.fullmatch(account):
        exit_with(USAGE, "an account has 1 to 64 printable ASCII letters and no blanks")
    text = api_key.write_key(draw_secret(api_key.ID_BYTES), draw_secret(api_key.SECRET_BYTES))
    key = ApiKey(
        id=api_key.read_key_id(text) or "",
        digest=b"",
        principal=Principal(account),
        name=name,
        permissions=_scopes(scope),
        created_at=now,
        wallets=_wallets(wallet or ()),
        orders_per_minute=orders_per_minute,
        expires_at=None if expires is None else _end(expires, now),
    )
    run_loop(lambda: _create(_settings(home), key, text, json=json))


@app.command("list")
def list_keys(json: AsJson = False, home: Home = None) -> None:
    """List the keys; none of them is shown."""
    run_loop(lambda: _list(_settings(home), json=json))


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as the list shows it.")],
    json: AsJson = False,
    home: Home = None,
) -> None:
    """End a key's life: new requests are refused at once, its streams end within 30 seconds."""
    # Who pastes a whole key means the one it is of.
    run_loop(lambda: _revoke(_settings(home), api_key.read_key_id(key_id) or key_id, json=json))


def _settings(home: str | None) -> Settings:
    return load_home_settings(home)


def _scopes(text: str) -> frozenset[Permission]:
    try:
        return frozenset(Permission(word.strip().lower()) for word in text.split(","))
    except ValueError:
        exit_with(USAGE, f"a scope is one of {', '.join(Permission)}; several have commas between")


def _wallets(texts: Iterable[str]) -> tuple[Address, ...]:
    wallets = []
    for text in texts:
        address = read_address(text)
        if address is None:
            exit_with(USAGE, f"{text} is no wallet: that is base58 of 32 bytes")
        wallets.append(address)
    if len(wallets) > WALLETS_MAX:
        exit_with(USAGE, f"a key names at most {WALLETS_MAX} wallets")
    return tuple(dict.fromkeys(wallets))


def _end(text: str, now: Timestamp) -> Timestamp:
    """Return when a key ends: at an instant, or a span from now."""
    span = _SPAN.fullmatch(text)
    end = Timestamp(now + int(span[1]) * _UNIT_MS[span[2]]) if span else read_moment(text)
    if end is None:
        exit_with(USAGE, f"{text} is no end of a key; say 2030-01-31T12:00:00Z, or 90d, 12h, 30m")
    if end <= now:
        exit_with(USAGE, f"{text} is over already")
    if end > MOMENT_MAX:
        exit_with(
            USAGE, f"{text} ends after {write_moment(MOMENT_MAX)}; name an earlier end, or none"
        )
    return end


async def _create(settings: Settings, key: ApiKey, text: str, *, json: bool) -> None:
    kept = bootstrap.pepper_file(settings)
    async with bootstrap.open_keys(settings) as keys:
        is_first = not await keys.has_ever_issued()
        # A pepper that is gone is not made anew under keys that were digested with it.
        lives = any(
            _state(existing, key.created_at) == "in force" for existing in await keys.list()
        )
        pepper = read_pepper(kept) if lives else make_pepper(kept, draw_secret)
        await keys.add(replace(key, digest=api_key.digest(pepper, text)))
    if json:
        json_output.write({"key": text, "id": key.id, "first": is_first})
        return
    typer.echo(text)
    errors.print(_KEPT, markup=False, soft_wrap=True)
    if is_first:
        errors.print(_FIRST, markup=False, soft_wrap=True)


async def _list(settings: Settings, *, json: bool) -> None:
    now = SystemClock().now()
    found: tuple[ApiKey, ...] = ()
    if settings.database_url or (Path(settings.home) / bootstrap.STORE_FILE).exists():
        async with bootstrap.open_keys(settings) as keys:
            found = await keys.list()
    if json:
        json_output.write({"keys": [_document(key, now) for key in found]})
        return
    if not found:
        print_sentence(console_out(), _NONE)
        return
    rows = [
        (
            key.id,
            key.name,
            key.principal,
            _scope_words(key),
            _limits(key),
            _day(key.created_at),
            _day(key.last_used_at),
            _state(key, now),
        )
        for key in found
    ]
    print_table(console_out(), _LISTED, rows)


def _scope_words(key: ApiKey) -> str:
    return ",".join(scope for scope in Permission if scope in key.permissions)


def _document(key: ApiKey, now: Timestamp) -> dict[str, Any]:
    """Return what may be told of a key: all but its digest."""
    ends = {
        "expiresAt": key.expires_at,
        "lastUsedAt": key.last_used_at,
        "revokedAt": key.revoked_at,
    }
    return {
        "id": key.id,
        "name": key.name,
        "account": key.principal,
        "scopes": [scope for scope in Permission if scope in key.permissions],
        "wallets": key.wallets,
        "ordersPerMinute": key.orders_per_minute,
        "createdAt": write_moment(key.created_at),
        **{name: None if at is None else write_moment(at) for name, at in ends.items()},
        "state": _state(key, now),
    }


def _limits(key: ApiKey) -> str:
    limits = []
    if key.orders_per_minute is not None:
        limits.append(f"{key.orders_per_minute} orders/min")
    if key.wallets:
        limits.append(f"{len(key.wallets)} wallet" + ("" if len(key.wallets) == 1 else "s"))
    if key.expires_at is not None:
        limits.append(f"until {_day(key.expires_at)}")
    return ", ".join(limits)


def _day(at: Timestamp | None) -> str:
    return "never" if at is None else write_moment(at)[:16].replace("T", " ")


def _state(key: ApiKey, now: Timestamp) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "in force" if key.is_active(now) else "expired"


async def _revoke(settings: Settings, key_id: str, *, json: bool) -> None:
    async with bootstrap.open_keys(settings) as keys:
        if not await keys.revoke(key_id, SystemClock().now()):
            exit_with(FAILED, await _why_not(keys, key_id))
    if json:
        json_output.write({"id": key_id, "revoked": True})
    else:
        typer.echo(f"{key_id} is revoked")


async def _why_not(keys: ApiKeyStore, key_id: str) -> str:
    if await keys.find(key_id) is not None:
        return f"{key_id} was revoked before"
    return f"there is no key {key_id}; `cambist keys list` shows their ids"
