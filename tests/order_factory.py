"""Bring orders to any point of their lives, the short way, for tests that begin there."""

from __future__ import annotations

from hashlib import sha256

from cambist.faults import Code, fault
from cambist.orders import events
from cambist.orders.attempt import Attempt, ChainParameters, Fill, NodeObservation, SignatureStatus
from cambist.orders.decide import Policy
from cambist.orders.intent import Intent
from cambist.orders.journal import RecordedEvent, append, start_journal
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.ports.store import NewOrder, OrderQuery
from cambist.values.amount import Bps, RawAmount
from cambist.values.ids import LOCAL, Address, Principal, Signature, order_id
from cambist.values.route import Leg, Quote, Route
from cambist.values.time_units import Height, Millis, Slot, Timestamp
from cambist.values.token import SOL, USDC, Pair

START = Timestamp(1_700_000_000_000)
POOL = Address("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2")
RULES = ChainParameters(
    Millis(400), blockhash_window=150, finality_slots=32, lapse_margin=150, observers_required=1
)
PAIR_RULES = ChainParameters(
    Millis(400), blockhash_window=150, finality_slots=32, lapse_margin=150, observers_required=2
)
POLICY = Policy(RULES)

PASSING = fault(Code.VENUE_UNREACHABLE)
LASTING = fault(Code.INSUFFICIENT_FUNDS)
STALE_PRICE = fault(Code.SLIPPAGE_EXCEEDED)


def intent(**changes: object) -> Intent:
    """Give one SOL for USDC, unless said otherwise."""
    fields = {
        "kind": "market",
        "principal": LOCAL,
        "pair": Pair(SOL, USDC),
        "mode": "exact_in",
        "amount": RawAmount(10**9),
        "terms": Terms(),
    }
    return Intent(**(fields | changes))  # type: ignore[arg-type]


def route(amount_in: int = 10**9, amount_out: int = 150_000_000) -> Route:
    """Go through one pool."""
    quote = Quote(
        "raydium",
        POOL,
        RawAmount(amount_in),
        RawAmount(amount_out),
        RawAmount(25),
        Bps(25),
        100,
        Slot(1_000),
    )
    return Route(
        "exact_in",
        (Leg("raydium", POOL, SOL.mint, USDC.mint),),
        RawAmount(amount_in),
        RawAmount(amount_out),
        RawAmount(max(amount_out - amount_out // 200, 1)),
        "pays most",
        (quote,),
    )


def attempt(number: int = 1, who: str = "") -> Attempt:
    """Sign something; `who` keeps the signatures of different orders apart."""
    return Attempt(
        number,
        Signature(f"Sig{number}{who.replace('-', '')}"),
        f"Hash{number}",
        Height(1_150),
        Slot(2_000),
        transaction=f"bytes {number} of {who}".encode() + b"\x00\xff",
    )


def signed(one: Attempt) -> events.Signed:
    """Say that an attempt was signed."""
    digest = sha256(one.transaction).hexdigest()
    return events.Signed(
        one.number, one.signature, one.blockhash, one.last_valid_height, one.built_slot, digest
    )


def fill(one: Attempt) -> Fill:
    """Say what an attempt moved."""
    return Fill(
        one.signature, RawAmount(10**9), RawAmount(149_900_000), RawAmount(5_000), Slot(2_010)
    )


def born(number: int = 0, at: int = START, **changes: object) -> RecordedEvent:
    """Open the journal of an order; `number` tells orders apart."""
    return start_journal(order_id(at, number), events.Accepted(intent(**changes)), Timestamp(at))


def birth(number: int = 0, key: str | None = None, at: int = START, **changes: object) -> NewOrder:
    """Ask for an order to be stored."""
    told = born(number, at, **changes)
    return NewOrder(told, key, b"print of %d" % number, b"reply %d" % number)


def other(name: str) -> Principal:
    """Name someone else."""
    return Principal(name)


def newest(limit: int, **where: object) -> OrderQuery:
    """Ask for the newest orders."""
    return OrderQuery(**({"principal": LOCAL, "limit": limit} | where))  # type: ignore[arg-type]


def path(status: Status, one: Attempt | None = None) -> tuple[events.OrderEvent, ...]:
    """List the facts that bring a new order to a status, sent and at rest where it can be."""
    tried = one or attempt()
    to_building = (events.Started(), events.Routed(route()))
    to_submitted = (*to_building, signed(tried), events.Sent())
    paths: dict[Status, tuple[events.OrderEvent, ...]] = {
        Status.PENDING: (),
        Status.WAITING: (events.Armed(),),
        Status.ROUTING: (events.Started(),),
        Status.BUILDING: to_building,
        Status.SUBMITTED: to_submitted,
        Status.CONFIRMED: (*to_submitted, events.Landed(fill(tried))),
        Status.FAILED: (events.Started(), events.Failed(LASTING)),
        Status.CANCELLED: (events.CancelRequested(), events.Cancelled()),
        Status.EXPIRED: (events.Expired(),),
    }
    return paths[status]


def standing(status: Status, *more: events.OrderEvent, number: int = 0, **changes: object) -> Order:
    """Bring an order to a status, and on by more facts."""
    told = born(number, **changes)
    lines = append(told.order, (*path(status), *more), START)
    return lines[-1].order if lines else told.order


def witness(endpoint: str = "one", **changes: object) -> NodeObservation:
    """Testify all that proves the attempt of `attempt` dead before a lone witness."""
    fields = {
        "slot": Slot(2_400),
        "height": Height(1_301),
        "context_slot": Slot(2_400),
        "first_slot": Slot(0),
        "blockhash_valid": False,
        "sighting": None,
    }
    return NodeObservation(endpoint, **(fields | changes))  # type: ignore[arg-type]


def seen(commitment: str, why: object = None, slot: int = 2_010) -> NodeObservation:
    """Testify that the attempt is on chain."""
    status = SignatureStatus(commitment, Slot(slot), why)  # type: ignore[arg-type]
    return witness(height=Height(1_010), blockhash_valid=True, sighting=status)


def quiet() -> NodeObservation:
    """Testify that nothing is known, and that the attempt may still land."""
    return witness(slot=Slot(2_005), context_slot=Slot(2_005), height=Height(1_005))
