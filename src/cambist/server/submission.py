"""Takes an order from its body, whichever way it came in."""

from __future__ import annotations

from typing import Final

from cambist.engine.engine import Engine
from cambist.engine.intake import Taken, Wish
from cambist.faults import Code, Refused, fault
from cambist.orders.intent import Intent
from cambist.server.auth.caller import Passport, charge
from cambist.server.settings import ServerSettings
from cambist.values.time_units import Moment
from cambist.wire.intent_builder import Caller, to_intent
from cambist.wire.json_body import Fields
from cambist.wire.order_fields import is_key
from cambist.wire.order_request import Parsed, read_fields, read_order
from cambist.wire.order_responses import acceptance_writer
from cambist.wire.unlisted_tokens import warnings_of

KEY_HEADER: Final = "Idempotency-Key"


class OrderTaker:
    """Reads orders and hands them to the engine."""

    def __init__(self, engine: Engine, settings: ServerSettings) -> None:
        self._engine = engine
        self._settings = settings

    async def take(self, body: bytes, header_key: bytes | None, passport: Passport) -> Taken:
        """Return the engine's word that an order is stored. Raises Refused."""
        await charge(passport, 1)
        parsed = read_order(body, self._settings.bare_slippage)
        return await self._engine.submit(self._wish(parsed, header_key, passport))

    def wish(self, fields: Fields, passport: Passport) -> Wish:
        """Return what one order of several asks for. Raises Refused."""
        parsed = read_fields(fields, self._settings.bare_slippage)
        return self._wish(parsed, None, passport)

    def intent(self, body: bytes, passport: Passport) -> tuple[Intent, tuple[str, ...]]:
        """Return what a body asks for, and what to warn of; for no order. Raises Refused."""
        parsed = read_order(body, self._settings.bare_slippage)
        now = self._engine.clock.now()
        intent = self._intent(parsed, parsed.client_order_id, now, passport)
        return intent, self._warnings(parsed, intent)

    def _wish(self, parsed: Parsed, header_key: bytes | None, passport: Passport) -> Wish:
        key = _one_key(header_key, parsed)
        # With a key, the engine judges the deadline after it has looked the key up.
        now = self._engine.clock.now() if key is None else None
        intent = self._intent(parsed, key, now, passport)
        reply = acceptance_writer(self._engine.market.venues, self._warnings(parsed, intent))
        fingerprint = parsed.request.fingerprint() if key is not None else b""
        return Wish(intent, reply, key, fingerprint)

    def _warnings(self, parsed: Parsed, intent: Intent) -> tuple[str, ...]:
        return (*parsed.warnings, *warnings_of(intent.pair, self._engine.market.tokens))

    def _intent(
        self, parsed: Parsed, key: str | None, now: Moment | None, passport: Passport
    ) -> Intent:
        caller = Caller(passport.principal, passport.wallets, now, key)
        return to_intent(parsed, self._engine.market.token, self._settings.limits, caller)


def _one_key(header: bytes | None, parsed: Parsed) -> str | None:
    """Return the key a request goes by: the header and `clientOrderId` are one thing."""
    if header is None:
        return parsed.client_order_id
    key = header.decode("latin-1")
    if not is_key(key):
        raise Refused(fault(Code.INVALID_KEY, "", KEY_HEADER))
    if parsed.client_order_id not in (None, key):
        message = f"{KEY_HEADER} and clientOrderId differ."
        raise Refused(fault(Code.CONFLICTING_FIELDS, message, "clientOrderId"))
    return key
