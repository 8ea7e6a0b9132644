"""States what the engine needs to sign: message bytes in, a transaction out."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cambist.values.ids import Address, Signature


class SignedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A message with its signature, ready to send."""

    signature: Signature
    transaction: bytes


class Signer(Protocol):
    """Whoever holds the key. Signing the same message again gives the same bytes."""

    @property
    def address(self) -> Address:
        """The wallet that orders without one trade for."""

    async def sign(self, message: bytes) -> SignedTransaction:
        """Sign a message. Raises PortUnavailable when the signer does not answer."""
