"""Encodes values as JSON with amounts as text, and decodes them back unchanged."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from cambist.values.amount import Raw

T = TypeVar("T")


def _write_amount(value: object) -> str:
    if isinstance(value, Raw):
        return int.__repr__(value)
    msg = f"{type(value).__name__} has no JSON form"
    raise NotImplementedError(msg)


def _read_amount(kind: type, value: object) -> object:
    if kind is Raw and isinstance(value, str):
        return Raw(value)
    msg = f"{kind.__name__} has no JSON form"
    raise NotImplementedError(msg)


_encoder = msgspec.json.Encoder(enc_hook=_write_amount)


def encode(value: object) -> bytes:
    """Write a value as compact JSON; equal values give equal bytes."""
    return _encoder.encode(value)


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Return a reader of JSON that `encode` wrote; it raises msgspec.DecodeError on any other."""
    return msgspec.json.Decoder(kind, dec_hook=_read_amount)
