"""Describes the API."""


def document() -> bytes:
    """Return it."""
    return b"{}"
