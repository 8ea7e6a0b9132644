"""Says who calls and what they may do, for those who answer the call."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.types import Scope as Call

from cambist.ports.keys import Scope
from cambist.values.ids import LOCAL, Address, Principal

_PLACE: Final = "cambist.passport"


class Passport(msgspec.Struct, frozen=True):
    """Whose orders a call may see and make. Without keys everyone on loopback is `LOCAL`."""

    principal: Principal = LOCAL
    key_id: str | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    wallets: tuple[Address, ...] = ()


def stamp(call: Call, passport: Passport) -> None:
    """Let a call carry its passport."""
    call[_PLACE] = passport


def passport_of(call: Call) -> Passport:
    """Return a call's passport; a call that was never let in has none, and fails."""
    passport: Passport = call[_PLACE]
    return passport
