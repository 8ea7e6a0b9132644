"""Decides who may come in: everyone until a key is made, and then who shows one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace
from starlette.types import Scope as Call

from cambist.faults import Code, RequestRejected, fault
from cambist.ports.api_keys import ApiKey, ApiKeyStore, Permission
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.rate_limits import RateLimiter
from cambist.server.auth.caller import Caller
from cambist.server.auth.caller_limits import CallerRateLimits
from cambist.server.auth.tickets import Tickets, has_ticket
from cambist.server.client_address import TrustedProxies
from cambist.server.rate_limit_headers import open_rate_limits
from cambist.server.responses import wants_stream
from cambist.server.settings import CallerRates, ServerSettings
from cambist.values import api_key
from cambist.values.ids import Principal
from cambist.values.time_units import MINUTE, Timestamp

LOOK_EVERY_MS: Final = 500
"""How long a server without keys may not know of the first one."""

NOTED_MAX: Final = 10_000
_EVERYONE: Final = Caller()
_NOBODY: Final = Caller(Principal(""), permissions=frozenset())
_NO_DIGEST: Final = bytes(api_key.DIGEST_BYTES)
_BEARER: Final = b"bearer "


class AuthDependencies(msgspec.Struct, frozen=True):
    """What the doors are closed with. `pepper` raises PortUnavailable when it cannot be read."""

    keys: ApiKeyStore
    pepper: Callable[[], bytes]
    limits: RateLimiter
    draw: Callable[[int], bytes]


class AllowAll:
    """Lets everyone in: for an application that no stranger can reach."""

    async def authenticate(self, _call: Call, _right: Permission | None) -> Caller:
        """Return the one passport there is."""
        return _EVERYONE

    async def is_still_valid(self, _passport: Caller) -> bool:
        """Return that nobody has to leave."""
        return True

    async def recognises(self, _call: Call) -> bool:
        """Return that everyone is known."""
        return True


class ApiKeyAuthenticator:
    """Lets everyone in until a key is made; from then on who shows one that is in force."""

    def __init__(
        self, clock: Clock, locks: AuthDependencies, settings: ServerSettings, tickets: Tickets
    ) -> None:
        self._clock = clock
        self._keys = locks.keys
        self._pepper = locks.pepper
        self._rates: CallerRates = settings.rates
        self._rate_limits = CallerRateLimits(locks.limits, settings.rates)
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._tickets = tickets
        self._is_locked = False
        self._look_at = clock.monotonic_ms()
        self._noted: dict[str, Timestamp] = {}
        self._everyone = Caller(meter=self)
        self._counts_requests = settings.address_requests_max is not None

    async def authenticate(self, call: Call, right: Permission | None) -> Caller:
        """Return who calls. Raises RequestRejected."""
        if not self._is_locked and not await self._refresh_keys_exist():
            return await self._admit_anyone(call)
        if right is None:
            await self._count_stranger(call)
            return replace(_NOBODY, source=self._proxies.source_of(call))
        passport = await self._identify(call)
        if right not in passport.permissions:
            message = f"This needs a key with the scope `{right}`, which this one has not."
            raise RequestRejected(fault(Code.FORBIDDEN, message))
        is_stream = call["type"] == "websocket" or wants_stream(dict(call["headers"]))
        await self._rate_limits.request(passport, opens_stream=is_stream)
        return passport

    async def is_still_valid(self, caller: Caller) -> bool:
        """Return whether whoever was let in may stay. Raises PortUnavailable."""
        if caller.key_id is None:
            return not (self._is_locked or await self._refresh_keys_exist())
        key = await self._keys.find(caller.key_id)
        return key is not None and key.is_active(self._clock.now())

    async def recognises(self, call: Call) -> bool:
        """Return whether a call that needs no key shows one that is active, or none is needed."""
        try:
            if not (self._is_locked or await self._refresh_keys_exist()):
                return True
            if b"authorization" not in dict(call["headers"]):
                return False
            await self._identify(call)
        except (PortUnavailable, RequestRejected):
            return False
        return True

    async def charge(self, caller: Caller, orders: int) -> None:
        """Count orders, all or none. Raises RequestRejected."""
        if not await self.is_still_valid(caller):
            raise RequestRejected(fault(Code.UNAUTHORIZED))
        if caller.key_id is not None:
            await self._rate_limits.orders(caller, orders)

    async def charge_quote(self, caller: Caller) -> None:
        """Count a quote. Raises RequestRejected."""
        if caller.key_id is not None:
            await self._rate_limits.quotes(caller)

    async def _refresh_keys_exist(self) -> bool:
        """Return whether a key was ever made, as of half a second ago at most."""
        now = self._clock.monotonic_ms()
        if now >= self._look_at:
            self._is_locked = await self._keys.has_ever_issued()
            self._look_at = now + LOOK_EVERY_MS
        return self._is_locked

    async def _admit_anyone(self, call: Call) -> Caller:
        per_minute = self._rates.address_requests_per_minute
        if per_minute is None and not self._counts_requests:
            return self._everyone
        source = self._proxies.source_of(call)
        if per_minute is not None:
            await self._rate_limits.anonymous(source, per_minute, open_rate_limits(call))
        return replace(self._everyone, source=source) if self._counts_requests else self._everyone

    async def _identify(self, call: Call) -> Caller:
        """Return whose key or ticket is shown. Raises RequestRejected."""
        shown = dict(call["headers"]).get(b"authorization")
        if shown is not None:
            passport = await self._of_key(call, shown)
        elif call["type"] == "websocket" and has_ticket(call["subprotocols"]):
            passport = await self._of_ticket(call["subprotocols"])
        else:
            # No quotas are told: who shows no key and who shows a bad one get the same bytes.
            source = self._proxies.source_of(call)
            await self._rate_limits.anonymous(source, self._rates.strangers_per_minute)
            raise RequestRejected(fault(Code.UNAUTHORIZED))
        if passport is None:
            await self._rate_limits.auth_failure(self._proxies.source_of(call))
            raise RequestRejected(fault(Code.UNAUTHORIZED))
        return passport

    async def _count_stranger(self, call: Call) -> None:
        per_minute = self._rates.strangers_per_minute
        await self._rate_limits.anonymous(
            self._proxies.source_of(call), per_minute, open_rate_limits(call)
        )

    async def _of_ticket(self, subprotocols: list[str]) -> Caller | None:
        passport = self._tickets.redeem(subprotocols)
        return passport if passport is not None and await self.is_still_valid(passport) else None

    async def _of_key(self, call: Call, shown: bytes) -> Caller | None:
        """Return whose key is shown; the same work whatever is wrong with it."""
        text = shown[len(_BEARER) :].strip().decode("latin-1")
        key_id = api_key.read_key_id(text) if shown[: len(_BEARER)].lower() == _BEARER else None
        key = await self._keys.find(key_id) if key_id is not None else None
        now = self._clock.now()
        kept = _NO_DIGEST if key is None else key.digest
        is_its_own = api_key.is_same(api_key.digest(self._pepper(), text), kept)
        if key is None or not (is_its_own and key.is_active(now)):
            return None
        await self._note_use(key, now)
        return Caller(
            principal=key.principal,
            key_id=key.id,
            permissions=key.permissions,
            wallets=key.wallets,
            orders_per_minute=key.orders_per_minute,
            meter=self,
            quotas=open_rate_limits(call),
        )

    async def _note_use(self, key: ApiKey, now: Timestamp) -> None:
        """Have a key's use noted, once a minute."""
        last = self._noted.get(key.id, key.last_used_at)
        if last is not None and now - last < MINUTE:
            return
        if len(self._noted) >= NOTED_MAX:
            self._noted.clear()
        self._noted[key.id] = now
        await self._keys.record_use(key.id, now)


class Authenticator(Protocol):
    """Lets calls in."""

    async def authenticate(self, call: Call, right: Permission | None) -> Caller:
        """Return who calls. Raises RequestRejected when they may not do this, or not now.

        None stands for what everyone may do.
        """

    async def is_still_valid(self, caller: Caller) -> bool:
        """Return whether whoever was let in may stay. Raises PortUnavailable."""

    async def recognises(self, call: Call) -> bool:
        """Return whether a call that needs no key shows one that is active, or none is needed."""
