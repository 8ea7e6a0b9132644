"""Reads and writes the URLs of the servers an engine leans on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

_DATABASE: Final = re.compile(r"postgres(ql)?(\+[a-z0-9]+)?://", re.ASCII)
_REDIS: Final = ("redis", "rediss")
_POSTGRES_PORT: Final = "5432"
_REDIS_PORT: Final = "6379"


def is_database_url(url: str) -> bool:
    """Whether it is an address of a PostgreSQL."""
    return _DATABASE.match(url) is not None


def bare_database_url(url: str) -> str:
    """Return an address of a PostgreSQL without the name of a driver, such as `+asyncpg`."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


def is_redis_url(url: str) -> bool:
    """Whether it is an address of a Redis: redis://, rediss://, or unix:// with a path."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return parts.path.startswith("/")
        return parts.scheme in _REDIS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def database_url(names: Mapping[str, str]) -> str:
    """Put together what a Compose file says of a PostgreSQL in parts."""
    user = quote(names.get("POSTGRES_USER") or "postgres", safe="")
    password = quote(names.get("POSTGRES_PASSWORD") or "", safe="")
    name = quote(names.get("POSTGRES_DB") or "", safe="") or user
    port = names.get("POSTGRES_PORT") or _POSTGRES_PORT
    return (
        f"postgresql://{user}{password and f':{password}'}@{names['POSTGRES_HOST']}:{port}/{name}"
    )


def redis_url(names: Mapping[str, str]) -> str:
    """Put together what a Compose file says of a Redis in parts."""
    host = names["REDIS_HOST"]
    host = f"[{host}]" if ":" in host else host
    password = quote(names.get("REDIS_PASSWORD") or "", safe="")
    return (
        f"redis://{password and f':{password}@'}{host}:{names.get('REDIS_PORT') or _REDIS_PORT}/0"
    )
