"""Reads the settings once: defaults, then the file, then the environment; unknown keys refused."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from cambist.config.accepted_values import accepted_values
from cambist.config.settings import Settings
from cambist.values.connection_urls import (
    PORT_MAX,
    BadAddress,
    check_database_url,
    check_redis_url,
    database_url,
    redis_url,
)

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
_BRACKETS: Final = re.compile(r"\[[^\[\]]*:[^\[\]]*\]")
OPTIONS: Final = {"paper_profile": "profile", "paper_chain": "listen"}
"""Settings whose option on the command line has another name."""
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
    chosen, written, warnings = _from_environment(environment)
    from_file, file = _from_file(environment, folder)
    names = {key: f"{key} in {file}" for key in from_file}
    names |= written | {key: f"--{OPTIONS.get(key, key)}" for key in given}
    values = {**from_file, **chosen, **given}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadSettings(_plain(str(error), names)) from None
    if _BRACKETS.fullmatch(settings.host):
        settings = replace(settings, host=settings.host[1:-1])
    _check_addresses(settings, names)
    _check_role(settings)
    return Loaded(settings, warnings)


def _check_addresses(settings: Settings, names: Mapping[str, str]) -> None:
    """Read every address to its end, so that a wrong one is told before anything is opened."""
    for key, check in (("database_url", check_database_url), ("redis_url", check_redis_url)):
        url = getattr(settings, key)
        if url is not None:
            _try(key, names, check, url)
    _try("host", names, _check_listening_host, settings.host)
    for proxy in settings.trusted_proxies:
        _try("trusted_proxies", names, _check_network, proxy)
    _try("paper_chain", names, _check_port, settings.paper_chain.rpartition(":")[2])


def _try(key: str, names: Mapping[str, str], check: Callable[[str], None], text: str) -> None:
    try:
        check(text)
    except BadAddress as error:
        msg = f"{names.get(key, key)}: {error}"
        raise BadSettings(msg) from None


def _check_listening_host(text: str) -> None:
    if text and not any(letter.isspace() or letter in "/@[]?#" for letter in text):
        if ":" not in text:
            return
        with suppress(ValueError):
            ip_address(text)
            return
    msg = "it takes a name or an address of this machine, such as 127.0.0.1 or ::1"
    raise BadAddress(msg)


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
        msg = f"a port is 1 to {PORT_MAX}"
        raise BadAddress(msg)


def _check_network(text: str) -> None:
    try:
        ip_network(text)
    except ValueError:
        msg = "it takes addresses and networks, such as 10.0.0.0/8"
        raise BadAddress(msg) from None


def _plain(message: str, names: Mapping[str, str]) -> str:
    """Name the setting as its user wrote it, and never the value."""
    name = message.partition(" - at `$.")[2].partition("[")[0].rstrip("`")
    return f"{names.get(name, name)}: {accepted_values(name)}" if name else message


def _unknown(name: str, written: str) -> BadSettings:
    near = get_close_matches(name, Settings.__struct_fields__, n=1)
    hint = f"did you mean {near[0]}?" if near else "`cambist serve --help` lists them"
    return BadSettings(f"{written} is no setting of cambist; {hint}")


def _from_file(environment: Mapping[str, str], folder: Path) -> tuple[dict[str, Any], str]:
    """Return what the file says, and the file's name."""
    named = environment.get(f"{PREFIX}CONFIG")
    path = Path(named) if named else folder / FILE
    if not named and not path.exists():
        return {}, path.name
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
    return found, path.name


def _from_environment(
    environment: Mapping[str, str],
) -> tuple[dict[str, object], dict[str, str], tuple[str, ...]]:
    """Return what is set, under which name its user wrote it, and what is set and not used."""
    known = set(Settings.__struct_fields__)
    chosen: dict[str, object] = {}
    written: dict[str, str] = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        key = name.removeprefix(PREFIX).lower()
        if key not in known:
            raise _unknown(key, name)
        # An empty value is how a Compose file or an env file says that nothing is set.
        if value:
            chosen[key] = _listed(value) if key in LISTS else value
            written[key] = name
    return chosen, written, _add_synonyms(chosen, written, environment)


def _add_synonyms(
    chosen: dict[str, object], written: dict[str, str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Take what older clients call our settings, and return what of it is not used."""
    warnings: list[str] = []
    for key, names in SYNONYMS.items():
        for name in names:
            value = environment.get(name, "")
            if value and key not in chosen:
                chosen[key] = value
                written[key] = name
            elif value and chosen[key] != value:
                warnings.append(_unused(name, value, key, chosen[key]))
    for key, name, put_together in IN_PARTS:
        if environment.get(name) and key not in chosen:
            chosen[key] = _put_together(put_together, environment, name)
            written[key] = name
        elif environment.get(name):
            warnings.append(f"{name} is not used: {key} is set already")
    return tuple(warnings)


def _put_together(
    put_together: Callable[[Mapping[str, str]], str], environment: Mapping[str, str], name: str
) -> str:
    try:
        return put_together(environment)
    except BadAddress as error:
        msg = f"{error.part or name}: {error}"
        raise BadSettings(msg) from None


def _unused(name: str, value: str, key: str, chosen: object) -> str:
    """Say that a name is not used; an address may hold a password, so it is not shown."""
    if key in SECRETS:
        return f"{name} is not used: {key} is set already"
    return f"{name}={value} is not used: {key} is {chosen} already"


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())
