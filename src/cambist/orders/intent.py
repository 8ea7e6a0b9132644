"""Holds what the user asked for; written once, never changed."""

from __future__ import annotations

from typing import Literal

import msgspec

from cambist.orders.terms import Terms
from cambist.values.amount import RawAmount
from cambist.values.ids import Address, Principal
from cambist.values.route import SwapMode
from cambist.values.token import Pair, Token

OrderKind = Literal["market", "limit", "take_profit", "stop"]
PriceBasis = Literal["pair", "buy", "sell"]


class Intent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One wish: give one token for another, at these terms.

    `amount` is raw units of the token given (exact_in) or taken (exact_out). `quoted` keeps how
    the user named the pair, since buyers and sellers of a symbol read prices per symbol.
    """

    kind: OrderKind
    principal: Principal
    pair: Pair
    mode: SwapMode
    amount: RawAmount
    terms: Terms
    quoted: PriceBasis = "pair"
    client_order_id: str | None = None
    wallet: Address | None = None
    user_id: str | None = None

    @property
    def waits_for_price(self) -> bool:
        """Whether the order rests until a price is met."""
        return self.kind != "market"

    @property
    def sized_token(self) -> Token:
        """The token the amount counts."""
        return self.pair.token_in if self.mode == "exact_in" else self.pair.token_out
