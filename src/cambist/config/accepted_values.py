"""Says in words what a setting takes, from its type."""

from __future__ import annotations

from typing import Final, Literal, get_args, get_origin, get_type_hints

from msgspec import inspect

from cambist.config.settings import Settings

_OWN: Final = {
    "paper_chain": "inside, socket or host:port",
    "allowed_origins": "web origins such as https://desk.example, with commas between",
    "allowed_hosts": "names, with commas between",
    "trusted_proxies": "addresses and networks, with commas between",
}
"""Settings whose type alone does not say it."""


def accepted_values(name: str) -> str:
    """Return "it takes ..." for a setting."""
    return f"it takes {_OWN.get(name) or _words_of(name)}"


def literal_values(name: str) -> tuple[str, ...]:
    """Return the words a setting may be, where it is one of a few."""
    hint = get_type_hints(Settings)[name]
    return get_args(hint) if get_origin(hint) is Literal else ()


def _words_of(name: str) -> str:
    words = literal_values(name)
    if words:
        return ", ".join(words[:-1]) + (" or " if len(words) > 1 else "") + words[-1]
    shape = inspect.type_info(Settings)
    assert isinstance(shape, inspect.StructType)  # noqa: S101 -- it is one
    (kind,) = (field.type for field in shape.fields if field.name == name)
    while isinstance(kind, inspect.UnionType | inspect.Metadata):
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        else:
            kind = next(part for part in kind.types if not isinstance(part, inspect.NoneType))
    match kind:
        case inspect.IntType(ge=int(least), le=int(most)):
            return f"a whole number from {least} to {most}"
        case inspect.BoolType():
            return "true or false"
        case _:
            return "text"
