"""Lists every reason for which a pool or an amount is refused; the docs are printed from it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RejectReason(StrEnum):
    """Why a pool is not quoted: the name, and the sentence for people."""

    ACCOUNT_MISSING = "account_missing"
    WRONG_OWNER = "wrong_owner"
    WRONG_SIZE = "wrong_size"
    WRONG_KIND = "wrong_kind"
    OUT_OF_BOUNDS = "out_of_bounds"
    NOT_INITIALISED = "not_initialised"
    UNKNOWN_MINT_EXTENSION = "unknown_mint_extension"
    TRANSFER_HOOK = "transfer_hook"
    MINT_PAUSED = "mint_paused"
    FROZEN_BY_DEFAULT = "frozen_by_default"
    WRONG_TOKEN = "wrong_token"
    DISABLED = "disabled"
    NOT_OPEN_YET = "not_open_yet"
    AMOUNT_ZERO = "amount_zero"
    PAYS_NOTHING = "pays_nothing"
    DUST = "dust"
    NOT_ENOUGH_LIQUIDITY = "not_enough_liquidity"
    AMOUNT_OVERFLOWS = "amount_overflows"
    PRICE_LIMIT = "price_limit"
    NO_EXACT_OUT = "no_exact_out"
    NO_FEE_AT_ALL = "no_fee_at_all"
    NOT_DELIVERABLE = "not_deliverable"
    RELEASE_NOT_CHECKED = "release_not_checked"
    ORDER_BOOK = "order_book"
    ROUNDS_SHORT = "rounds_short"
    UNKNOWN_CURVE = "unknown_curve"
    TOO_FAR = "too_far"

    @property
    def sentence(self) -> str:
        """What it means."""
        return SENTENCES[self]


SENTENCES: Final[dict[RejectReason, str]] = {
    RejectReason.ACCOUNT_MISSING: (
        "An account that belongs to the pool is missing from the snapshot."
    ),
    RejectReason.WRONG_OWNER: "An account belongs to another program than the pool's.",
    RejectReason.WRONG_SIZE: "An account has not the number of bytes of its kind.",
    RejectReason.WRONG_KIND: "An account is of another kind than it should be.",
    RejectReason.OUT_OF_BOUNDS: (
        "A number in the pool's accounts is outside of what the program allows."
    ),
    RejectReason.NOT_INITIALISED: "The pool, or an account of it, is not initialised.",
    RejectReason.UNKNOWN_MINT_EXTENSION: "A mint has an extension whose effect is not known.",
    RejectReason.TRANSFER_HOOK: "A mint calls a program of its own at every transfer.",
    RejectReason.MINT_PAUSED: "A mint is paused: nobody can send its tokens.",
    RejectReason.FROZEN_BY_DEFAULT: "A mint freezes each new account until its issuer thaws it.",
    RejectReason.WRONG_TOKEN: "The pool does not hold the token given.",
    RejectReason.DISABLED: "The pool's owner switched swaps off.",
    RejectReason.NOT_OPEN_YET: "The pool is not open yet.",
    RejectReason.AMOUNT_ZERO: "The amount is zero.",
    RejectReason.PAYS_NOTHING: "The pool would pay nothing for so small an amount.",
    RejectReason.DUST: "The amount is so small that releases of the program round it differently.",
    RejectReason.NOT_ENOUGH_LIQUIDITY: "The pool holds less than the amount asked for.",
    RejectReason.AMOUNT_OVERFLOWS: "The pool cannot hold so large an amount.",
    RejectReason.PRICE_LIMIT: "The amount would push the price out of the pool's range.",
    RejectReason.NO_EXACT_OUT: "The program cannot be asked for an exact amount out.",
    RejectReason.NO_FEE_AT_ALL: (
        "The program's release divides by the fee rates, and they are all zero."
    ),
    RejectReason.NOT_DELIVERABLE: (
        "The transfer fee of a mint lets nobody receive exactly this amount."
    ),
    RejectReason.RELEASE_NOT_CHECKED: "The pool uses a feature that no self-check has proved here.",
    RejectReason.ORDER_BOOK: "A part of the pool lies in an order book, which is not read.",
    RejectReason.ROUNDS_SHORT: "The program's own rounding falls short of exactly this amount.",
    RejectReason.UNKNOWN_CURVE: "The pool runs on a curve whose arithmetic is not proved here.",
    RejectReason.TOO_FAR: (
        "The swap would go through more of the pool than one transaction can pay for."
    ),
}
