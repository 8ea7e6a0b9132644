"""Offers the paper world as a chain."""

from __future__ import annotations

from collections.abc import Sequence

from cambist.faults import Fault
from cambist.orders.attempt import Attempt, ChainRules, Fill, Witness
from cambist.paper import transaction as paper
from cambist.paper.endpoints import ask_all
from cambist.paper.world import World
from cambist.ports.chain import Blockhash, Swap, Trace
from cambist.values.costs import Costs
from cambist.values.ids import Signature
from cambist.values.route import Route
from cambist.values.time_units import Slot


class PaperChain:
    """The chain of a world in this process. Every method that asks may raise PortDown."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rules = world.profile.rules

    @property
    def rules(self) -> ChainRules:
        """The chain's own numbers."""
        return self._rules

    def costs(self, _route: Route, /) -> Costs:
        """Return what one attempt costs: any route the same."""
        return paper.costs()

    async def blockhash(self) -> Blockhash:
        """Return a recent blockhash."""
        return await self._world.blockhash()

    def compose(self, swap: Swap, blockhash: Blockhash) -> bytes:
        """Return the message to sign."""
        return paper.compose(swap, blockhash)

    async def simulate(self, message: bytes) -> Fault | None:
        """Return what the chain would refuse the message for now, or None."""
        return self._world.simulate(message)

    async def send(self, transaction: bytes) -> None:
        """Hand bytes to the network, once; sending them again is harmless."""
        self._world.send(transaction)

    async def ask(self, attempts: Sequence[Attempt]) -> tuple[tuple[Witness, ...], ...]:
        """Return what every endpoint says of each attempt."""
        questions = [(one.signature, one.blockhash) for one in attempts]
        return await ask_all(self._world, questions, self._rules.witnesses)

    async def traces(self, since: Slot, before: Signature | None, limit: int) -> tuple[Trace, ...]:
        """Return what was executed at a slot or later, newest first."""
        return self._world.traces(since, before, limit)

    async def receipt(self, signature: Signature) -> Fill | None:
        """Return what a landed transaction moved, or None when none landed."""
        return self._world.receipt(signature)
