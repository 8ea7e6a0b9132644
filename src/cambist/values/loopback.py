"""The addresses by which a process reaches servers on its own machine."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

LOOPBACK: Final = "127.0.0.1"
LOCALHOST: Final = "localhost"
LOOPBACK_HOSTS: Final = (LOCALHOST, LOOPBACK, "[::1]")
"""What a browser or client sends as Host when it asks a server of this machine."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone: 127.0.0.0/8, ::1 (RFC 6890) or localhost (RFC 6761).

    A name is not looked up.
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == LOCALHOST
