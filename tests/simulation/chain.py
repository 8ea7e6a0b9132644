"""Offers the endpoints to one process as its Chain port, over a network that loses and stalls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from cambist.faults import Code, Fault, fault
from cambist.orders.attempt import Attempt, ChainParameters, Fill, NodeObservation, SignatureStatus
from cambist.paper import transaction_codec as paper
from cambist.ports.chain import Blockhash, SwapRequest
from cambist.ports.errors import PortUnavailable
from cambist.values.costs import Costs
from cambist.values.ids import Signature
from cambist.values.route import Route
from cambist.values.time_units import Height, Slot
from tests.simulation.endpoints import Endpoint
from tests.simulation.fault_dice import Dice
from tests.simulation.ledger import Ledger, rules

SLOW_MS: Final = (200, 4_000)


class SimChain:
    """What a client of several endpoints does: asks all, and tells what each one said."""

    asks_status_first = False
    reads_processed = False

    def __init__(self, ledger: Ledger, endpoints: Sequence[Endpoint], dice: Dice) -> None:
        self._ledger, self._endpoints, self._dice = ledger, endpoints, dice
        self._rules = rules(len(endpoints))
        self.is_cut_off: Callable[[], bool] = lambda: False
        self.on_send: Callable[[bytes], None] = lambda _: None
        self.calls = 0

    @property
    def rules(self) -> ChainParameters:
        return self._rules

    def costs(self, _route: Route, /) -> Costs:
        return paper.costs()

    async def _call(self) -> None:
        """Go over the wire. Raises PortUnavailable."""
        self.calls += 1
        dice = self._dice
        slow = dice.hit("endpoint is slow")
        await asyncio.sleep(dice.between(*(SLOW_MS if slow else (2, 60))) / 1_000)
        if self.is_cut_off() or dice.hit("endpoint refuses"):
            raise PortUnavailable("429 Too Many Requests, or something that is not JSON")

    def _any(self) -> Endpoint:
        return self._endpoints[self._dice.chance.randrange(len(self._endpoints))]

    async def blockhash(self) -> Blockhash:
        await self._call()
        return self._any().blockhash()

    def build_message(self, swap: SwapRequest, blockhash: Blockhash) -> bytes:
        return paper.compose(swap, blockhash)

    async def simulate(self, message: bytes) -> Fault | None:
        await self._call()
        if not self._dice.hit("simulation refuses"):
            return None
        final = self._dice.chance.random() < 0.2
        return fault(Code.INSUFFICIENT_FUNDS if final else Code.BLOCKHASH_EXPIRED)

    async def send(self, transaction: bytes) -> None:
        self.on_send(transaction)
        await self._call()
        if not self._dice.hit("send is lost"):
            self._ledger.receive(transaction)
        if self._dice.hit("endpoint takes a send and times out"):
            await self._call()
            raise PortUnavailable("no answer in time")

    async def observe(self, attempts: Sequence[Attempt]) -> tuple[tuple[NodeObservation, ...], ...]:
        answers: list[list[NodeObservation]] = [[] for _ in attempts]
        async with asyncio.TaskGroup() as group:
            for endpoint in self._endpoints:
                group.create_task(self._ask(endpoint, attempts, answers))
        if attempts and not any(answers):
            raise PortUnavailable("no endpoint answered")
        return tuple(tuple(sorted(answer, key=lambda said: said.endpoint)) for answer in answers)

    async def _ask(
        self, endpoint: Endpoint, attempts: Sequence[Attempt], answers: list[list[NodeObservation]]
    ) -> None:
        """Ask one endpoint for its height, the blockhashes of what is late, and the statuses."""
        try:
            if self.asks_status_first:
                _, seen = await self._statuses(endpoint, attempts)
                slot, height = await self._epoch(endpoint)
                looked = await self._looked(endpoint, attempts, slot, height)
                context = slot
            else:
                slot, height = await self._epoch(endpoint)
                looked = await self._looked(endpoint, attempts, slot, height)
                context, seen = await self._statuses(endpoint, attempts)
            first = endpoint.first_slot
            for said, (valid, checked), sighting in zip(answers, looked, seen, strict=True):
                said.append(
                    NodeObservation(endpoint.name, slot, height, context, first, valid, sighting,
                    checked)
                )  # fmt: skip
        except PortUnavailable:
            return

    async def _looked(
        self, endpoint: Endpoint, attempts: Sequence[Attempt], slot: Slot, height: Height
    ) -> list[tuple[bool, Slot]]:
        """Return which blockhashes are good at finalized, and at which slot each was looked at.

        Before the statuses: a blockhash that expires after them says nothing of what they missed.
        """
        looked: list[tuple[bool, Slot]] = []
        for attempt in attempts:
            if height <= attempt.last_valid_height:
                looked.append((True, Slot(0)))
                continue
            await self._call()
            looked.append(endpoint.is_valid(attempt.blockhash, slot))
        return looked

    async def _epoch(self, endpoint: Endpoint) -> tuple[Slot, Height]:
        await self._call()
        return endpoint.epoch()

    async def _statuses(
        self, endpoint: Endpoint, attempts: Sequence[Attempt]
    ) -> tuple[Slot, list[SignatureStatus | None]]:
        await self._call()
        return endpoint.statuses([attempt.signature for attempt in attempts])

    async def fetch_fill(self, signature: Signature) -> Fill | None:
        await self._call()
        return self._any().receipt(signature, processed=self.reads_processed)
