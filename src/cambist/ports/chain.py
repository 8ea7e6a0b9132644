"""States what the engine needs of a chain: build, send, and learn what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from cambist.faults import Fault
from cambist.orders.attempt import Attempt, ChainParameters, Fill, NodeObservation
from cambist.values.costs import Costs
from cambist.values.ids import Address, OrderId, Signature
from cambist.values.route import Route
from cambist.values.time_units import Height, Slot


class Blockhash(msgspec.Struct, frozen=True, gc=False):
    """A recent blockhash, the last height it is good for, and the slot it was read at."""

    text: str
    last_valid_height: Height
    slot: Slot


class SwapRequest(msgspec.Struct, frozen=True):
    """What a transaction is to do: a route for a wallet, on behalf of one attempt.

    `reference` names the order and the try. It lets a simulated chain repeat its faults.
    """

    order_id: OrderId
    attempt: int
    wallet: Address
    route: Route
    reference: str


class ExecutedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction of ours that the chain executed, from the record of the chain.

    `order_id` and `attempt` are read from its memo, where it has one; one that `failed` moved
    nothing but its fee.
    """

    signature: Signature
    slot: Slot
    order_id: OrderId | None = None
    attempt: int | None = None
    failed: bool = False


class Chain(Protocol):
    """The network. Every method that asks may raise PortUnavailable."""

    @property
    def rules(self) -> ChainParameters:
        """The chain's own numbers."""

    def costs(self, route: Route, /) -> Costs:
        """Return what one attempt of a route costs at most, whether or not it lands."""

    async def blockhash(self) -> Blockhash:
        """Return a recent blockhash."""

    def build_message(self, swap: SwapRequest, blockhash: Blockhash) -> bytes:
        """Return the message to sign."""

    async def simulate(self, message: bytes) -> Fault | None:
        """Return why the chain would reject the message now, or None."""

    async def send(self, transaction: bytes) -> None:
        """Send bytes to the network, once. Sending them again is harmless.

        Whatever it raises, the transaction may have been taken.
        """

    async def observe(self, attempts: Sequence[Attempt]) -> tuple[tuple[NodeObservation, ...], ...]:
        """Return what every endpoint says of each attempt, in the order given, in one call.

        Each endpoint is asked for its height first, then, of an attempt whose last height is past,
        whether its blockhash is good at finalized, and for the status last: a status read earlier
        would know nothing of what landed until the blockhash expired.
        """

    async def executed_since(
        self, since: Slot, before: Signature | None, limit: int
    ) -> tuple[ExecutedTransaction, ...]:
        """Return our transactions that were executed at a slot or later, newest first.

        With `before` those that came before that one; fewer than `limit` are the last.
        """

    async def fetch_fill(self, signature: Signature) -> Fill | None:
        """Return what a landed transaction moved, or None when it is not known yet."""
