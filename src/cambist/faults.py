"""Lists every fault as data: its origin, its remedy, its HTTP status and its sentence."""

# Every fault has two independent properties:
#
#     Origin  who has to act               Remedy     what the engine may do next
#     USER    the request is impossible    RETRY      nothing happened; repeat it later
#     VENUE   a pool rejected it           REQUOTE    nothing happened; the quote is stale
#     CHAIN   the network is in trouble    ASK_CHAIN  unknown; only the chain knows
#     ENGINE  our own defect or disk       GIVE_UP    final
#
# The remedy is what `decide` goes by. ASK_CHAIN is the important one: after a send whose outcome is
# unknown, a retry could execute the order twice, and giving up could report a failure for an
# order that was executed. Neither is allowed until the chain has answered.
#
# A fault is a value, not an exception: it is stored in the journal, counted and rendered.
# `RequestRejected` is the exception that carries faults out of a request.
#
# Codes are stored and public: they are never renamed. Sentences may be improved at any time, so
# clients act on `code` and only show the sentence. The value of Origin.ENGINE is "house" for the
# same reason: journals and metrics have it.

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec


class Origin(StrEnum):
    """Who has to act; for people and alerts."""

    USER = "user"
    VENUE = "venue"
    CHAIN = "chain"
    ENGINE = "house"


class Remedy(StrEnum):
    """What the engine may do next; for `decide`."""

    RETRY = "retry"
    REQUOTE = "requote"
    ASK_CHAIN = "ask_chain"
    GIVE_UP = "give_up"


class Code(StrEnum):
    """The stable name of each fault, as clients see it."""

    MALFORMED_JSON = "malformed_json"
    NOT_AN_OBJECT = "not_an_object"
    TOO_DEEP = "too_deep"
    DUPLICATE_FIELD = "duplicate_field"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    INVALID_VALUE = "invalid_value"
    INVALID_AMOUNT = "invalid_amount"
    NOT_POSITIVE = "not_positive"
    INVALID_ADDRESS = "invalid_address"
    INVALID_TOKEN = "invalid_token"
    INVALID_SLIPPAGE = "invalid_slippage"
    INVALID_KEY = "invalid_key"
    INVALID_QUERY = "invalid_query"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    ORDER_NOT_FOUND = "order_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    LENGTH_REQUIRED = "length_required"
    UPGRADE_REQUIRED = "upgrade_required"
    INVALID_HANDSHAKE = "invalid_handshake"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    BAD_REQUEST = "bad_request"
    HOST_NOT_ALLOWED = "host_not_allowed"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    CURSOR_TOO_OLD = "cursor_too_old"
    ORDER_UNREADABLE = "order_unreadable"
    CONFLICTING_FIELDS = "conflicting_fields"
    SAME_TOKEN = "same_token"
    TOO_MANY_DIGITS = "too_many_digits"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    SLIPPAGE_OVER_CAP = "slippage_over_cap"
    DEADLINE_PASSED = "deadline_passed"
    UNKNOWN_TOKEN = "unknown_token"
    NOT_YET_SUPPORTED = "not_yet_supported"
    KEY_REUSED = "idempotency_key_reused"
    HEADERS_TOO_LARGE = "headers_too_large"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    RATE_LIMITED = "rate_limited"
    TOO_BUSY = "too_busy"
    BACKLOG_FULL = "backlog_full"
    HALTED = "halted"
    SHUTTING_DOWN = "shutting_down"
    STORE_UNAVAILABLE = "store_unavailable"
    INTERNAL = "internal"
    QUOTES_UNAVAILABLE = "quotes_unavailable"
    QUOTE_TIMED_OUT = "quote_timed_out"
    VENUE_UNREACHABLE = "venue_unreachable"
    NO_ROUTE = "no_route"
    POOL_REFUSED = "pool_refused"
    SLIPPAGE_EXCEEDED = "slippage_exceeded"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    RPC_UNREACHABLE = "rpc_unreachable"
    SEND_UNCERTAIN = "send_uncertain"
    NETWORK_CONGESTED = "network_congested"
    BLOCKHASH_EXPIRED = "blockhash_expired"
    TRANSACTION_REFUSED = "transaction_refused"
    ATTEMPT_LAPSED = "attempt_lapsed"
    TURN_FAILED = "turn_failed"
    WRITTEN_OFF = "written_off"
    LIMIT_NOT_MET = "limit_not_met"
    NOT_FILLED_AT_ONCE = "not_filled_at_once"
    TRIGGER_ALREADY_MET = "trigger_already_met"
    PRICE_INVERTED = "price_inverted"
    INVALID_PRICE = "invalid_price"
    RESTING_FULL = "resting_full"
    VALUE_OUT_OF_RANGE = "value_out_of_range"
    NOT_WAITING = "not_waiting"
    TOO_LATE = "too_late"
    MOVED_ON = "moved_on"
    ATTEMPT_IN_FLIGHT = "attempt_in_flight"
    ALREADY_TRIGGERED = "already_triggered"


class FaultSpec(NamedTuple):
    """The properties of a code. `status` is the HTTP status of a rejected request."""

    blame: Origin
    remedy: Remedy
    status: int
    sentence: str


_USER, _VENUE, _CHAIN, _ENGINE = Origin.USER, Origin.VENUE, Origin.CHAIN, Origin.ENGINE
_RETRY, _REQUOTE, _ASK, _END = Remedy.RETRY, Remedy.REQUOTE, Remedy.ASK_CHAIN, Remedy.GIVE_UP

CATALOGUE: Final[dict[Code, FaultSpec]] = {
    Code.MALFORMED_JSON: FaultSpec(_USER, _END, 400, "The body is not valid JSON."),
    Code.NOT_AN_OBJECT: FaultSpec(_USER, _END, 400, "The body must be a JSON object."),
    Code.TOO_DEEP: FaultSpec(_USER, _END, 400, "The body is nested too deeply."),
    Code.DUPLICATE_FIELD: FaultSpec(_USER, _END, 400, "A field appears twice in the body."),
    Code.MISSING_FIELD: FaultSpec(_USER, _END, 400, "A required field is missing."),
    Code.UNKNOWN_FIELD: FaultSpec(_USER, _END, 400, "The body has an unknown field."),
    Code.WRONG_TYPE: FaultSpec(_USER, _END, 400, "A field has the wrong JSON type."),
    Code.INVALID_VALUE: FaultSpec(_USER, _END, 400, "A field has an invalid value."),
    Code.INVALID_AMOUNT: FaultSpec(_USER, _END, 400, "An amount is not a plain decimal number."),
    Code.NOT_POSITIVE: FaultSpec(_USER, _END, 400, "An amount must be greater than zero."),
    Code.INVALID_ADDRESS: FaultSpec(_USER, _END, 400, "An address is not 32 bytes in base58."),
    Code.INVALID_TOKEN: FaultSpec(_USER, _END, 400, "A token is neither a symbol nor a mint."),
    Code.INVALID_SLIPPAGE: FaultSpec(
        _USER, _END, 400, "A slippage is outside the range of its unit."
    ),
    Code.INVALID_KEY: FaultSpec(_USER, _END, 400, "An idempotency key is malformed."),
    Code.INVALID_QUERY: FaultSpec(_USER, _END, 400, "A query parameter has an invalid value."),
    Code.BAD_REQUEST: FaultSpec(_USER, _END, 400, "The request is not well-formed HTTP."),
    Code.HOST_NOT_ALLOWED: FaultSpec(_USER, _END, 403, "The Host header names another server."),
    Code.ORIGIN_NOT_ALLOWED: FaultSpec(
        _USER, _END, 403, "Pages of this origin may not call this server."
    ),
    Code.UNAUTHORIZED: FaultSpec(_USER, _END, 401, "This request needs a valid API key."),
    Code.FORBIDDEN: FaultSpec(_USER, _END, 403, "The API key has no permission for this request."),
    Code.NOT_FOUND: FaultSpec(_USER, _END, 404, "This path does not exist."),
    Code.ORDER_NOT_FOUND: FaultSpec(_USER, _END, 404, "Order not found"),
    Code.METHOD_NOT_ALLOWED: FaultSpec(_USER, _END, 405, "This path does not support this method."),
    Code.CURSOR_TOO_OLD: FaultSpec(
        _USER, _END, 410, "Events after this cursor were pruned; start without a cursor."
    ),
    Code.ORDER_UNREADABLE: FaultSpec(
        _ENGINE,
        _END,
        409,
        "This order is stored, but its data cannot be read: do not place it again. Whoever "
        "runs the engine finds out more with `cambist verify`.",
    ),
    Code.REQUEST_TIMEOUT: FaultSpec(_USER, _END, 408, "The request was sent too slowly."),
    Code.LENGTH_REQUIRED: FaultSpec(
        _USER, _END, 411, "An upgrade needs a Content-Length or a chunked body."
    ),
    Code.UPGRADE_REQUIRED: FaultSpec(
        _USER, _END, 426, "This path is a WebSocket; send an upgrade request."
    ),
    Code.INVALID_HANDSHAKE: FaultSpec(
        _USER, _END, 400, "The request is not a valid WebSocket handshake (RFC 6455)."
    ),
    Code.BODY_TOO_LARGE: FaultSpec(_USER, _END, 413, "The body is too large."),
    Code.UNSUPPORTED_MEDIA_TYPE: FaultSpec(_USER, _END, 415, "Send application/json."),
    Code.CONFLICTING_FIELDS: FaultSpec(_USER, _END, 422, "Two fields contradict each other."),
    Code.SAME_TOKEN: FaultSpec(_USER, _END, 422, "The two tokens are the same."),
    Code.TOO_MANY_DIGITS: FaultSpec(
        _USER, _END, 422, "An amount has more decimals than its token."
    ),
    Code.AMOUNT_OUT_OF_RANGE: FaultSpec(
        _USER, _END, 422, "An amount is more than 2**64 - 1 units."
    ),
    Code.SLIPPAGE_OVER_CAP: FaultSpec(_USER, _END, 422, "The slippage is above the maximum."),
    Code.DEADLINE_PASSED: FaultSpec(_USER, _END, 422, "The deadline has already passed."),
    Code.UNKNOWN_TOKEN: FaultSpec(_USER, _END, 422, "The token is unknown."),
    Code.NOT_YET_SUPPORTED: FaultSpec(_USER, _END, 422, "This is not supported yet."),
    Code.KEY_REUSED: FaultSpec(_USER, _END, 422, "The idempotency key belongs to another order."),
    Code.HEADERS_TOO_LARGE: FaultSpec(
        _USER, _END, 431, "The request line and headers are too large."
    ),
    Code.TOO_MANY_CONNECTIONS: FaultSpec(
        _USER, _RETRY, 429, "Too many connections from this address."
    ),
    Code.RATE_LIMITED: FaultSpec(
        _USER, _RETRY, 429, "Too many requests; wait for the time in `Retry-After`."
    ),
    Code.TOO_BUSY: FaultSpec(_ENGINE, _RETRY, 503, "Too many requests at once; try again soon."),
    Code.BACKLOG_FULL: FaultSpec(_ENGINE, _RETRY, 503, "Too many orders are open; try again soon."),
    Code.HALTED: FaultSpec(_ENGINE, _RETRY, 503, "Trading is halted."),
    Code.SHUTTING_DOWN: FaultSpec(_ENGINE, _RETRY, 503, "The engine is shutting down."),
    Code.STORE_UNAVAILABLE: FaultSpec(
        _ENGINE, _RETRY, 503, "Orders cannot be stored at the moment."
    ),
    Code.INTERNAL: FaultSpec(
        _ENGINE, _END, 500, "The engine failed because of a defect of its own."
    ),
    Code.QUOTES_UNAVAILABLE: FaultSpec(_VENUE, _RETRY, 503, "No venue answered with a quote."),
    Code.QUOTE_TIMED_OUT: FaultSpec(_VENUE, _RETRY, 503, "The venue did not answer in time."),
    Code.VENUE_UNREACHABLE: FaultSpec(_VENUE, _RETRY, 503, "The venue could not be reached."),
    Code.NO_ROUTE: FaultSpec(_VENUE, _END, 422, "No pool can trade this amount of this pair."),
    Code.POOL_REFUSED: FaultSpec(_VENUE, _END, 422, "The pool cannot trade this amount."),
    Code.SLIPPAGE_EXCEEDED: FaultSpec(
        _VENUE, _REQUOTE, 422, "The price moved beyond the tolerance before the order landed."
    ),
    Code.INSUFFICIENT_FUNDS: FaultSpec(_USER, _END, 422, "The wallet balance is too low."),
    Code.RPC_UNREACHABLE: FaultSpec(_CHAIN, _RETRY, 503, "The chain could not be reached."),
    Code.SEND_UNCERTAIN: FaultSpec(_CHAIN, _ASK, 503, "The outcome of sending is unknown."),
    Code.NETWORK_CONGESTED: FaultSpec(_CHAIN, _RETRY, 503, "The network dropped the transaction."),
    Code.BLOCKHASH_EXPIRED: FaultSpec(_CHAIN, _REQUOTE, 503, "The blockhash was too old."),
    Code.TRANSACTION_REFUSED: FaultSpec(
        _ENGINE, _END, 500, "The chain cannot read the transaction."
    ),
    Code.ATTEMPT_LAPSED: FaultSpec(
        _CHAIN, _REQUOTE, 503, "The transaction did not land while it was valid."
    ),
    Code.LIMIT_NOT_MET: FaultSpec(
        _VENUE, _REQUOTE, 422, "The best route is worse than the limit price."
    ),
    Code.NOT_FILLED_AT_ONCE: FaultSpec(
        _VENUE, _END, 422, "The order was to be filled at once, and was not."
    ),
    Code.TRIGGER_ALREADY_MET: FaultSpec(
        _USER, _END, 422, "The price that would start the order is met already."
    ),
    Code.PRICE_INVERTED: FaultSpec(
        _USER, _END, 422, "A price is far from the market, and its inverse is near."
    ),
    Code.INVALID_PRICE: FaultSpec(
        _USER, _END, 400, "A price is a positive decimal number of at most 40 digits."
    ),
    Code.VALUE_OUT_OF_RANGE: FaultSpec(
        _USER, _END, 422, "A value is outside the range of its field."
    ),
    Code.NOT_WAITING: FaultSpec(_USER, _END, 409, "The order waits for no price and no time."),
    Code.TOO_LATE: FaultSpec(
        _USER, _END, 409, "The order has ended, was cancelled, or is past its deadline."
    ),
    Code.MOVED_ON: FaultSpec(
        _USER, _END, 409, "Something happened to the order after the event in `ifSeq`."
    ),
    Code.ATTEMPT_IN_FLIGHT: FaultSpec(
        _USER, _END, 409, "A transaction is in flight, so the level is past; nothing was changed."
    ),
    Code.ALREADY_TRIGGERED: FaultSpec(
        _USER, _END, 409, "The order was triggered, so the level is past; nothing was changed."
    ),
    Code.RESTING_FULL: FaultSpec(
        _ENGINE, _RETRY, 503, "Too many orders wait for a price; try again later."
    ),
    Code.TURN_FAILED: FaultSpec(_ENGINE, _END, 500, "The engine failed three times on this order."),
    Code.WRITTEN_OFF: FaultSpec(
        _CHAIN,
        _ASK,
        503,
        "An operator wrote the transaction off because its outcome cannot be proven.",
    ),
}


class Fault(msgspec.Struct, frozen=True, gc=False):
    """A fault: its code, and a sentence about this case.

    `field` names the invalid field of a request, in the client's spelling.
    """

    code: Code
    message: str
    field: str | None = None

    @property
    def blame(self) -> Origin:
        """Who has to act."""
        return CATALOGUE[self.code].blame

    @property
    def remedy(self) -> Remedy:
        """What the engine may do next."""
        return CATALOGUE[self.code].remedy

    @property
    def status(self) -> int:
        """The HTTP status of a request that is rejected with this fault."""
        return CATALOGUE[self.code].status


def fault(code: Code, message: str = "", field: str | None = None) -> Fault:
    """Return a fault; without a message it has the sentence of the catalogue."""
    return Fault(code, message or CATALOGUE[code].sentence, field)


class RequestRejected(Exception):
    """A request is rejected, with all reasons that were found."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(problem.message for problem in faults))
        self.faults = faults
