"""Describes request bodies: their schema and examples."""

from __future__ import annotations

from typing import Any, Final

from cambist.wire.amend_request import AMENDABLE, EXPIRES_AT, IF_SEQ
from cambist.wire.order_fields import (
    CLIENT_ORDER_ID_MAX,
    CONFIRM_SLOTS_MAX,
    FIELDS,
    LADDER_STEPS_MAX,
    LATER_FIELDS,
)

SOL_MINT: Final = "So11111111111111111111111111111111111111112"
USDC_MINT: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
WALLET: Final = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"

_SUMMARIES: Final = {
    "pair": "Sell an exact amount: give 1.5 SOL, take USDC",
    "number": "The amount as a JSON number, under the plain name",
    "exact_out": "Buy an exact amount: give as much SOL as 150 USDC cost",
    "symbol_sell": "Sell by symbol, against USDC",
    "symbol_buy": "Buy by symbol: 5 AAPL, paid in USDC",
    "symbol_pair": "A symbol with its quote token",
    "mints": "Tokens by mint",
    "raw_in": "The amount in the token's smallest unit",
    "raw_out": "An exact amount out, in the token's smallest unit",
    "slippage_bps": "Tolerance in basis points: half a percent",
    "slippage_percent": "The same tolerance in percent",
    "slippage_fraction": "The same tolerance as a fraction",
    "slippage_unit": "The same tolerance, with its unit named",
    "client_order_id": "With a key of the client's own: asking again is harmless",
    "good_till_date": "With an instant past which it is not signed any more",
    "wallet": "For a wallet and a user",
    "limit": "Limit: sell 10 SOL once all of them bring at least 150 USDC each",
    "limit_buy": "Limit: buy 5 SOL once they cost at most 140 USDC each",
    "stop": "Stop: sell 10 SOL once they bring at most 140 USDC each, and not below 138",
    "take_profit": "Take-profit: sell 10 SOL once they bring at least 160 USDC each",
    "fok": "Fill or kill: all of it in one transaction, or nothing",
    "start_at": "Not before an instant",
}

ORDERS: Final[dict[str, dict[str, Any]]] = {
    "pair": {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"},
    "number": {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 0.25},
    "exact_out": {"tokenIn": "SOL", "tokenOut": "USDC", "amountOut": "150"},
    "symbol_sell": {"symbol": "SOL", "side": "sell", "quantity": 2},
    "symbol_buy": {"symbol": "AAPL", "side": "buy", "quantity": 5},
    "symbol_pair": {"symbol": "SOL/RAY", "side": "buy", "quantity": "0.75"},
    "mints": {"tokenIn": SOL_MINT, "tokenOut": USDC_MINT, "amountIn": "1"},
    "raw_in": {"tokenIn": "SOL", "tokenOut": "USDC", "amountInRaw": "1500000000"},
    "raw_out": {"tokenIn": "SOL", "tokenOut": "USDC", "amountOutRaw": "150000000"},
    "slippage_bps": {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", "slippageBps": 50},
    "slippage_percent": {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", "slippage": 0.5},
    "slippage_fraction": {
        "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", "slippageTolerance": "0.005",
    },
    "slippage_unit": {
        "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", "slippage": 50,
        "slippageUnit": "bps",
    },
    "client_order_id": {
        "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", "clientOrderId": "my-order-1",
    },
    "good_till_date": {
        "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", "timeInForce": "GTD",
        "expiresAt": "2035-01-31T12:00:00Z",
    },
    "wallet": {
        "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", "walletAddress": WALLET,
        "userId": "7f7b8a4e-4c1a-4b7e-9c39-0c0f3b7a5f10",
    },
    "limit": {
        "type": "limit", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "10",
        "limitPrice": "150",
    },
    "limit_buy": {
        "type": "limit", "symbol": "SOL", "side": "buy", "quantity": 5, "limitPrice": "140",
    },
    "stop": {
        "type": "stop", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "10",
        "triggerPrice": "140", "limitPrice": "138", "confirmSlots": 2,
        "slippageLadderBps": [50, 100, 300],
    },
    "take_profit": {
        "type": "take_profit", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "10",
        "triggerPrice": "160",
    },
    "fok": {
        "type": "limit", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "10",
        "limitPrice": "140", "timeInForce": "FOK",
    },
    "start_at": {
        "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1", "startAt": "2027-01-31T12:00:00Z",
    },
}  # fmt: skip


def order_examples() -> dict[str, Any]:
    """Return the examples with what each one shows."""
    return {name: {"summary": _SUMMARIES[name], "value": body} for name, body in ORDERS.items()}


def batch_examples() -> dict[str, Any]:
    """Return examples of many orders."""
    good = [ORDERS["pair"], ORDERS["symbol_buy"]]
    keyed = [{**one, "clientOrderId": f"rebalance-{n}"} for n, one in enumerate(good, 1)]
    return {
        "two": {"summary": "Two orders", "value": {"orders": good}},
        "keyed": {"summary": "Each with its own key", "value": {"orders": keyed}},
    }


Json = dict[str, Any]

_DECIMAL: Final = r"^(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$"
_MINT: Final = "[1-9A-HJ-NP-Za-km-z]{32,44}"
_TOKEN: Final = f"([A-Za-z0-9]{{1,16}}|{_MINT})"


def _amount(description: str, example: Any) -> Json:
    return {
        "description": description,
        "anyOf": [
            {"type": "string", "pattern": _DECIMAL},
            {"type": "number", "exclusiveMinimum": 0},
        ],
        "examples": [example],
    }


def _raw(description: str) -> Json:
    return {
        "description": description,
        "anyOf": [
            {"type": "string", "pattern": "^[0-9]{1,20}$"},
            {"type": "integer", "minimum": 1, "maximum": 2**64 - 1},
        ],
        "examples": ["1500000000"],
    }


def _words(meaning: str, *words: str) -> Json:
    return {"type": "string", "enum": list(words), "description": f"{meaning} In any case."}


def _text(pattern: str, description: str, example: str) -> Json:
    return {
        "type": "string",
        "pattern": pattern,
        "description": description,
        "examples": [example],
    }


_BY_THING: Final[dict[str, Json]] = {
    "kind": _words(
        "The kind of the order; `market` by default.", "market", "limit", "take_profit", "stop"
    ),
    "token_in": _text(f"^{_TOKEN}$", "The token given: a symbol or a mint.", "SOL"),
    "token_out": _text(f"^{_TOKEN}$", "The token taken: a symbol or a mint.", "USDC"),
    "symbol": _text(
        f"^{_TOKEN}(/{_TOKEN})?$", "The base token, against USDC or as base/quote.", "SOL/USDC"
    ),
    "side": _words("Whether `symbol` is bought or sold.", "buy", "sell"),
    "size": _amount("Whole tokens given, or of `symbol` where a side is named.", 1.5),
    "size_in": _amount("Whole tokens given; through a hub a little less.", "1.5"),
    "size_out": _amount("Whole tokens taken; through a hub a little more.", "150"),
    "raw": _raw("As `amount`, in base units."),
    "raw_in": _raw("As `amountIn`, in base units."),
    "raw_out": _raw("As `amountOut`, in base units."),
    "slippage": _amount("The tolerance in percent.", 0.5),
    "slippageTolerance": _amount("The tolerance as a fraction.", "0.005"),
    "slippageBps": {
        "description": "The tolerance in basis points.",
        "type": "integer",
        "minimum": 1,
        "maximum": 10_000,
        "examples": [50],
    },
    "slippageUnit": _words("Another unit for `slippage`.", "percent", "fraction", "bps"),
    "wallet": _text(
        f"^{_MINT}$", "The wallet to trade for.", "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"
    ),
    "user_id": {
        "type": "string",
        "format": "uuid",
        "description": "The user's UUID, kept with the order.",
        "examples": ["7f7b8a4e-4c1a-4b7e-9c39-0c0f3b7a5f10"],
    },
    "client_order_id": _text(
        f"^[!-~]([ -~]{{0,{CLIENT_ORDER_ID_MAX - 2}}}[!-~])?$",
        "The client's own name for the order, and its idempotency key.",
        "my-order-1",
    ),
    "time_in_force": _words(
        "`GTC` by default; `GTD` needs `expiresAt`; `FOK` trades all of it at once, or nothing.",
        "GTC",
        "GTD",
        "FOK",
    ),
    "deadline": {
        "type": "string",
        "format": "date-time",
        "description": "Past this the order is not signed any more.",
        "examples": ["2030-01-31T12:00:00Z"],
    },
    "limit_price": _amount(
        "The worst price that is ever traded: `tokenOut` for one whole `tokenIn`, or with `symbol` "
        "the quote token for one whole base token.",
        "150",
    ),
    "trigger_price": _amount(
        "The price that starts a stop or a take-profit; written as `limitPrice`.", "140"
    ),
    "target_price": _amount(
        "`limitPrice` of a limit order, `triggerPrice` of a stop or a take-profit.", "150"
    ),
    "confirm_slots": {
        "description": "How many slots in a row a price has to be met; 2 for a stop, else 1.",
        "type": "integer",
        "minimum": 1,
        "maximum": CONFIRM_SLOTS_MAX,
        "examples": [2],
    },
    "ladder": {
        "description": (
            "The tolerances of a stop in basis points, rising: each revert because of the bound "
            "moves it one step on."
        ),
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": 10_000},
        "minItems": 1,
        "maxItems": LADDER_STEPS_MAX,
        "examples": [[50, 100, 300]],
    },
    "start_at": {
        "type": "string",
        "format": "date-time",
        "description": "Before this nothing is observed, and nothing is traded.",
        "examples": ["2027-01-31T12:00:00Z"],
    },
    "on_met": _words("Take a stop or a take-profit whose price is met already.", "fire"),
    "accept_far_price": {
        "description": "Take a price that is far from the market as it is.",
        "type": "boolean",
        "examples": [True],
    },
    "urgency": _words("How fast it should land.", "normal"),
}


VARIANTS: Final = {
    "PairOrder": ("An order that names a pair: the token given and the token taken.",
                  ("tokenIn", "tokenOut")),
    "SidedOrder": ("An order that names a symbol and a side: what is bought or sold.",
                   ("symbol", "side")),
}  # fmt: skip
"""The forms of an order by name, so that generated clients have a type for each."""


def order_schemas() -> dict[str, Json]:
    """Return the schemas of an order body: one for each form, and the choice between them."""
    later = ", ".join(sorted(LATER_FIELDS))
    schemas: dict[str, Json] = {
        name: {
            "type": "object",
            "title": name,
            "description": f"{said} It has one size; two names of one thing must agree.",
            "properties": {name: _BY_THING[field.thing] for name, field in FIELDS.items()},
            "required": list(required),
            "additionalProperties": False,
        }
        for name, (said, required) in VARIANTS.items()
    }
    schemas["OrderRequest"] = {
        "description": (
            "A pair (tokenIn, tokenOut) or a symbol with its side, and one size. Two names of one "
            f"thing must agree. Not supported yet, and refused by name: {later}."
        ),
        "anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in VARIANTS],
        "examples": list(ORDERS.values()),
    }
    return schemas


def amend_schema() -> Json:
    """Return the schema of a change of an order."""
    properties: Json = {
        name: _BY_THING[field.thing] for name, field in FIELDS.items() if field.thing in AMENDABLE
    }
    deadline = properties[EXPIRES_AT]
    properties[EXPIRES_AT] = {
        **deadline,
        "type": ["string", "null"],
        "description": f"{deadline['description']} Null takes the deadline away.",
    }
    properties[IF_SEQ] = {
        "description": "The `seq` of the order's last event that the change was decided on.",
        "type": "integer",
        "minimum": 1,
        "examples": [2],
    }
    return {
        "type": "object",
        "description": "What to change of an order; what is not named stays as it is.",
        "properties": properties,
        "additionalProperties": False,
    }
