"""Authenticates callers: everyone until the first key is issued, then by key or ticket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace
from starlette.types import Scope

from cambist.faults import Code, RequestRejected, fault
from cambist.ports.api_keys import ApiKey, ApiKeyStore, Permission
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.rate_limits import RateLimiter
from cambist.server.auth.caller import Caller
from cambist.server.auth.caller_limits import CallerRateLimits
from cambist.server.auth.tickets import Tickets, has_ticket
from cambist.server.client_address import TrustedProxies
from cambist.server.header_fields import header_fields
from cambist.server.rate_limit_headers import open_rate_limits
from cambist.server.responses import wants_stream
from cambist.server.settings import CallerRates, ServerSettings
from cambist.values import api_key
from cambist.values.ids import Principal
from cambist.values.time_units import MINUTE, Timestamp

LOOK_EVERY_MS: Final = 500
"""How long a server without keys may not notice the first one."""

RECORDED_MAX: Final = 10_000
_EVERYONE: Final = Caller()
_NOBODY: Final = Caller(Principal(""), permissions=frozenset())
_NO_DIGEST: Final = bytes(api_key.DIGEST_BYTES)
_BEARER: Final = b"bearer "


class AuthDependencies(msgspec.Struct, frozen=True):
    """What authentication needs. `pepper` raises PortUnavailable when it cannot be read."""

    keys: ApiKeyStore
    pepper: Callable[[], bytes]
    limits: RateLimiter
    draw: Callable[[int], bytes]


class AllowAll:
    """Accepts every caller: for an application that only local users can reach."""

    async def authenticate(self, _scope: Scope, _permission: Permission | None) -> Caller:
        """Return the local caller."""
        return _EVERYONE

    async def is_still_valid(self, _caller: Caller) -> bool:
        """Return True: there is no key to revoke."""
        return True

    async def recognises(self, _scope: Scope) -> bool:
        """Return True: every caller is known."""
        return True


class ApiKeyAuthenticator:
    """Accepts every caller until a key is issued; from then on only those with a valid key."""

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
        self._recorded: dict[str, Timestamp] = {}
        self._everyone = Caller(meter=self)
        self._counts_requests = settings.address_requests_max is not None

    async def authenticate(self, scope: Scope, permission: Permission | None) -> Caller:
        """Return the caller. Raises RequestRejected."""
        if not self._is_locked and not await self._refresh_keys_exist():
            return await self._accept_anyone(scope)
        if permission is None:
            await self._count_anonymous(scope)
            return replace(_NOBODY, source=self._proxies.source_of(scope))
        caller = await self._identify(scope)
        if permission not in caller.permissions:
            message = f"This request needs a key with the scope `{permission}`."
            raise RequestRejected(fault(Code.FORBIDDEN, message))
        is_stream = scope["type"] == "websocket" or wants_stream(header_fields(scope))
        await self._rate_limits.request(caller, opens_stream=is_stream)
        return caller

    async def is_still_valid(self, caller: Caller) -> bool:
        """Return whether a caller who was accepted is still valid. Raises PortUnavailable."""
        if caller.key_id is None:
            return not (self._is_locked or await self._refresh_keys_exist())
        key = await self._keys.find(caller.key_id)
        return key is not None and key.is_active(self._clock.now())

    async def recognises(self, scope: Scope) -> bool:
        """Return whether a public call has a valid key, or no key is needed."""
        try:
            if not (self._is_locked or await self._refresh_keys_exist()):
                return True
            if b"authorization" not in header_fields(scope):
                return False
            await self._identify(scope)
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

    async def _accept_anyone(self, scope: Scope) -> Caller:
        per_minute = self._rates.address_requests_per_minute
        if per_minute is None and not self._counts_requests:
            return self._everyone
        source = self._proxies.source_of(scope)
        if per_minute is not None:
            await self._rate_limits.anonymous(source, per_minute, open_rate_limits(scope))
        return replace(self._everyone, source=source) if self._counts_requests else self._everyone

    async def _identify(self, scope: Scope) -> Caller:
        """Return the caller of the key or ticket. Raises RequestRejected."""
        header = header_fields(scope).get(b"authorization")
        if header is not None:
            caller = await self._of_key(scope, header)
        elif scope["type"] == "websocket" and has_ticket(scope["subprotocols"]):
            caller = await self._of_ticket(scope["subprotocols"])
        else:
            # No rate headers: an answer must not reveal whether a key exists, so a call without a
            # key and one with an invalid key get the same bytes.
            source = self._proxies.source_of(scope)
            await self._rate_limits.anonymous(source, self._rates.strangers_per_minute)
            raise RequestRejected(fault(Code.UNAUTHORIZED))
        if caller is None:
            await self._rate_limits.auth_failure(self._proxies.source_of(scope))
            raise RequestRejected(fault(Code.UNAUTHORIZED))
        return caller

    async def _count_anonymous(self, scope: Scope) -> None:
        per_minute = self._rates.strangers_per_minute
        await self._rate_limits.anonymous(
            self._proxies.source_of(scope), per_minute, open_rate_limits(scope)
        )

    async def _of_ticket(self, subprotocols: list[str]) -> Caller | None:
        caller = self._tickets.redeem(subprotocols)
        return caller if caller is not None and await self.is_still_valid(caller) else None

    async def _of_key(self, scope: Scope, header: bytes) -> Caller | None:
        """Return the caller of a key; the same work whatever is wrong with it."""
        text = header[len(_BEARER) :].strip().decode("latin-1")
        key_id = api_key.read_key_id(text) if header[: len(_BEARER)].lower() == _BEARER else None
        key = await self._keys.find(key_id) if key_id is not None else None
        now = self._clock.now()
        # Compared with a dummy when there is no such key: the time must not reveal which ids exist.
        stored_digest = _NO_DIGEST if key is None else key.digest
        is_its_own = api_key.is_same(api_key.digest(self._pepper(), text), stored_digest)
        if key is None or not (is_its_own and key.is_active(now)):
            return None
        await self._record_use(key, now)
        return Caller(
            principal=key.principal,
            key_id=key.id,
            permissions=key.permissions,
            wallets=key.wallets,
            orders_per_minute=key.orders_per_minute,
            meter=self,
            quotas=open_rate_limits(scope),
        )

    async def _record_use(self, key: ApiKey, now: Timestamp) -> None:
        """Record the use of a key, once a minute."""
        last = self._recorded.get(key.id, key.last_used_at)
        if last is not None and now - last < MINUTE:
            return
        if len(self._recorded) >= RECORDED_MAX:
            self._recorded.clear()
        self._recorded[key.id] = now
        await self._keys.record_use(key.id, now)


class Authenticator(Protocol):
    """Authenticates calls."""

    async def authenticate(self, scope: Scope, permission: Permission | None) -> Caller:
        """Return the caller. Raises RequestRejected when the call is not allowed, or not now.

        The permission None means that no key is needed.
        """

    async def is_still_valid(self, caller: Caller) -> bool:
        """Return whether a caller who was accepted is still valid. Raises PortUnavailable."""

    async def recognises(self, scope: Scope) -> bool:
        """Return whether a public call has a valid key, or no key is needed."""
