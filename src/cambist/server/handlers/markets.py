"""Answers what can be traded here, and what trading brought and cost."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Send
from starlette.types import Scope as Call

from cambist.engine.engine import Engine
from cambist.faults import Code, Fault, RequestRejected, fault
from cambist.orders.daily_fills import day_of, start_of
from cambist.server.auth.caller import caller_of, charge_quote
from cambist.server.concurrency import ConcurrencyLimits
from cambist.server.header_fields import header_fields
from cambist.server.requests import json_body, read_since
from cambist.server.responses import Response, send_answer
from cambist.server.stop_abandoned_reads import while_connected
from cambist.server.submission import OrderSubmitter
from cambist.values.amount import OutOfRange, RawAmount, TooManyDigits, parse_amount
from cambist.values.token import Pair, Token
from cambist.wire.intent_builder import too_many_digits
from cambist.wire.markets import PoolRequest, write_pools, write_tokens, write_venues
from cambist.wire.order_fields import InvalidField, read_amount, read_token
from cambist.wire.quotes import QuoteRequest, write_quote
from cambist.wire.reports import write_report

REPORT_DAYS_DEFAULT: Final = 30
REPORT_DAYS_MAX: Final = 366
"""How many days back a report may begin."""
REPORT_LINES_MAX: Final = 5_000


class MarketHandlers:
    """Answers for the market."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def tokens(self, _request: Request) -> Response:
        """List the tokens."""
        return Response(200, write_tokens(self._engine.market.tokens))

    async def venues(self, _request: Request) -> Response:
        """List the venues."""
        return Response(200, write_venues(self._engine.market.venues))

    async def pools(self, request: Request) -> Response:
        """List the pools of a pair."""
        pair = Pair(self._token(request, "tokenIn"), self._token(request, "tokenOut"))
        if pair.token_in.mint == pair.token_out.mint:
            raise RequestRejected(fault(Code.SAME_TOKEN, "", "tokenOut"))
        asked = _asked(request, pair)
        passport = caller_of(request.scope)
        await charge_quote(passport)
        async with self._engine.quote_budget.permit(passport.caller) as permit:
            found = await self._engine.pools(pair, permit)
            return Response(200, write_pools(asked, found, self._engine.clock.now()))

    def _token(self, request: Request, name: str) -> Token:
        text = request.query_params.get(name)
        if text is None:
            raise RequestRejected(fault(Code.INVALID_QUERY, f"{name} is missing.", name))
        try:
            token = self._engine.market.token(read_token(text))
        except InvalidField as unfit:
            raise RequestRejected(fault(Code.INVALID_QUERY, unfit.message, name)) from None
        if token is None:
            raise RequestRejected(fault(Code.UNKNOWN_TOKEN, f"The token {text} is unknown.", name))
        return token

    async def report(self, request: Request) -> Response:
        """Sum up the caller's fills, by days (UTC) from that of `since` on."""
        since = read_since(request.query_params.get("since"))
        principal = caller_of(request.scope).principal
        today = day_of(self._engine.clock.now())
        first = today - REPORT_DAYS_DEFAULT if since is None else day_of(since)
        if first < today - REPORT_DAYS_MAX:
            why = f"since is at most {REPORT_DAYS_MAX} days ago."
            raise RequestRejected(fault(Code.INVALID_QUERY, why, "since"))
        sums = await self._engine.fill_sums(principal, first, REPORT_LINES_MAX + 1)
        days, truncated = sums.days[:REPORT_LINES_MAX], len(sums.days) > REPORT_LINES_MAX
        body = write_report(days, start_of(first), truncated=truncated, unreadable=sums.unreadable)
        return Response(200, body)


def _asked(request: Request, pair: Pair) -> PoolRequest:
    """Return what to quote for: one whole token given, where nothing was said."""
    given, taken = (request.query_params.get(name) for name in ("amountIn", "amountOut"))
    if given is not None and taken is not None:
        why = "Give either amountIn or amountOut."
        raise RequestRejected(fault(Code.INVALID_QUERY, why, "amountOut"))
    if taken is not None:
        return PoolRequest(pair, "exact_out", _amount(taken, pair.token_out, "amountOut"))
    return PoolRequest(
        pair, "exact_in", _amount("1" if given is None else given, pair.token_in, "amountIn")
    )


def _amount(text: str, token: Token, name: str) -> RawAmount:
    amount = ""
    try:
        amount = read_amount(text)
        return parse_amount(amount, token.decimals)
    except InvalidField as unfit:
        why = unfit.message or "An amount must be greater than zero."
        raise RequestRejected(fault(Code.INVALID_QUERY, why, name)) from None
    except TooManyDigits:
        why = too_many_digits(amount, token)
        raise RequestRejected(fault(Code.INVALID_QUERY, why, name)) from None
    except OutOfRange:
        why = "The amount is larger than any account can hold."
        raise RequestRejected(fault(Code.INVALID_QUERY, why, name)) from None


class GetQuote:
    """Says what an order would do now, and stores nothing."""

    def __init__(
        self,
        engine: Engine,
        submitter: OrderSubmitter,
        concurrency: ConcurrencyLimits,
        body_max: int,
    ) -> None:
        self._engine = engine
        self._submitter = submitter
        self._concurrency = concurrency
        self._body_max = body_max

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        body = await json_body(self._concurrency, header_fields(scope), receive, self._body_max)
        passport = caller_of(scope)
        intent, warnings = self._submitter.intent(body, passport)
        await charge_quote(passport)
        quoted = await while_connected(receive, self._engine.quote(intent, passport.caller))
        if isinstance(quoted, Fault):
            raise RequestRejected(quoted)
        asked = QuoteRequest(intent, self._engine.market.venues, warnings)
        text = write_quote(asked, quoted.route, quoted.costs, quoted.at)
        await send_answer(send, Response(200, text))
