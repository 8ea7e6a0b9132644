"""Writes a swap as the message of a paper transaction, signs it, and reads it back.

A transaction is 64 signature bytes followed by the message. Paper has no keys: whoever holds the
message can sign for its wallet, and everyone can check that message and signature belong together.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b, sha512
from typing import Annotated, Final

import msgspec

from cambist.ports.chain import Blockhash, SwapRequest
from cambist.values.amount import RAW_MAX, RawAmount
from cambist.values.base58 import decode, encode, read_address
from cambist.values.costs import Costs
from cambist.values.ids import Address, OrderId, Signature
from cambist.values.route import Leg, SwapMode
from cambist.values.time_units import Height

FEE_LAMPORTS: Final = 5_000
SIGNATURE_BYTES: Final = 64
HEIGHT_BYTES: Final = 8
SWAPS_MAX: Final = 12
TEXTS_REMEMBERED_MAX: Final = 8_192
MESSAGES_REMEMBERED_MAX: Final = 1_024
_KEY_ID: Final = b"cambist paper key\n"
_NAME_LETTERS_MAX: Final = 128
_ATTEMPTS_MAX: Final = 2**31 - 1
_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Name = Annotated[str, msgspec.Meta(max_length=_NAME_LETTERS_MAX)]
_HASH_BYTES: Final = 32 - HEIGHT_BYTES


def costs() -> Costs:
    """Return what any transaction costs here: the fee, no tip, and accounts that need no rent."""
    return Costs(RawAmount(FEE_LAMPORTS), RawAmount(0), RawAmount(0))


class OneSwap(msgspec.Struct, frozen=True, gc=False):
    """One swap in one pool, in raw units.

    `amount` is exact; for exact_in `bound` is the least amount out, for exact_out the greatest in.
    """

    program: str
    pool: Address
    mint_in: Address
    mint_out: Address
    mode: SwapMode
    amount: _Positive
    bound: _Positive


class PaperMessage(msgspec.Struct, frozen=True, gc=False):
    """What a paper transaction does: all of its swaps in turn, or nothing. The fee is lamports.

    `mint_in` is what it gives and `mint_out` what it takes, whatever lies between. `reference`
    names the order and the try, and decides which faults meet the transaction.
    """

    order_id: Annotated[OrderId, msgspec.Meta(max_length=_NAME_LETTERS_MAX)]
    attempt: Annotated[int, msgspec.Meta(ge=0, le=_ATTEMPTS_MAX)]
    wallet: Address
    mint_in: Address
    mint_out: Address
    swaps: Annotated[tuple[OneSwap, ...], msgspec.Meta(min_length=1, max_length=SWAPS_MAX)]
    blockhash: _Name
    # These bytes are signed and stored, so the field keeps the key it had from the start.
    reference: str = msgspec.field(name="draw")
    fee_lamports: _Positive = FEE_LAMPORTS


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(PaperMessage)


def compose(swap: SwapRequest, blockhash: Blockhash) -> bytes:
    """Return the message of a route's swaps."""
    route = swap.route
    if len(route.legs) == 1:
        (leg,) = route.legs
        exact_in = route.mode == "exact_in"
        amount = int(route.amount_in if exact_in else route.amount_out)
        swaps = [_one(leg, route.mode, amount, int(route.bound))]
    else:
        swaps = [
            _one(
                leg,
                leg.mode,
                int(leg.amount_in if leg.mode == "exact_in" else leg.amount_out),
                int(leg.bound),
            )
            for leg in route.legs
        ]
    return _encoder.encode(
        PaperMessage(
            swap.order_id,
            swap.attempt,
            swap.wallet,
            route.legs[0].mint_in,
            route.legs[-1].mint_out,
            tuple(swaps),
            blockhash.text,
            swap.reference,
        )
    )


def _one(leg: Leg, mode: SwapMode, amount: int, bound: int) -> OneSwap:
    return OneSwap(leg.program, leg.pool, leg.mint_in, leg.mint_out, mode, amount, bound)


@lru_cache(maxsize=MESSAGES_REMEMBERED_MAX)
def read(message: bytes) -> PaperMessage | None:
    """Return what a message says; None when it is none, or names what is no address or amount.

    It is simulated and sent in turn, so it is remembered.
    """
    try:
        found = _decoder.decode(message)
    except (ValueError, RecursionError):
        return None
    named = {found.wallet, found.mint_in, found.mint_out}
    for swap in found.swaps:
        named |= {swap.mint_in, swap.mint_out}
        if swap.amount > RAW_MAX or swap.bound > RAW_MAX:
            return None
    return found if all(map(_is_address, named)) else None


@lru_cache(maxsize=TEXTS_REMEMBERED_MAX)
def _is_address(text: str) -> bool:
    return read_address(text) is not None


def sign(message: bytes) -> bytes:
    """Return the 64 signature bytes of a message, always the same."""
    return sha512(_KEY_ID + message).digest()


def split_transaction(transaction: bytes) -> tuple[Signature, bytes] | None:
    """Return a transaction's signature and message; None when they do not belong together."""
    signature, message = transaction[:SIGNATURE_BYTES], transaction[SIGNATURE_BYTES:]
    return (signature_text(signature), message) if sign(message) == signature else None


@lru_cache(maxsize=TEXTS_REMEMBERED_MAX)
def signature_text(signature: bytes) -> Signature:
    """Return signature bytes in base58; signer and chain ask in turn, so it is remembered."""
    return Signature(encode(signature))


@lru_cache(maxsize=TEXTS_REMEMBERED_MAX)
def blockhash_text(seed: int, height: Height) -> str:
    """Return the blockhash of a height: 24 bytes of hash, then the height itself."""
    return encode(_blockhash(seed, height))


@lru_cache(maxsize=TEXTS_REMEMBERED_MAX)
def height_of(seed: int, blockhash: str) -> Height | None:
    """Return the height a blockhash was made at; None when this chain never made it."""
    data = decode(blockhash) or b""
    height = Height(int.from_bytes(data[_HASH_BYTES:], "big"))
    known = len(data) == _HASH_BYTES + HEIGHT_BYTES and data == _blockhash(seed, height)
    return height if known else None


def _blockhash(seed: int, height: Height) -> bytes:
    digest = blake2b(f"{seed}\nblockhash\n{height}".encode(), digest_size=_HASH_BYTES).digest()
    return digest + height.to_bytes(HEIGHT_BYTES, "big")
