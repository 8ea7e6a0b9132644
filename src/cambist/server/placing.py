"""Takes orders over HTTP: one, one with its events, or many at once; and says what one would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.types import Receive, Send
from starlette.types import Scope as Call

from cambist.engine.engine import Engine
from cambist.engine.intake import Taken, Wish
from cambist.faults import Code, Fault, Refused, fault
from cambist.ports.api_keys import Scope
from cambist.server.auth.caller import Passport, charge, charge_quote, passport_of
from cambist.server.cancel_on_disconnect import while_connected
from cambist.server.concurrency import Seats
from cambist.server.requests import Want
from cambist.server.responses import Answer, Header, read_body, send_answer
from cambist.server.streaming.event_streams import OneOrder, Voice
from cambist.server.streaming.sse import Opening, stream, wants_stream
from cambist.server.submission import OrderTaker
from cambist.wire.batch import Result, read_batch, write_batch
from cambist.wire.json_body import Fields
from cambist.wire.problems import lead, write_problem
from cambist.wire.quotes import Asked, write_quote

_REPLAYED: Final = (b"idempotency-replayed", b"true")
_EVERYTHING: Final = Want(notes=True)


class PlaceOrder:
    """Takes an order. Bare of any request object: it is the path that must be fast."""

    def __init__(self, taker: OrderTaker, voice: Voice, seats: Seats) -> None:
        self._taker = taker
        self._voice = voice
        self._seats = seats
        self._body_max = voice.settings.edge.body_bytes_max

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        """Answer one POST, or stream the order's events after it."""
        fields = dict(scope["headers"])
        body = await json_body(self._seats, fields, receive, self._body_max)
        key = fields.get(b"idempotency-key")
        passport = passport_of(scope)
        if wants_stream(fields) and Scope.READ in passport.scopes:
            with self._seats.stream(passport) as life:
                taken = await self._taker.take(body, key, passport)
                order = await self._voice.engine.get(taken.order_id, passport.principal)
                if order is None:
                    raise Refused(fault(Code.ORDER_NOT_FOUND))
                story = OneOrder(self._voice, order, _EVERYTHING)
                headers = (*_where(taken), (b"x-order-id", taken.order_id.encode()))
                opening = Opening(202, headers, b"data: %b\n\n" % taken.reply)
                await stream(story, life, (receive, send), opening)
            return
        taken = await self._taker.take(body, key, passport)
        status = 200 if taken.replayed else 202
        await send_answer(send, Answer(status, taken.reply, headers=_where(taken)))


def _where(taken: Taken) -> tuple[Header, ...]:
    location = (b"location", b"/api/orders/" + taken.order_id.encode())
    return (location, _REPLAYED) if taken.replayed else (location,)


class PlaceBatch:
    """Takes many orders in one commit, and answers each as it would have been answered alone."""

    def __init__(self, engine: Engine, taker: OrderTaker, seats: Seats, body_max: int) -> None:
        self._engine = engine
        self._taker = taker
        self._seats = seats
        self._body_max = body_max

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        fields = dict(scope["headers"])
        body = await json_body(self._seats, fields, receive, self._body_max)
        if b"idempotency-key" in fields:
            message = "Orders of a batch have a clientOrderId each, and no key together."
            raise Refused(fault(Code.INVALID_KEY, message, "Idempotency-Key"))
        passport = passport_of(scope)
        batch = read_batch(body)
        await charge(passport, len(batch))
        asked = [self._wish(one, passport) for one in batch]
        wishes = [one for one in asked if isinstance(one, Wish)]
        answers = iter(await self._engine.submit_all(wishes) if wishes else ())
        results = [_result(next(answers) if isinstance(one, Wish) else one) for one in asked]
        await send_answer(send, Answer(200, write_batch(results)))

    def _wish(self, fields: Fields | None, passport: Passport) -> Wish | tuple[Fault, ...]:
        if fields is None:
            return (fault(Code.NOT_AN_OBJECT, "An order is a JSON object."),)
        try:
            wish = self._taker.wish(fields, passport)
        except Refused as refused:
            return refused.faults
        deadline = wish.intent.terms.deadline
        if deadline is not None and deadline <= self._engine.clock.now():
            return (fault(Code.DEADLINE_PASSED, "", "expiresAt"),)
        return wish


def _result(answer: Taken | Fault | tuple[Fault, ...]) -> Result:
    if isinstance(answer, Taken):
        return Result(200 if answer.replayed else 202, answer.reply)
    faults = (answer,) if isinstance(answer, Fault) else answer
    return Result(lead(faults).status, write_problem(faults))


class AskQuote:
    """Says what an order would do now, and stores nothing."""

    def __init__(self, engine: Engine, taker: OrderTaker, seats: Seats, body_max: int) -> None:
        self._engine = engine
        self._taker = taker
        self._seats = seats
        self._body_max = body_max

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        body = await json_body(self._seats, dict(scope["headers"]), receive, self._body_max)
        passport = passport_of(scope)
        intent, warnings = self._taker.intent(body, passport)
        await charge_quote(passport)
        quoted = await while_connected(receive, self._engine.quote(intent, passport.caller))
        if isinstance(quoted, Fault):
            raise Refused(quoted)
        asked = Asked(intent, self._engine.market.venues, warnings)
        text = write_quote(asked, quoted.route, quoted.costs, quoted.at)
        await send_answer(send, Answer(200, text))


async def json_body(
    seats: Seats | None, fields: Mapping[bytes, bytes], receive: Receive, bytes_max: int
) -> bytes:
    """Return the body of a request. Raises Refused unless it is JSON, and not too large.

    Without `seats` nobody counts who waits for it: that is for requests outside all limits.
    """
    kind = fields.get(b"content-type", b"")
    if kind != b"application/json" and not _is_json(kind):
        raise Refused(fault(Code.UNSUPPORTED_MEDIA_TYPE))
    if seats is None:
        body = await read_body(receive, bytes_max)
    else:
        body = await seats.body(receive, bytes_max)
    if body is None:
        raise Refused(fault(Code.BODY_TOO_LARGE, f"A body has at most {bytes_max} bytes."))
    return body


def _is_json(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() == b"application/json"
