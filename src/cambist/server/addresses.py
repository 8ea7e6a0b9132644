"""Tells where a call comes from, as far as limits by address are concerned."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.types import Scope as Call

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOPS_MAX: Final = 16
_V6_SHARED_BITS: Final = 64
_UNKNOWN: Final = "unknown"


class Proxies:
    """The proxies whose word is believed on where a call comes from."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """Take addresses and networks. Raises ValueError for what is neither."""
        self._networks: tuple[Network, ...] = tuple(ip_network(one) for one in trusted)

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
                told = _read(hop)
                if told is None:
                    break
                source = told
                if not self._trusts(told):
                    break
        return group(source)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _hops(call: Call) -> list[str]:
    lines = [value for name, value in call["headers"] if name == b"x-forwarded-for"]
    hops = b",".join(lines).decode("latin-1").rsplit(",", HOPS_MAX)[-HOPS_MAX:]
    return [hop.strip() for hop in hops]


def group_of(peer: str) -> str:
    """Return the group of a peer's address."""
    address = _read(peer)
    return peer if address is None else group(address)


def group(address: Address) -> str:
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
