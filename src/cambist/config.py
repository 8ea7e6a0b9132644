"""Reads the settings once: defaults, then the file, then the environment; unknown keys refused."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

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
_ADDRESSED: Final = "Not counted on a loopback without keys unless set; else"
SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "port": ("PORT",),
    "database_url": ("DATABASE_URL",),
    "worker_concurrency": ("WORKER_CONCURRENCY", "MAX_CONCURRENT_ORDERS"),
    "max_retries": ("MAX_RETRIES", "MAX_RETRY_ATTEMPTS"),
    "orders_per_minute": ("ORDERS_PER_MINUTE",),
    "redis_url": ("REDIS_URL",),
}
"""Environment names of older clients, honoured where our own is not set."""


Origin = Annotated[str, Meta(pattern=r"^https?://[^/*\s]+$")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a user may set. Durations are milliseconds."""

    mode: Annotated[Literal["paper"], Meta(description="What is traded: only `paper` so far.")] = (
        "paper"
    )
    home: Annotated[str, Meta(description="The folder that holds all state.")] = ".cambist"
    database_url: Annotated[
        str | None,
        Meta(description="Keep orders in this PostgreSQL (`postgresql://...`), not in the home."),
    ] = None
    may_lose_acknowledged_orders: Annotated[
        bool, Meta(description="Take a database that runs with fsync or the like switched off.")
    ] = False
    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="The port; 0 takes a free one.")] = 3000
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(description="More names the Host header may have, besides the loopback ones."),
    ] = ()
    allowed_origins: Annotated[
        tuple[Origin, ...], Meta(description="Web origins whose pages may call, exactly.")
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses and networks whose X-Forwarded-For is believed."),
    ] = ()
    requests_max: Annotated[
        int, Meta(ge=1, le=10_000, description="Requests answered at once; more are refused.")
    ] = 256
    worker_concurrency: Annotated[
        int, Meta(ge=1, le=1_000, description="Orders performed at once: quoted, built or sent.")
    ] = 10
    max_retries: Annotated[
        int, Meta(ge=1, le=10, description="Tries an order has in all, the first one included.")
    ] = 3
    backoff_first_ms: Annotated[
        int, Meta(ge=0, le=60_000, description="The wait before the second try; it then doubles.")
    ] = 1_000
    orders_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Orders begun a minute; the rest wait. 0 is off.")
    ] = 0
    backlog_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Open orders past which new ones are refused.")
    ] = 20_000
    slippage_bps: Annotated[
        int, Meta(ge=1, le=5_000, description="The tolerance of an order that names none.")
    ] = 50
    slippage_max_bps: Annotated[
        int, Meta(ge=1, le=5_000, description="The greatest tolerance an order may name.")
    ] = 5_000
    slippage_unit: Annotated[
        Literal["percent", "fraction"], Meta(description="How a bare `slippage` is read.")
    ] = "percent"
    streams_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Open streams past which more are refused.")
    ] = 12_000
    connections_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Open connections past which more are refused.")
    ] = 14_000
    address_connections_max: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description=f"Connections of one address. {_ADDRESSED} 64."),
    ] = None
    address_requests_per_minute: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)] | None,
        Meta(description=f"Calls without a key from one address a minute. {_ADDRESSED} 600."),
    ] = None
    auth_failures_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Bad keys from one address a minute. 0 is off.")
    ] = 10
    key_orders_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Orders placed with a key a minute. 0 is off.")
    ] = 100
    key_requests_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Requests with a key a minute. 0 is off.")
    ] = 6_000
    key_streams_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Streams opened with a key a minute. 0 is off.")
    ] = 600
    key_streams_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Streams a key may have open at once.")
    ] = 20
    redis_url: Annotated[
        str | None,
        Meta(description="The Redis that carries signals: redis://, rediss://, unix://."),
    ] = None
    api_processes: Annotated[
        int,
        Meta(ge=1, le=1_000, description="Processes that serve; alone, each allows its share."),
    ] = 1
    paper_profile: Annotated[
        Literal["realistic", "instant"],
        Meta(description="`realistic` has delays and mishaps, `instant` has none."),
    ] = "realistic"
    paper_seed: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="What the paper world's chance is drawn from.")
    ] = 1
    paper_chain: Annotated[
        Literal["inside", "socket"],
        Meta(description="Whether the paper chain runs inside, or as `cambist paper-chain`."),
    ] = "inside"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least that is logged.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "text"],
        Meta(description="`auto` writes text to a terminal and JSON elsewhere."),
    ] = "auto"
    fault: Annotated[
        str | None, Meta(description="Break on purpose: `point:count[:kill|stop|raise]`.")
    ] = None


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
    return Loaded(settings, warnings)


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
