"""Signs paper transactions: the same message always gives the same bytes, and there is no key."""

from __future__ import annotations

from hashlib import sha256

from cambist.paper import transaction as paper
from cambist.ports.signer import SignedTransaction
from cambist.values.base58 import encode
from cambist.values.ids import Address


def wallet_of(seed: int) -> Address:
    """Return the wallet that orders without one trade for."""
    return Address(encode(sha256(f"cambist paper wallet\n{seed}".encode()).digest()))


class PaperSigner:
    """A signer for every wallet of one paper world."""

    def __init__(self, seed: int) -> None:
        self._address = wallet_of(seed)

    @property
    def address(self) -> Address:
        """The wallet that orders without one trade for."""
        return self._address

    async def sign(self, message: bytes) -> SignedTransaction:
        """Sign a message."""
        signature = paper.sign(message)
        return SignedTransaction(paper.signature_text(signature), signature + message)
