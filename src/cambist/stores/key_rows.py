"""Turns API keys into rows and rows into API keys."""

from __future__ import annotations

from typing import Any

from cambist.ports.api_keys import ApiKey, Scope
from cambist.ports.errors import PortDown
from cambist.values.ids import Address, Principal


def key_row(key: ApiKey) -> tuple[object, ...]:
    """Return the row of `add_key`."""
    return (
        key.id,
        key.digest,
        key.principal,
        key.name,
        " ".join(sorted(key.scopes)),
        " ".join(key.wallets),
        key.orders_per_minute,
        key.created_at,
        key.expires_at,
        key.revoked_at,
        key.last_used_at,
    )


def read_key(row: tuple[Any, ...]) -> ApiKey:
    """Read a row. Raises PortDown for one that no key can have."""
    try:
        scopes = frozenset(Scope(word) for word in row[4].split())
    except ValueError as error:
        msg = f"the key {row[0]} cannot be read: {error}"
        raise PortDown(msg) from error
    return ApiKey(
        id=row[0],
        digest=row[1],
        principal=Principal(row[2]),
        name=row[3],
        scopes=scopes,
        wallets=tuple(Address(word) for word in row[5].split()),
        orders_per_minute=row[6],
        created_at=row[7],
        expires_at=row[8],
        revoked_at=row[9],
        last_used_at=row[10],
    )
