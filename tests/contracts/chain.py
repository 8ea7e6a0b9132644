"""States what every chain must do, whoever is behind the port.

A test room subclasses `ChainContract` and gives a `network` fixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from cambist.faults import Code, Fault
from cambist.orders.attempt import Attempt, NodeObservation
from cambist.orders.intent import Intent
from cambist.orders.lapse_proof import prove_lapsed
from cambist.orders.terms import SLIPPAGE_DEFAULT_BPS, Terms
from cambist.ports.chain import Blockhash, Chain, SwapRequest
from cambist.ports.market import Market
from cambist.ports.signer import Signer
from cambist.routing.best_quote import choose
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL, OrderId
from cambist.values.route import Quote, Route, SwapMode
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC, Pair, Token

ONE_SOL = 10**9


class Network(Protocol):
    """A chain under test, with the hands that move its time and break its process."""

    @property
    def chain(self) -> Chain: ...

    @property
    def market(self) -> Market: ...

    @property
    def signer(self) -> Signer: ...

    async def pass_slots(self, count: int) -> None: ...

    async def restart(self) -> None: ...


async def find_route(
    network: Network,
    amount: int = ONE_SOL,
    mode: SwapMode = "exact_in",
    pair: tuple[Token, Token] = (SOL, USDC),
    slippage_bps: int = SLIPPAGE_DEFAULT_BPS,
) -> Route:
    """Return the best route of a market order."""
    market, wish = network.market, Pair(*pair)
    quotes: list[Quote] = []
    for venue in market.venues:
        for pool in await market.pools(venue, wish, "tester"):
            answer = pool.quote(wish.token_in.mint, mode, amount)
            if isinstance(answer, Quote):  # not every program sells exact amounts
                quotes.append(answer)
    intent = Intent("market", LOCAL, wish, mode, RawAmount(amount), Terms(Bps(slippage_bps)))
    route = choose(intent, quotes, ())
    assert isinstance(route, Route)
    return route


async def sign(
    network: Network, name: str, route: Route | None = None, blockhash: Blockhash | None = None
) -> Attempt:
    """Return an attempt that is signed and not sent."""
    route = route or await find_route(network)
    blockhash = blockhash or await network.chain.blockhash()
    swap = SwapRequest(OrderId(name), 1, network.signer.address, route, f"{name}/1")
    signed = await network.signer.sign(network.chain.build_message(swap, blockhash))
    return Attempt(
        1,
        signed.signature,
        blockhash.text,
        blockhash.last_valid_height,
        blockhash.slot,
        transaction=signed.transaction,
    )


async def ask(network: Network, *attempts: Attempt) -> list[NodeObservation]:
    """Return the first witness of each attempt."""
    return [answer[0] for answer in await network.chain.observe(attempts)]


def seen(witnesses: Sequence[NodeObservation]) -> list[str | None]:
    """Return how firmly each signature was seen."""
    return [
        None if observation.sighting is None else observation.sighting.commitment
        for observation in witnesses
    ]


class ChainContract:
    """What the engine rests on."""

    async def test_a_sent_transaction_lands_and_then_is_final(self, network: Network):
        attempt = await sign(network, "one")
        assert seen(await ask(network, attempt)) == [None]
        await network.chain.send(attempt.transaction)
        await network.pass_slots(1)
        assert seen(await ask(network, attempt)) == ["confirmed"]
        await network.pass_slots(network.chain.rules.finality_slots)
        assert seen(await ask(network, attempt)) == ["finalized"]

    async def test_a_receipt_keeps_the_bound_and_tells_what_moved(self, network: Network):
        for mode in ("exact_in", "exact_out"):
            route = await find_route(network, 10**6, mode)
            attempt = await sign(network, mode, route)
            assert await network.chain.fetch_fill(attempt.signature) is None
            await network.chain.send(attempt.transaction)
            await network.pass_slots(1)
            fill = await network.chain.fetch_fill(attempt.signature)
            assert fill is not None
            if mode == "exact_in":
                assert fill.amount_in == 10**6
                assert fill.amount_out >= route.bound
            else:
                assert fill.amount_out == 10**6
                assert fill.amount_in <= route.bound

    async def test_a_transaction_executes_once_however_often_it_is_sent(self, network: Network):
        attempt = await sign(network, "one")
        for _ in range(3):
            await network.chain.send(attempt.transaction)
        await network.pass_slots(1)
        fill = await network.chain.fetch_fill(attempt.signature)
        assert fill is not None
        for _ in range(3):
            await network.chain.send(attempt.transaction)
            await network.pass_slots(1)
        await network.restart()
        await network.chain.send(attempt.transaction)
        await network.pass_slots(2)
        assert await network.chain.fetch_fill(attempt.signature) == fill
        witness = (await ask(network, attempt))[0]
        assert witness.sighting is not None
        assert witness.sighting.slot == fill.slot

    async def test_what_was_told_survives_a_restart(self, network: Network):
        attempts = [await sign(network, f"order {n}") for n in range(3)]
        for attempt in attempts:
            await network.chain.send(attempt.transaction)
        await network.pass_slots(1)
        before = [await network.chain.fetch_fill(one.signature) for one in attempts]
        told = await ask(network, *attempts)
        await network.restart()
        assert [await network.chain.fetch_fill(one.signature) for one in attempts] == before
        after = await ask(network, *attempts)
        assert None not in seen(after)
        assert after[0].height >= told[0].height

    async def test_a_transaction_lapses_after_its_window_and_never_lands(self, network: Network):
        rules = network.chain.rules
        attempt, late = await sign(network, "one"), await sign(network, "late")
        await network.chain.send(attempt.transaction)
        await network.pass_slots(rules.blockhash_window + 1)
        await network.chain.send(late.transaction)
        await network.pass_slots(rules.finality_slots)
        witnesses = await ask(network, attempt, late)
        assert seen(witnesses) == ["finalized", None]
        assert prove_lapsed(late, witnesses[1:], rules) is None
        await network.pass_slots(rules.lapse_margin + 1)
        witnesses = await ask(network, late)
        assert prove_lapsed(late, witnesses, rules) == tuple(witnesses)
        await network.restart()
        await network.chain.send(late.transaction)
        await network.pass_slots(3)
        assert seen(await ask(network, late)) == [None]

    async def test_a_transaction_cannot_land_past_its_last_valid_height(self, network: Network):
        attempt = await sign(network, "one")
        await network.pass_slots(network.chain.rules.blockhash_window)
        await network.chain.send(attempt.transaction)
        await network.pass_slots(2)
        assert seen(await ask(network, attempt)) == [None]

    async def test_what_was_executed_can_be_told_for_ever(self, network: Network):
        first = (await network.chain.blockhash()).slot
        attempts = []
        for name in ("one", "two", "three"):
            attempts.append(await sign(network, name))
            await network.chain.send(attempts[-1].transaction)
            await network.pass_slots(2)
        bad = await sign(network, "bad", await _better(network))
        await network.chain.send(bad.transaction)
        await network.pass_slots(2)
        await network.restart()
        whole = await network.chain.executed_since(first, None, 10)
        wanted = [bad, *reversed(attempts)]
        assert [one.signature for one in whole] == [one.signature for one in wanted]
        assert [one.failed for one in whole] == [True, False, False, False]
        assert [one.order_id for one in whole] == ["bad", "three", "two", "one"]
        assert {one.attempt for one in whole} == {1}
        assert [one.slot for one in whole] == sorted((one.slot for one in whole), reverse=True)
        paged = await network.chain.executed_since(first, None, 1)
        while len(paged) < len(whole):
            paged += await network.chain.executed_since(first, paged[-1].signature, 1)
        assert paged == whole
        assert not await network.chain.executed_since(first, paged[-1].signature, 1)
        assert await network.chain.executed_since(whole[1].slot, None, 10) == whole[:2]
        assert not await network.chain.executed_since(Slot(whole[0].slot + 1), None, 10)

    async def test_no_height_is_ever_taken_back(self, network: Network):
        attempt, before = await sign(network, "one"), []
        for _ in range(4):
            height = (await network.chain.blockhash()).last_valid_height
            witness = (await ask(network, attempt))[0]
            before.append((height, witness.height, witness.slot, witness.context_slot))
            await network.pass_slots(3)
            await network.restart()
        assert before == sorted(before)

    async def test_a_message_is_refused_before_it_costs_anything(self, network: Network):
        chain = network.chain
        route = await find_route(network)
        old = await chain.blockhash()

        async def objection(route: Route, blockhash: Blockhash) -> Code | None:
            swap = SwapRequest(OrderId("one"), 1, network.signer.address, route, "one/1")
            why = await chain.simulate(chain.build_message(swap, blockhash))
            return None if why is None else why.code

        assert await objection(route, old) is None
        assert await objection(await _better(network), old) is Code.SLIPPAGE_EXCEEDED
        assert await objection(await _beyond_means(network), old) is Code.INSUFFICIENT_FUNDS
        await network.pass_slots(chain.rules.blockhash_window + 1)
        assert await objection(route, old) is Code.BLOCKHASH_EXPIRED
        broken = await chain.simulate(b"no message")
        assert broken is not None
        assert broken.code is Code.TRANSACTION_REFUSED

    async def test_a_swap_below_its_bound_moves_nothing_and_says_why(self, network: Network):
        attempt = await sign(network, "one", await _better(network))
        await network.chain.send(attempt.transaction)
        await network.pass_slots(1)
        sighting = (await ask(network, attempt))[0].sighting
        assert sighting is not None
        assert isinstance(sighting.fault, Fault)
        assert sighting.fault.code is Code.SLIPPAGE_EXCEEDED
        assert await network.chain.fetch_fill(attempt.signature) is None

    async def test_the_same_message_always_has_the_same_bytes(self, network: Network):
        route, blockhash = await find_route(network), await network.chain.blockhash()
        first = await sign(network, "one", route, blockhash)
        again = await sign(network, "one", route, blockhash)
        other = await sign(network, "two", route, blockhash)
        assert first == again
        assert first.signature != other.signature


async def _better(network: Network) -> Route:
    """Return a route whose bound no pool keeps."""
    route = await find_route(network)
    return replace(route, bound=RawAmount(route.amount_out * 2))


async def _beyond_means(network: Network) -> Route:
    """Return a route that gives more than a wallet holds."""
    return replace(
        await find_route(network), amount_in=RawAmount(10**6 * ONE_SOL + 1), bound=RawAmount(1)
    )
