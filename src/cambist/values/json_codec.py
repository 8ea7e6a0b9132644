"""Encodes values as JSON with amounts as text, and decodes them back unchanged."""

from __future__ import annotations

import re
from typing import Final, Generic, TypeVar

import msgspec

from cambist.values.amount import BIG_DIGITS_MAX, RAW_MAX, BigInt, RawAmount

T = TypeVar("T")
_RAW: Final = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)
_BIG: Final = re.compile(rf"0|[1-9][0-9]{{0,{BIG_DIGITS_MAX - 1}}}", re.ASCII)


def _write_amount(value: object) -> str:
    if isinstance(value, RawAmount | BigInt):
        return int.__repr__(value)
    msg = f"{type(value).__name__} has no JSON form"
    raise NotImplementedError(msg)


def _read_amount(kind: type, value: object) -> object:
    if kind is RawAmount and isinstance(value, str) and _RAW.fullmatch(value):
        raw = RawAmount(value)
        if raw <= RAW_MAX:
            return raw
    if kind is BigInt and isinstance(value, str) and _BIG.fullmatch(value):
        return BigInt(value)
    # Of all exceptions only ValueError and TypeError leave msgspec as a DecodeError.
    msg = f"this is no {kind.__name__}"
    raise ValueError(msg)


_encoder = msgspec.json.Encoder(enc_hook=_write_amount)


def encode(value: object) -> bytes:
    """Write a value as compact JSON; equal values give equal bytes."""
    return _encoder.encode(value)


class Decoder(Generic[T]):
    """Reads JSON that `encode` wrote, and raises msgspec.DecodeError on any other.

    msgspec itself raises RecursionError where values are nested some thousand levels deep, and
    UnicodeDecodeError where a text is no UTF-8.
    """

    __slots__ = ("_decoder",)

    def __init__(self, kind: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(kind, dec_hook=_read_amount)

    def decode(self, text: bytes | str | msgspec.Raw) -> T:
        """Return the value that a text stands for."""
        try:
            return self._decoder.decode(text)
        except RecursionError:
            raise msgspec.DecodeError("the JSON is nested too deeply") from None
        except UnicodeDecodeError as error:
            raise msgspec.DecodeError(str(error)) from None


def decoder(kind: type[T]) -> Decoder[T]:
    """Return a reader of JSON that `encode` wrote."""
    return Decoder(kind)
