"""Reads and writes the URLs of PostgreSQL and Redis."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

_DATABASE: Final = re.compile(r"postgres(ql)?(\+[a-z0-9]+)?://", re.ASCII)
_REDIS: Final = ("redis", "rediss")
DEFAULT_URL: Final = "http://127.0.0.1:3000"
"""Where an engine listens unless it is told otherwise."""
_POSTGRES_PORT: Final = "5432"
_REDIS_PORT: Final = "6379"
PORT_MAX: Final = 65_535
_HOST_LETTERS_MAX: Final = 253
_NO_HOST: Final = re.compile(r"[\s\x00-\x1f\x7f/@\[\]?#,:\\%<>\"]")
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
_BRACKETED: Final = re.compile(r"\[([^\[\]]+)\](?::(.*))?")
_ESCAPES: Final = "in a user or password write % as %25, @ as %40, / as %2F, # as %23, ? as %3F"
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_ONE_HOST: Final = "a host is a name, an IPv4 or IPv6 address, or the folder of a socket"


class BadAddress(ValueError):
    """An address that cannot be read: the message says why, and repeats none of it.

    `part` is the name of the variable to blame, where the address came in parts.
    """

    def __init__(self, reason: str, part: str | None = None) -> None:
        super().__init__(reason)
        self.part = part


def is_database_url(url: str) -> bool:
    """Whether it is an address of a PostgreSQL."""
    return _DATABASE.match(url) is not None


def bare_database_url(url: str) -> str:
    """Return an address of a PostgreSQL without the name of a driver, such as `+asyncpg`."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


def check_database_url(url: str) -> None:
    """Read an address of a PostgreSQL to its end. Raises BadAddress."""
    if not is_database_url(url):
        msg = "it takes postgresql://user@host:port/name"
        raise BadAddress(msg)
    parts = _split(url)
    user, at, hosts = parts.netloc.partition("@")
    if "@" in hosts or parts.fragment:
        msg = f"it cannot be read; {_ESCAPES}"
        raise BadAddress(msg)
    hosts = hosts if at else user
    for host in hosts.split(",") if hosts else ():
        _check_host_and_port(host)
    try:
        query = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        msg = "what stands after ? is read as name=value, with & between"
        raise BadAddress(msg) from None
    for host in ",".join(query.get("host", ())).split(","):
        if host and not host.startswith("/"):
            _check_host_and_port(host)
    for port in ",".join(query.get("port", ())).split(","):
        if port:
            _check_port(port)
    if not set(query.get("sslmode", ())) <= set(_SSL_MODES):
        msg = f"sslmode is one of {', '.join(_SSL_MODES)}"
        raise BadAddress(msg)


def is_redis_url(url: str) -> bool:
    """Whether it is an address of a Redis: redis://, rediss://, or unix:// with a path."""
    try:
        check_redis_url(url)
    except BadAddress:
        return False
    return True


def check_redis_url(url: str) -> None:
    """Read an address of a Redis to its end. Raises BadAddress."""
    parts = _split(url)
    if parts.scheme == "unix" and parts.path.startswith("/"):
        return
    if parts.scheme not in _REDIS or not parts.netloc.rpartition("@")[2]:
        msg = "it takes redis://host:port, rediss:// or unix:///path"
        raise BadAddress(msg)
    if parts.netloc.count("@") > 1 or parts.fragment:
        msg = f"it cannot be read; {_ESCAPES}"
        raise BadAddress(msg)
    _check_host_and_port(parts.netloc.rpartition("@")[2])
    base = parts.path.strip("/")
    if base and not (base.isascii() and base.isdecimal()):
        msg = "what stands after the port is the number of a database"
        raise BadAddress(msg)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        msg = f"it cannot be read; {_ESCAPES}, and an IPv6 address as [::1]"
        raise BadAddress(msg) from None


def _check_host_and_port(text: str) -> None:
    """Read `host`, `host:port` or `[address]:port`. Raises BadAddress."""
    found = _BRACKETED.fullmatch(text)
    if found is not None:
        host, port = found[1], found[2]
        if not _is_ipv6(host.replace("%25", "%")):
            msg = "what stands in brackets is an IPv6 address"
            raise BadAddress(msg)
    else:
        host, colon, rest = text.partition(":")
        if ":" in rest or "[" in text:
            msg = "an IPv6 address is written in brackets: [::1]"
            raise BadAddress(msg)
        port = rest if colon else None
        if host and not host.startswith("%2F"):
            _check_name(host)
    if port:
        _check_port(port)


def _check_port(text: str) -> None:
    if not _PORT.fullmatch(text) or not 0 < int(text) <= PORT_MAX:
        msg = f"a port is 1 to {PORT_MAX}; {_ESCAPES}"
        raise BadAddress(msg)


def _check_name(host: str) -> None:
    if not 0 < len(host) <= _HOST_LETTERS_MAX or _NO_HOST.search(host):
        raise BadAddress(_ONE_HOST)


def _is_ipv6(host: str) -> bool:
    try:
        return isinstance(ip_address(host), IPv6Address)
    except ValueError:
        return False


def _written(host: str) -> str:
    """Write a host as it stands in a URL. Raises BadAddress."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if _is_ipv6(bare):
        return f"[{bare.replace('%', '%25')}]"
    _check_name(host)
    return host


def database_url(names: Mapping[str, str]) -> str:
    """Put together what a Compose file says of a PostgreSQL in parts.

    The host may be what libpq takes: several with commas between, and the folder of a socket.
    Raises BadAddress.
    """
    user = quote(names.get("POSTGRES_USER") or "postgres", safe="")
    password = quote(names.get("POSTGRES_PASSWORD") or "", safe="")
    base = quote(names.get("POSTGRES_DB") or "", safe="") or user
    ports = (names.get("POSTGRES_PORT") or _POSTGRES_PORT).split(",")
    for port in ports:
        _blame("POSTGRES_PORT", port)
    hosts = [part.strip() for part in names["POSTGRES_HOST"].split(",")]
    if len(ports) not in (1, len(hosts)):
        msg = "it names one port, or one for each host"
        raise BadAddress(msg, "POSTGRES_PORT")
    try:
        written = [host if host.startswith("/") else _written(host) for host in hosts]
    except BadAddress:
        raise BadAddress(_ONE_HOST, "POSTGRES_HOST") from None
    who = f"{user}{password and f':{password}'}"
    if len(written) == 1 and not written[0].startswith("/"):
        return f"postgresql://{who}@{written[0]}:{ports[0]}/{base}"
    every = ports * len(written) if len(ports) == 1 else ports
    listed = quote(",".join(_hosts_of_query(written)), safe="")
    return f"postgresql://{who}@/{base}?host={listed}&port={quote(','.join(every), safe='')}"


def _hosts_of_query(written: list[str]) -> list[str]:
    """Return hosts as they stand in a query: there an IPv6 zone is not escaped once more."""
    return [host.replace("%25", "%") for host in written]


def redis_url(names: Mapping[str, str]) -> str:
    """Put together what a Compose file says of a Redis in parts; a host may be a socket's path.

    Raises BadAddress.
    """
    host = names["REDIS_HOST"].strip()
    port = names.get("REDIS_PORT") or _REDIS_PORT
    password = quote(names.get("REDIS_PASSWORD") or "", safe="")
    who = password and f":{password}@"
    if host.startswith("/"):
        return f"unix://{who}{quote(host)}?db=0"
    _blame("REDIS_PORT", port)
    try:
        written = _written(host)
    except BadAddress:
        msg = "a host is a name, an IPv4 or IPv6 address, or the path of a socket"
        raise BadAddress(msg, "REDIS_HOST") from None
    return f"redis://{who}{written}:{port}/0"


def _blame(part: str, port: str) -> None:
    try:
        _check_port(port.strip())
    except BadAddress:
        msg = f"a port is 1 to {PORT_MAX}"
        raise BadAddress(msg, part) from None
