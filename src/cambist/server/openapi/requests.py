"""Lists example orders: one for each way of asking."""

from __future__ import annotations

from typing import Any, Final

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
