"""Keeps the headers of a call by name, so that they are sorted out once a call."""

from __future__ import annotations

from typing import Final

from starlette.types import Scope

_SCOPE_KEY: Final = "cambist.header_fields"


def header_fields(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers of a call by name in lower case; of a repeated one the last."""
    fields: dict[bytes, bytes] | None = scope.get(_SCOPE_KEY)
    if fields is None:
        fields = scope[_SCOPE_KEY] = dict(scope["headers"])
    return fields
