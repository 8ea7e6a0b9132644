"""Lists every field an order body may have, what it stands for, and what is still to come."""

from __future__ import annotations

from typing import Final, NamedTuple

from cambist.wire import fields as of
from cambist.wire.fields import Reader


class Field(NamedTuple):
    """What a field's name stands for, and how its value is read."""

    thing: str
    read: Reader


_KIND: Final = Field(
    "kind",
    of.one_of("market", "limit", "stop", "take_profit", "trailing_stop", "sniper", "twap", "dca"),
)
_SIZE: Final = Field("size", of.read_amount)

FIELDS: Final[dict[str, Field]] = {
    "type": _KIND,
    "orderType": _KIND,
    "tokenIn": Field("token_in", of.read_token),
    "tokenOut": Field("token_out", of.read_token),
    "symbol": Field("symbol", of.read_pair),
    "side": Field("side", of.one_of("buy", "sell")),
    "amount": _SIZE,
    "quantity": _SIZE,
    "amountIn": Field("size_in", of.read_amount),
    "amountOut": Field("size_out", of.read_amount),
    "amountRaw": Field("raw", of.read_raw),
    "amountInRaw": Field("raw_in", of.read_raw),
    "amountOutRaw": Field("raw_out", of.read_raw),
    "slippage": Field("slippage", of.read_share),
    "slippageTolerance": Field("slippageTolerance", of.read_share),
    "slippageBps": Field("slippageBps", of.read_share),
    "slippageUnit": Field("slippageUnit", of.one_of("percent", "fraction", "bps")),
    "walletAddress": Field("wallet", of.read_wallet),
    "userId": Field("user_id", of.read_uuid),
    "clientOrderId": Field("client_order_id", of.read_client_order_id),
    "timeInForce": Field("time_in_force", of.one_of("gtc", "gtd", "ioc", "fok")),
    "expiresAt": Field("deadline", of.read_instant),
    "urgency": Field("urgency", of.one_of("normal", "fast")),
}

LATER_FIELDS: Final = frozenset(
    (
        "limitPrice", "triggerPrice", "targetPrice", "trailBps", "slices", "intervalSeconds",
        "amountPerSlice", "until", "minLiquidity", "maxPoolAgeSeconds", "venues", "excludeVenues",
        "priorityFee", "group", "onFill",
    )
)  # fmt: skip
LATER_VALUES: Final = {
    "kind": frozenset(("limit", "stop", "take_profit", "trailing_stop", "sniper", "twap", "dca")),
    "time_in_force": frozenset(("ioc", "fok")),
    "urgency": frozenset(("fast",)),
}
