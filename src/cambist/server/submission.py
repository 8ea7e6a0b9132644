"""Takes an order from its body, whichever way it came in."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.engine.engine import Engine
from cambist.engine.intake import SubmitOrder, SubmitResult
from cambist.faults import Code, RequestRejected, fault
from cambist.orders.intent import Intent
from cambist.server.auth.caller import Caller, charge
from cambist.server.settings import ServerSettings
from cambist.wire.intent_builder import SubmissionContext, to_intent
from cambist.wire.json_body import JsonFields
from cambist.wire.order_fields import is_key
from cambist.wire.order_request import ParsedOrder, read_fields, read_order
from cambist.wire.order_responses import acceptance_renderer
from cambist.wire.price_fields import PriceRequest
from cambist.wire.resting_orders import check_prices
from cambist.wire.unlisted_token_warnings import unlisted_token_warnings

KEY_HEADER: Final = "Idempotency-Key"


class OrderSubmitter:
    """Reads orders and hands them to the engine."""

    def __init__(self, engine: Engine, settings: ServerSettings) -> None:
        self._engine = engine
        self._settings = settings

    async def submit(self, body: bytes, header_key: bytes | None, caller: Caller) -> SubmitResult:
        """Return the engine's word that an order is stored. Raises RequestRejected."""
        await charge(caller, 1)
        parsed = read_order(body, self._settings.default_slippage_unit)
        return await self._engine.submit(await self._command(parsed, header_key, caller))

    async def _held_to_prices(self, parsed: ParsedOrder, command: SubmitOrder) -> SubmitOrder:
        """Hold an order that waits for a price against the price now. Raises RequestRejected.

        A repeated request gets its first answer, whatever the price is by now.
        """
        intent, asked = command.intent, parsed.request.prices or PriceRequest()
        if await self._engine.has_key(intent.principal, command.key):
            return command
        seen = await self._engine.observe(intent)
        faults, warnings = check_prices(
            intent,
            seen,
            fires_when_met=asked.fires_when_met,
            accepts_far_price=asked.accepts_far_price,
        )
        if faults:
            raise RequestRejected(*faults)
        told = (*self._warnings(parsed, intent), *warnings)
        reply = acceptance_renderer(self._engine.market.venues, told, seen)
        return msgspec.structs.replace(command, reply=reply)

    async def command(self, fields: JsonFields, caller: Caller) -> SubmitOrder:
        """Return what one order of several asks for. Raises RequestRejected."""
        parsed = read_fields(fields, self._settings.default_slippage_unit)
        return await self._command(parsed, None, caller)

    def intent(self, body: bytes, caller: Caller) -> tuple[Intent, tuple[str, ...]]:
        """Return what a body asks for, and what to warn of; for no order.

        Raises RequestRejected.
        """
        parsed = read_order(body, self._settings.default_slippage_unit)
        intent = self._intent(parsed, parsed.client_order_id, caller, judges_deadline=True)
        return intent, self._warnings(parsed, intent)

    async def _command(
        self, parsed: ParsedOrder, header_key: bytes | None, caller: Caller
    ) -> SubmitOrder:
        command = self._wish(parsed, header_key, caller)
        if command.intent.waits_for_price:
            command = await self._held_to_prices(parsed, command)
        return command

    def _wish(self, parsed: ParsedOrder, header_key: bytes | None, caller: Caller) -> SubmitOrder:
        key = _one_key(header_key, parsed)
        # With a key, the engine judges the deadline after it has looked the key up.
        intent = self._intent(parsed, key, caller, judges_deadline=key is None)
        reply = acceptance_renderer(self._engine.market.venues, self._warnings(parsed, intent))
        fingerprint = parsed.request.fingerprint() if key is not None else b""
        return SubmitOrder(intent, reply, key, fingerprint)

    def _warnings(self, parsed: ParsedOrder, intent: Intent) -> tuple[str, ...]:
        return (*parsed.warnings, *unlisted_token_warnings(intent.pair, self._engine.market.tokens))

    def _intent(
        self, parsed: ParsedOrder, key: str | None, passport: Caller, *, judges_deadline: bool
    ) -> Intent:
        caller = SubmissionContext(
            passport.principal, passport.wallets, self._engine.clock.now(), key, judges_deadline
        )
        return to_intent(parsed, self._engine.market.token, self._settings.limits, caller)


def _one_key(header: bytes | None, parsed: ParsedOrder) -> str | None:
    """Return the key a request goes by: the header and `clientOrderId` are one thing."""
    if header is None:
        return parsed.client_order_id
    key = header.decode("latin-1")
    if not is_key(key):
        raise RequestRejected(fault(Code.INVALID_KEY, "", KEY_HEADER))
    if parsed.client_order_id not in (None, key):
        message = f"{KEY_HEADER} and clientOrderId differ."
        raise RequestRejected(fault(Code.CONFLICTING_FIELDS, message, "clientOrderId"))
    return key
