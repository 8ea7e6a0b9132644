"""Determines the address of a client, also behind trusted proxies, for the limits by address."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.types import Scope as Call

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOPS_MAX: Final = 16
_V6_SHARED_BITS: Final = 64
_UNKNOWN: Final = "unknown"
UNREADABLE: Final = "unreadable:"
UNREADABLE_LETTERS_MAX: Final = 64
_BLANKS: Final = " \t"
_PORT: Final = re.compile(r":[0-9]{1,5}", re.ASCII)


class TrustedProxies:
    """The proxies whose word is believed on where a call comes from."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """Take addresses and networks. Raises ValueError for what is neither."""
        self._networks: tuple[Network, ...] = tuple(ip_network(network) for network in trusted)

    def __contains__(self, peer: str) -> bool:
        """Whether a peer is one of them."""
        address = _read(peer) if self._networks else None
        return address is not None and self._trusts(address)

    def source_of(self, call: Call) -> str:
        """Return where a call comes from: its peer, or what a trusted peer says.

        Each hop adds what it saw at the end of X-Forwarded-For, so the last one that is not
        ours is believed, and nothing before it.
        """
        peer = call.get("client")
        source = _read(peer[0]) if peer else None
        if source is None:
            return _UNKNOWN
        if self._networks and self._trusts(source):
            for hop in reversed(_hops(call)):
                address = read_hop(hop)
                if address is None:
                    # Whoever it is, it is not the proxy: it is counted by what the proxy wrote.
                    return f"{UNREADABLE}{hop[:UNREADABLE_LETTERS_MAX]}"
                source = address
                if not self._trusts(address):
                    break
        return subnet(source)

    def scheme_of(self, call: Call) -> str:
        """Return `http` or `https`: the connection's, or what a trusted proxy says of its own."""
        own = "https" if call["scheme"] in ("https", "wss") else "http"
        peer = call.get("client")
        if not peer or peer[0] not in self:
            return own
        protocols = [value for name, value in call["headers"] if name == b"x-forwarded-proto"]
        last = b",".join(protocols).rpartition(b",")[2].strip().lower().decode("latin-1")
        return {"https": "https", "wss": "https", "http": "http", "ws": "http"}.get(last, own)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _hops(call: Call) -> list[str]:
    lines = [value for name, value in call["headers"] if name == b"x-forwarded-for"]
    hops = b",".join(lines).decode("latin-1").rsplit(",", HOPS_MAX)[-HOPS_MAX:]
    return [trimmed for hop in hops if (trimmed := hop.strip(_BLANKS))]


def read_hop(text: str) -> Address | None:
    """Read an address in any form that proxies write, or return None.

    `192.0.2.1`, `192.0.2.1:49152`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:49152`, each
    with a zone (`fe80::1%eth0`) where it is IPv6, in quotation marks, and with blanks around it.
    """
    bare = text.strip(_BLANKS).strip('"').strip(_BLANKS)
    if bare.startswith("["):
        inner, bracket, port = bare[1:].partition("]")
        is_port = not port or _PORT.fullmatch(port) is not None
        found = _read(inner.strip(_BLANKS)) if bracket and is_port else None
        return found if ":" in inner else None
    host, colon, port = bare.partition(":")
    if colon and ":" not in port:
        bare = host.strip(_BLANKS) if _PORT.fullmatch(f":{port}") else ""
    return _read(bare)


def subnet_of(peer: str) -> str:
    """Return the group of a peer's address."""
    address = _read(peer)
    return peer if address is None else subnet(address)


def subnet(address: Address) -> str:
    """Return what addresses of one subscriber have in common: all of IPv4, 64 bits of IPv6."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((int(address) >> _V6_SHARED_BITS << _V6_SHARED_BITS, _V6_SHARED_BITS)))


def _read(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped if mapped is not None else address
