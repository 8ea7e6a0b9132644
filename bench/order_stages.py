"""Lists the stages of one order and times each alone: what it costs, and how often it comes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.http_load import SWAPS
from bench.order_lifecycles import LIMITS, SEED, Bench, Life, finish, standing
from cambist.clock import Entropy
from cambist.coordination.memory import InMemoryEventBus
from cambist.engine.publisher import EventPublisher
from cambist.orders.events import Accepted
from cambist.orders.journal import start_journal
from cambist.orders.steps import RouteFound, TransactionBuilt
from cambist.paper import transaction_codec
from cambist.paper.adapters import wallet_of
from cambist.paper.chain_ledger import Ledger
from cambist.paper.fault_model import INSTANT
from cambist.paper.pool_models import POOL_MODELS
from cambist.paper.pool_states import VENUES, PoolState, PoolStates, pool_keys
from cambist.paper.swap_execution import Runtime
from cambist.ports.chain import SwapRequest
from cambist.routing.best_quote import choose
from cambist.stores.commands import InsertOrder, Write
from cambist.stores.sqlite.writer import SqliteBatchWriter
from cambist.values.ids import LOCAL, order_id
from cambist.values.route import Quote
from cambist.values.time_units import Height, Slot
from cambist.values.token import SOL, USDC
from cambist.wire.event_messages import message
from cambist.wire.intent_builder import SubmissionContext, to_intent
from cambist.wire.order_request import read_order
from cambist.wire.order_responses import acceptance_renderer

entropy = Entropy()

BATCH: Final = 64
"""How many orders a stage is given at once; where there is a commit, they share it."""
TIMES: Final = 15
_QUIET: Final = Slot(1_000)
_PUSH: Final = 100 * 10**9
_NAMES: Final = ("begin", "routed", "signed", "sent", "landed", "finalized")

Work = Callable[[], object]


class Stage(NamedTuple):
    """One stage: how often an order passes it, and what makes one batch of work.

    `prepare` is called for each repetition and is not timed.
    """

    name: str
    per_order: int
    prepare: Callable[[], Work]
    batch: int = BATCH


class Timing(NamedTuple):
    """The median cost of one passage, in microseconds."""

    name: str
    per_order: int
    us: float


def each(call: Callable[[int], object]) -> Callable[[], Work]:
    """Return a preparation that needs none: the same call for each number of a batch."""

    def work() -> None:
        for number in range(BATCH):
            call(number)

    return lambda: work


def time_stage(stage: Stage, times: int = TIMES) -> Timing:
    """Time a stage: the median of its repetitions, by the passage."""
    took: list[float] = []
    stage.prepare()()
    gc.collect()
    for _ in range(times):
        work = stage.prepare()
        begin = time.perf_counter_ns()
        work()
        took.append((time.perf_counter_ns() - begin) / 1e3 / stage.batch)
    return Timing(stage.name, stage.per_order, median(took))


async def time_all(folder: Path, times: int = TIMES) -> list[Timing]:
    """Time every stage on orders that live and die in the folder."""
    async with standing(folder) as bench:
        lives = await bench.lives(BATCH)
        stored = await _time_store(bench, folder, times)
        before = [*_intake(bench, lives), *_moves(bench, lives), *_world(bench, lives)]
        after = [*_sending(bench, lives, folder), *_news(lives)]
        return [
            *(time_stage(stage, times) for stage in before),
            *(time_stage(stage, times) for stage in (*after, *_paper_market())),
            *stored,
        ]


def _intake(bench: Bench, lives: Sequence[Life]) -> list[Stage]:
    parsed = [read_order(body) for body in SWAPS]
    intents = [bench.intent(number) for number in range(len(SWAPS))]
    orders, now = [life.new_order.event.order for life in lives], bench.clock.now()
    caller, venues, find = (
        SubmissionContext(LOCAL, now=now),
        bench.market.venues,
        bench.market.token,
    )
    return [
        Stage("parse the body", 1, each(lambda i: read_order(SWAPS[i % 2]))),
        Stage("body to intent", 1, each(lambda i: to_intent(parsed[i % 2], find, LIMITS, caller))),
        Stage(
            "open the journal, with an id",
            1,
            each(lambda i: start_journal(order_id(now, entropy()), Accepted(intents[i % 2]), now)),
        ),
        Stage("write the reply", 1, each(lambda i: acceptance_renderer(venues, ())(orders[i]))),
    ]


def _moves(bench: Bench, lives: Sequence[Life]) -> list[Stage]:
    def stage(at: int) -> Stage:
        steps = [(life.moves[at].move.before, life.moves[at].outcome) for life in lives]
        return Stage(f"decide and append: {_NAMES[at]}", 1, each(lambda i: bench.moved(*steps[i])))

    return [stage(at) for at in range(len(_NAMES))]


def _world(bench: Bench, lives: Sequence[Life]) -> list[Stage]:
    intents = [life.new_order.event.order.intent for life in lives]
    routed = [moved.outcome for life in lives for moved in life.moves]
    routes = [outcome.route for outcome in routed if isinstance(outcome, RouteFound)]
    attempts = [outcome.attempt for outcome in routed if isinstance(outcome, TransactionBuilt)]
    orders = [life.moves[0].move.after for life in lives]
    quotes = [route.quotes for route in routes]

    def quote(number: int) -> list[object]:
        intent, market = intents[number], bench.market
        return [
            pool.quote(intent.pair.token_in.mint, intent.mode, intent.amount)
            for venue in market.venues
            for pool in market.cached_pools(venue, intent.pair) or ()
        ]

    def sign(number: int) -> None:
        hash_now = finish(bench.chain.blockhash())
        order = orders[number]
        swap = SwapRequest(order.id, 1, bench.signer.address, routes[number], f"{entropy()}/1")
        text = bench.chain.build_message(swap, hash_now)
        finish(bench.chain.simulate(text))
        finish(bench.signer.sign(text))

    def ask() -> Work:
        return lambda: finish(bench.chain.observe(attempts))

    def choose_one(number: int) -> None:
        chosen: Sequence[Quote] = quotes[number]
        choose(intents[number], chosen, ())

    return [
        Stage("quote both pools", 1, each(quote)),
        Stage("choose the route", 1, each(choose_one)),
        Stage("compose, simulate and sign", 1, each(sign)),
        Stage(f"ask the chain ({BATCH} in one call)", 2, ask),
        Stage(
            "read the receipt", 1, each(lambda i: bench.network.fetch_fill(attempts[i].signature))
        ),
    ]


def _sending(bench: Bench, lives: Sequence[Life], folder: Path) -> list[Stage]:
    """Send what was not sent before, and execute it in a runtime of its own."""
    ledger = Ledger(folder / "runtime.db", SEED)
    runtime = Runtime(ledger, SEED, INSTANT)
    slot = Slot(bench.clock.monotonic_ms() // INSTANT.slot_ms + 1)
    routes = [m.outcome.route for x in lives for m in x.moves if isinstance(m.outcome, RouteFound)]

    def signed() -> list[bytes]:
        hash_now = finish(bench.chain.blockhash())
        texts = [
            bench.chain.build_message(
                SwapRequest(
                    lives[i].new_order.event.order.id,
                    1,
                    wallet_of(SEED),
                    routes[i],
                    f"{entropy()}/1",
                ),
                hash_now,
            )
            for i in range(BATCH)
        ]
        return [transaction_codec.sign(text) + text for text in texts]

    def send() -> Work:
        transactions = signed()

        def work() -> None:
            for one in transactions:
                bench.network.send(one)

        return work

    def execute() -> Work:
        apart = [
            parts
            for one in signed()
            if (parts := transaction_codec.split_transaction(one)) is not None
        ]
        read = [
            (name, said)
            for name, text in apart
            if (said := transaction_codec.read(text)) is not None
        ]

        def work() -> None:
            done = [runtime.execute(said, name, slot) for name, said in read]
            landed = tuple(landing for landing in done if landing is not None)
            ledger.write(runtime.block(Height(slot), landed))
            runtime.publish()

        return work

    return [
        Stage("send", 1, send),
        Stage(f"execute, with its commit ({BATCH} in one slot)", 1, execute),
    ]


def _paper_market() -> list[Stage]:
    """Look at the six pools of a pair, slot after slot: at rest, and while pushes fade."""

    def looked(moved: int) -> Callable[[], Work]:
        def prepare() -> Work:
            book = PoolStates(SEED, lambda _: None)
            keys = [key for venue in VENUES for key in pool_keys(venue, SOL.mint, USDC.mint)]
            for key in keys[:moved]:
                before = book.current(key, _QUIET)
                after = before.swap(SOL.mint, "exact_in", _PUSH).end
                pushed = book.push(key, before, after, _QUIET)
                saved = POOL_MODELS[key.program].dump(after)
                book.states.stage(key, PoolState(0, 0, _QUIET, saved, pushed))
            book.publish()

            def work() -> None:
                for later in range(1, BATCH + 1):
                    for key in keys:
                        book.seen(key, Slot(_QUIET + later))

            return work

        return prepare

    return [
        Stage("paper market: a pair's six pools at the next slot, at rest", 0, looked(0)),
        Stage("paper market: the same while all six are brought together", 0, looked(6)),
    ]


def _news(lives: Sequence[Life]) -> list[Stage]:
    facts = [event for life in lives for event in life.told]
    relay, per_life = EventPublisher(InMemoryEventBus()), len(lives[0].told)
    places = range(1, len(facts) + 1)
    return [
        Stage(
            "relay a fact: publish, log, count",
            per_life,
            lambda: lambda: relay(facts, places),
            len(facts),
        ),
        Stage(
            "write the message of a fact, for each listener",
            0,
            lambda: lambda: [message(told) for told in facts],
            len(facts),
        ),
    ]


async def _time_store(bench: Bench, folder: Path, times: int) -> list[Timing]:
    """Write whole lives to a store, transition by transition, a commit for each batch."""
    writer = SqliteBatchWriter(folder / "store.db")
    took: dict[str, list[float]] = {}
    for _ in range(times):
        lives = await bench.lives(BATCH)
        steps: list[tuple[str, list[Write]]] = [
            ("accepted", [InsertOrder(life.new_order) for life in lives])
        ]
        for at, name in enumerate(_NAMES):
            steps.append((name, [life.moves[at].move for life in lives]))
        for name, batch in steps:
            begin = time.perf_counter_ns()
            results = writer.apply(batch)
            took.setdefault(name, []).append((time.perf_counter_ns() - begin) / 1e3 / BATCH)
            bad = next((result for result in results if isinstance(result, BaseException)), None)
            if bad is not None:
                raise bad
    writer.close()
    return [
        Timing(f"store: {name} ({BATCH} in one commit)", 1, median(costs))
        for name, costs in took.items()
    ]
