"""Parses the fields of an order request, under all their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from cambist.faults import Code
from cambist.values.base58 import read_address
from cambist.values.ids import Address
from cambist.values.token import read_symbol
from cambist.wire.decimals import is_negative, is_number, read_decimal, read_whole
from cambist.wire.json_body import JsonValue, NumberLiteral
from cambist.wire.rfc3339 import MOMENT_FORM, read_moment

CLIENT_ORDER_ID_MAX: Final = 64
KEY_MAX: Final = 255
QUOTE_DEFAULT: Final = "USDC"
ADDRESSES_KEPT: Final = 4_096
ADDRESS_TEXT_MAX: Final = 44
CONFIRM_SLOTS_MAX: Final = 20
LADDER_STEPS_MAX: Final = 8
_PRINTABLE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)

_OUT_OF_LIMITS: Final = "An amount is {}, with 20 digits before the point and 18 after it at most."

Reader = Callable[[JsonValue], str]


class InvalidField(Exception):
    """A value that cannot stand in its field, with the code and the reason."""

    def __init__(self, code: Code, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_text(value: JsonValue) -> str:
    """Return the value if it is a JSON string. Raises InvalidField."""
    if not isinstance(value, str) or isinstance(value, NumberLiteral):
        raise InvalidField(Code.WRONG_TYPE, "This field must be a string.")
    return value


@lru_cache(maxsize=ADDRESSES_KEPT)
def _read_short(text: str) -> Address | None:
    return read_address(text)


def _address(text: str) -> Address | None:
    """Read an address; those read lately are remembered, for decoding one takes its time."""
    return _read_short(text) if len(text) <= ADDRESS_TEXT_MAX else None


def one_of(*words: str) -> Reader:
    """Return a reader of one word of a list, in any case."""

    def read(value: JsonValue) -> str:
        word = read_text(value).lower()
        if word not in words:
            raise InvalidField(Code.INVALID_VALUE, f"This field takes {' or '.join(words)}.")
        return word

    return read


def read_token(value: JsonValue) -> str:
    """Return a symbol in capitals, or a mint. Raises InvalidField."""
    text = read_text(value)
    token = read_symbol(text) or _address(text)
    if token is None:
        raise InvalidField(
            Code.INVALID_TOKEN, "A token is a symbol (SOL) or a mint (base58, 32 bytes)."
        )
    return token


def read_pair(value: JsonValue) -> str:
    """Return `SOL` and `SOL/USDC` alike as base and quote with a stroke. Raises InvalidField."""
    base, stroke, quote = read_text(value).partition("/")
    return f"{read_token(base)}/{read_token(quote) if stroke else QUOTE_DEFAULT}"


def read_amount(value: JsonValue) -> str:
    """Return whole tokens as a canonical decimal greater than zero. Raises InvalidField."""
    return _positive(value, read_decimal(value), "digits with at most one point, as in 1.5")


def read_raw(value: JsonValue) -> str:
    """Return base units as canonical digits, greater than zero. Raises InvalidField."""
    return _positive(value, read_whole(value), "digits only, in the token's smallest unit")


def _positive(value: JsonValue, read: str | None, form: str) -> str:
    if not isinstance(value, str):
        raise InvalidField(Code.WRONG_TYPE, "An amount must be a string or a number.")
    if read == "0" or (read is None and is_negative(value)):
        raise InvalidField(Code.NOT_POSITIVE)
    if read is None and is_number(value):
        raise InvalidField(Code.INVALID_AMOUNT, _OUT_OF_LIMITS.format(form))
    if read is None:
        raise InvalidField(Code.INVALID_AMOUNT, f"An amount is {form}.")
    return read


def read_share(value: JsonValue) -> str:
    """Return a slippage, in whatever unit, as a canonical decimal. Raises InvalidField."""
    if not isinstance(value, str):
        raise InvalidField(Code.WRONG_TYPE, "A slippage is a number, or a string of one.")
    share = read_decimal(value)
    if share is None:
        raise InvalidField(Code.INVALID_SLIPPAGE, "A slippage is digits with at most one point.")
    return share


def read_wallet(value: JsonValue) -> str:
    """Return a wallet's address. Raises InvalidField."""
    address = _address(read_text(value))
    if address is None:
        raise InvalidField(Code.INVALID_ADDRESS)
    return address


def read_uuid(value: JsonValue) -> str:
    """Return a UUID in small letters. Raises InvalidField."""
    text = read_text(value).lower()
    if not _UUID.fullmatch(text):
        raise InvalidField(Code.INVALID_VALUE, "This field must be a UUID.")
    return text


def read_client_order_id(value: JsonValue) -> str:
    """Return the client's own name for the order. Raises InvalidField."""
    text = read_text(value)
    if not is_key(text, CLIENT_ORDER_ID_MAX):
        limit = f"1 to {CLIENT_ORDER_ID_MAX} printable ASCII characters"
        raise InvalidField(Code.INVALID_KEY, f"A client order id is {limit}.")
    return text


def is_key(text: str, length_max: int = KEY_MAX) -> bool:
    """Whether a text may be an idempotency key: printable ASCII, no blank at either end."""
    return len(text) <= length_max and _PRINTABLE.fullmatch(text) is not None


def read_instant(value: JsonValue) -> str:
    """Return an instant as digits: milliseconds since the epoch. Raises InvalidField."""
    at = read_moment(read_text(value))
    if at is None:
        raise InvalidField(Code.INVALID_VALUE, f"An instant is {MOMENT_FORM}.")
    return str(at)


def read_price(value: JsonValue) -> str:
    """Return a price as a canonical decimal greater than zero. Raises InvalidField."""
    if not isinstance(value, str):
        raise InvalidField(Code.WRONG_TYPE, "A price is a number, or a string of one.")
    price = read_decimal(value)
    if price == "0" or (price is None and is_negative(value)):
        raise InvalidField(Code.NOT_POSITIVE, "A price must be greater than zero.")
    if price is None:
        raise InvalidField(Code.INVALID_PRICE)
    return price


def read_slots(value: JsonValue) -> str:
    """Return a number of slots, 1 to 20. Raises InvalidField."""
    slots = read_whole(value)
    if slots is None:
        raise InvalidField(Code.WRONG_TYPE, "A number of slots is a whole number.")
    if not 1 <= int(slots) <= CONFIRM_SLOTS_MAX:
        limits = f"A price is confirmed by 1 to {CONFIRM_SLOTS_MAX} slots."
        raise InvalidField(Code.VALUE_OUT_OF_RANGE, limits)
    return slots


def read_ladder(value: JsonValue) -> str:
    """Return rising basis points, separated by commas. Raises InvalidField."""
    if not isinstance(value, list):
        raise InvalidField(Code.WRONG_TYPE, "A slippage ladder is a list of basis points.")
    steps = [read_whole(step) for step in value]
    if None in steps or not steps or len(steps) > LADDER_STEPS_MAX:
        form = f"A slippage ladder has 1 to {LADDER_STEPS_MAX} steps, whole basis points each."
        raise InvalidField(Code.INVALID_SLIPPAGE, form)
    numbers = [int(step) for step in steps if step is not None]
    if numbers[0] < 1 or any(later <= step for step, later in pairwise(numbers)):
        raise InvalidField(Code.VALUE_OUT_OF_RANGE, "The steps of a slippage ladder must rise.")
    return ",".join(map(str, numbers))


def read_flag(value: JsonValue) -> str:
    """Return `true`, or an empty text for false. Raises InvalidField."""
    if not isinstance(value, bool):
        raise InvalidField(Code.WRONG_TYPE, "This field is true or false.")
    return "true" if value else ""


class Field(NamedTuple):
    """What a field's name stands for, and how its value is read."""

    thing: str
    read: Reader


_KIND: Final = Field(
    "kind",
    one_of("market", "limit", "stop", "take_profit", "trailing_stop", "sniper", "twap", "dca"),
)
_SIZE: Final = Field("size", read_amount)

FIELDS: Final[dict[str, Field]] = {
    "type": _KIND,
    "orderType": _KIND,
    "tokenIn": Field("token_in", read_token),
    "tokenOut": Field("token_out", read_token),
    "symbol": Field("symbol", read_pair),
    "side": Field("side", one_of("buy", "sell")),
    "amount": _SIZE,
    "quantity": _SIZE,
    "amountIn": Field("size_in", read_amount),
    "amountOut": Field("size_out", read_amount),
    "amountRaw": Field("raw", read_raw),
    "amountInRaw": Field("raw_in", read_raw),
    "amountOutRaw": Field("raw_out", read_raw),
    "slippage": Field("slippage", read_share),
    "slippageTolerance": Field("slippageTolerance", read_share),
    "slippageBps": Field("slippageBps", read_share),
    "slippageUnit": Field("slippageUnit", one_of("percent", "fraction", "bps")),
    "walletAddress": Field("wallet", read_wallet),
    "userId": Field("user_id", read_uuid),
    "clientOrderId": Field("client_order_id", read_client_order_id),
    "timeInForce": Field("time_in_force", one_of("gtc", "gtd", "ioc", "fok")),
    "expiresAt": Field("deadline", read_instant),
    "urgency": Field("urgency", one_of("normal", "fast")),
    "limitPrice": Field("limit_price", read_price),
    "triggerPrice": Field("trigger_price", read_price),
    "targetPrice": Field("target_price", read_price),
    "confirmSlots": Field("confirm_slots", read_slots),
    "slippageLadderBps": Field("ladder", read_ladder),
    "startAt": Field("start_at", read_instant),
    "onMet": Field("on_met", one_of("fire")),
    "acceptFarPrice": Field("accept_far_price", read_flag),
}

LATER_FIELDS: Final = frozenset(
    (
        "trailBps", "activationPrice", "minFill", "fill", "replaces", "slices", "intervalSeconds",
        "amountPerSlice", "until", "minLiquidity", "maxPoolAgeSeconds", "venues", "excludeVenues",
        "priorityFee", "group", "onFill",
    )
)  # fmt: skip
LATER_VALUES: Final = {
    "kind": frozenset(("trailing_stop", "sniper", "twap", "dca")),
    "time_in_force": frozenset(("ioc",)),
    "urgency": frozenset(("fast",)),
}
