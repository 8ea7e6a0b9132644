"""Reads the settings once: defaults, then the file, then the environment; unknown keys refused."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from cambist.config.settings import Settings
from cambist.values.server_url import database_url, is_database_url, is_redis_url, redis_url

PREFIX: Final = "CAMBIST_"
FILE: Final = "cambist.toml"
NOT_SETTINGS: Final = ("CAMBIST_CONFIG", "CAMBIST_URL", "CAMBIST_API_KEY")
"""Names of ours that no engine is set with: where the file is, and what clients go by."""
LISTS: Final = ("allowed_hosts", "allowed_origins", "trusted_proxies")
SECRETS: Final = ("database_url", "redis_url")
"""Settings that may hold a password, and are never printed."""
IN_PARTS: Final = (
    ("database_url", "POSTGRES_HOST", database_url),
    ("redis_url", "REDIS_HOST", redis_url),
)
"""Addresses that a Compose file may say in parts, the host first."""
PORT_MAX: Final = 65_535
SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "port": ("PORT",),
    "database_url": ("DATABASE_URL",),
    "worker_concurrency": ("WORKER_CONCURRENCY", "MAX_CONCURRENT_ORDERS"),
    "max_retries": ("MAX_RETRIES", "MAX_RETRY_ATTEMPTS"),
    "orders_per_minute": ("ORDERS_PER_MINUTE",),
    "redis_url": ("REDIS_URL",),
}
"""Environment names of older clients, honoured where our own is not set."""


class BadSettings(ValueError):
    """Settings that cannot be used; the message names the setting and never its file's text."""


class Loaded(msgspec.Struct, frozen=True):
    """The settings, and what is odd about where they came from."""

    settings: Settings
    warnings: tuple[str, ...] = ()


def load(environment: Mapping[str, str], folder: Path, given: Mapping[str, object]) -> Loaded:
    """Return the settings: file, then environment, then what was `given` on the command line.

    Raises BadSettings.
    """
    chosen, warnings = _from_environment(environment)
    values = {**_from_file(environment, folder), **chosen, **given}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadSettings(_plain(str(error))) from None
    if settings.database_url is not None and not is_database_url(settings.database_url):
        msg = f"database_url ({PREFIX}DATABASE_URL): it takes postgresql://user@host:port/name"
        raise BadSettings(msg)
    for one in settings.trusted_proxies:
        _check_network(one)
    if settings.redis_url is not None and not is_redis_url(settings.redis_url):
        msg = (
            f"redis_url ({PREFIX}REDIS_URL): it takes redis://host:port, rediss:// or unix:///path"
        )
        raise BadSettings(msg)
    _check_role(settings)
    _check_port(settings.paper_chain.rpartition(":")[2])
    return Loaded(settings, warnings)


def _check_role(settings: Settings) -> None:
    """Refuse a part of an installation that could not meet the others."""
    if settings.role == "all":
        return
    if settings.database_url is None:
        msg = f"role ({PREFIX}ROLE): {settings.role} shares a database: set {PREFIX}DATABASE_URL"
        raise BadSettings(msg)
    if settings.paper_chain == "inside":
        msg = (
            f"role ({PREFIX}ROLE): {settings.role} shares the paper chain: run "
            f"`cambist paper-chain`, and set {PREFIX}PAPER_CHAIN=socket or its host:port"
        )
        raise BadSettings(msg)


def _check_port(text: str) -> None:
    if text.isdecimal() and not 0 < int(text) <= PORT_MAX:
        msg = f"paper_chain ({PREFIX}PAPER_CHAIN): a port is 1 to {PORT_MAX}"
        raise BadSettings(msg)


def _check_network(text: str) -> None:
    try:
        ip_network(text)
    except ValueError:
        msg = "trusted_proxies (CAMBIST_TRUSTED_PROXIES): it takes addresses and networks"
        raise BadSettings(msg) from None


def _plain(message: str) -> str:
    """Name the setting both ways a user may have written it, and never the value."""
    reason, _, where = message.partition(" - at `$.")
    name = where.partition("[")[0].rstrip("`")
    if not name:
        return message
    words = literals(name)
    if name == "paper_chain":
        reason = "it takes inside, socket or host:port"
    if words and reason.startswith("Invalid enum value"):
        reason = f"it takes {' or '.join(words)}"
    return f"{name} ({PREFIX}{name.upper()}): {reason}"


def literals(name: str) -> tuple[str, ...]:
    """Return the words a setting may be, where it is one of a few."""
    hint = get_type_hints(Settings)[name]
    return get_args(hint) if get_origin(hint) is Literal else ()


def _unknown(name: str, written: str) -> BadSettings:
    near = get_close_matches(name, Settings.__struct_fields__, n=1)
    hint = f"did you mean {near[0]}?" if near else "`cambist serve --help` lists them"
    return BadSettings(f"{written} is no setting of cambist; {hint}")


def _from_file(environment: Mapping[str, str], folder: Path) -> dict[str, Any]:
    named = environment.get(f"{PREFIX}CONFIG")
    path = Path(named) if named else folder / FILE
    if not named and not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path.name} cannot be read ({type(error).__name__})"
        raise BadSettings(msg) from None
    except tomllib.TOMLDecodeError:
        msg = f"{path.name} is not valid TOML"
        raise BadSettings(msg) from None
    for key in found:
        if key not in Settings.__struct_fields__:
            raise _unknown(key, f"{key} in {path.name}")
    return found


def _from_environment(
    environment: Mapping[str, str],
) -> tuple[dict[str, object], tuple[str, ...]]:
    known = set(Settings.__struct_fields__)
    chosen: dict[str, object] = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        key = name.removeprefix(PREFIX).lower()
        if key not in known:
            raise _unknown(key, name)
        # An empty value is how a Compose file or an env file says that nothing is set.
        if value:
            chosen[key] = _listed(value) if key in LISTS else value
    return chosen, _add_synonyms(chosen, environment)


def _add_synonyms(chosen: dict[str, object], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Take what older clients call our settings, and return what of it is not used."""
    warnings: list[str] = []
    for key, names in SYNONYMS.items():
        for name in names:
            value = environment.get(name, "")
            if value and key not in chosen:
                chosen[key] = value
            elif value and chosen[key] != value:
                warnings.append(_unused(name, value, key, chosen[key]))
    for key, name, put_together in IN_PARTS:
        if environment.get(name) and key not in chosen:
            chosen[key] = put_together(environment)
        elif environment.get(name):
            warnings.append(f"{name} is not used: {key} is set already")
    return tuple(warnings)


def _unused(name: str, value: str, key: str, chosen: object) -> str:
    """Say that a name is not used; an address may hold a password, so it is not shown."""
    if key in SECRETS:
        return f"{name} is not used: {key} is set already"
    return f"{name}={value} is not used: {key} is {chosen} already"


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())
