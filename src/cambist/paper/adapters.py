"""Offers the paper network as the ports of the engine: Chain, Market, Signer, endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from cambist.faults import Fault
from cambist.orders.attempt import Attempt, ChainParameters, Fill, NodeObservation
from cambist.paper import transaction_codec as paper
from cambist.paper.fault_model import BLOCKHASH_WINDOW, delay_ms, occurs, random_bits
from cambist.paper.network import PaperNetwork
from cambist.paper.pool_states import VENUES
from cambist.paper.tokens import HUBS, LISTED, listed_token, token
from cambist.ports.chain import Blockhash, ExecutedTransaction, SwapRequest
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.signer import SignedTransaction
from cambist.values.base58 import encode
from cambist.values.costs import Costs
from cambist.values.ids import Address, Signature
from cambist.values.route import Route
from cambist.values.time_units import Height, Slot
from cambist.values.token import Pair, Token
from cambist.venues.pool import Pool


class PaperChain:
    """The chain of a network in this process. Every method that asks may raise PortUnavailable."""

    def __init__(self, network: PaperNetwork) -> None:
        self._network = network
        self._rules = network.profile.rules

    @property
    def rules(self) -> ChainParameters:
        """The chain's own numbers."""
        return self._rules

    def costs(self, _route: Route, /) -> Costs:
        """Return what one attempt costs: any route the same."""
        return paper.costs()

    async def blockhash(self) -> Blockhash:
        """Return a recent blockhash."""
        return await self._network.blockhash()

    def build_message(self, swap: SwapRequest, blockhash: Blockhash) -> bytes:
        """Return the message to sign."""
        return paper.compose(swap, blockhash)

    async def simulate(self, message: bytes) -> Fault | None:
        """Return what the chain would refuse the message for now, or None."""
        return self._network.simulate(message)

    async def send(self, transaction: bytes) -> None:
        """Hand bytes to the network, once; sending them again is harmless."""
        self._network.send(transaction)

    async def observe(self, attempts: Sequence[Attempt]) -> tuple[tuple[NodeObservation, ...], ...]:
        """Return what every endpoint says of each attempt."""
        questions = [(attempt.signature, attempt.blockhash) for attempt in attempts]
        return await ask_all(self._network, questions, self._rules.observers_required)

    async def executed_since(
        self, since: Slot, before: Signature | None, limit: int
    ) -> tuple[ExecutedTransaction, ...]:
        """Return what was executed at a slot or later, newest first."""
        return self._network.executed_since(since, before, limit)

    async def fetch_fill(self, signature: Signature) -> Fill | None:
        """Return what a landed transaction moved, or None when none landed."""
        return self._network.fetch_fill(signature)


class PaperMarket:
    """The market of a network in this process."""

    venues = VENUES
    tokens = LISTED
    hubs = HUBS

    def __init__(self, network: PaperNetwork, clock: Clock, *, makes_up: bool = True) -> None:
        self._network = network
        self._clock = clock
        self._find = token if makes_up else listed_token

    def token(self, name: str) -> Token | None:
        """Return the token of a symbol or a mint; unlisted ones are made up, or refused."""
        return self._find(name)

    def cached_pools(self, venue: str, pair: Pair) -> Sequence[Pool] | None:
        """Return a venue's pools where the profile has no quote delay and the slot may be shown."""
        network = self._network
        if (
            network.profile.quote_ms is not None
            or not network.has_durable_height
            or not network.weather.is_empty
        ):
            return None
        return self._network.pools(venue, pair)

    async def pools(self, venue: str, pair: Pair, reference: str) -> Sequence[Pool]:
        """Ask a venue for its pools of a pair. Raises PortUnavailable."""
        network, key = self._network, f"{venue}\n{reference}"
        span, weather = network.profile.quote_ms, network.weather
        if occurs(network.seed, "busy", key, weather.busy_ppm):
            msg = f"{venue} answers 429: too many requests"
            raise PortUnavailable(msg)
        if span is not None:
            await self._clock.sleep(delay_ms(network.seed, "quote_delay", key, span))
        error_ppm = max(network.profile.quote_error_ppm, weather.quote_error_ppm)
        if occurs(network.seed, "quote_error", key, error_ppm):
            msg = f"{venue} gave no answer"
            raise PortUnavailable(msg)
        await network.durable_height()
        return network.pools(venue, pair)


def wallet_of(seed: int) -> Address:
    """Return the wallet that orders without one trade for."""
    return Address(encode(sha256(f"cambist paper wallet\n{seed}".encode()).digest()))


class PaperSigner:
    """A signer for every wallet of one paper network."""

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


SECOND: Final = "paper-2"
_AHEAD: Final = 3 * BLOCKHASH_WINDOW


async def ask_all(
    network: PaperNetwork, questions: Sequence[tuple[Signature, str]], endpoints: int
) -> tuple[tuple[NodeObservation, ...], ...]:
    """Return what each endpoint says of each signature and its blockhash.

    Raises PortUnavailable.
    """
    honest = await network.observations(questions)
    if endpoints == 1:
        return tuple([(answer,) for answer in honest])
    return tuple(
        (answer, _second(network, signature, answer))
        for (signature, _), answer in zip(questions, honest, strict=True)
    )


def _second(
    network: PaperNetwork, signature: Signature, honest: NodeObservation
) -> NodeObservation:
    """Answer for the second endpoint, which says the same, or one of two lies.

    Amnesia: it never saw the transaction. Or worse: the chain is far past its last height, too,
    which would prove by itself that it can never land.
    """
    same = replace(honest, endpoint=SECOND)
    if not occurs(network.seed, "lie", signature, network.weather.lie_ppm):
        return same
    forgetful = replace(same, sighting=None)
    if random_bits(network.seed, "lie", f"{signature}\nkind") & 1:
        return forgetful
    slot = Slot(honest.slot + _AHEAD)
    return replace(
        forgetful,
        slot=slot,
        height=Height(honest.height + _AHEAD),
        context_slot=slot,
        blockhash_valid=False,
    )
