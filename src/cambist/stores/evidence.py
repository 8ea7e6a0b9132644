"""Judges all that is kept of one order: refolds its journal, and holds the rest against it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from cambist.orders import events as fact
from cambist.orders.attempt import Witness
from cambist.orders.journal import BrokenJournal, Told, retell
from cambist.orders.lifecycle import IllegalFact
from cambist.orders.order import Order
from cambist.stores import records
from cambist.values import json_codec

Row = Sequence[Any]

_FOLDED: Final = (
    "intent", "created_at", "status", "terms", "tries", "attempts_made", "route", "route_seq",
    "attempt", "fill", "fault", "setbacks", "cancel_requested_at", "written_off_at", "closed_at",
    "is_final", "last_seq", "last_at", "head_hash",
)  # fmt: skip
_ALIVE: Final = ("in_flight", "landed")
_ROUTE_SEQ, _ATTEMPT, _WAKE_AT = 12, 13, 6
_read_witnesses: Final = json_codec.decoder(tuple[Witness, ...]).decode


class Kept(msgspec.Struct):
    """Everything a store holds of one order, as the rows of the audit's queries."""

    row: Row | None = None
    lines: list[Row] = []
    attempts: list[Row] = []
    fills: list[Row] = []


def fault_of(kept: Kept) -> str:
    """Return what is wrong with an order, or nothing."""
    if kept.row is None:
        return "there is a journal without an order" if kept.lines else "rows without an order"
    if not kept.lines:
        return "the journal is empty"
    try:
        told = retell([records.read_entry(tuple(line[1:7])) for line in kept.lines])
        order = records.read_order(_as_loaded(kept.row, kept))
    except (BrokenJournal, IllegalFact, records.CorruptRow, msgspec.DecodeError) as error:
        return str(error)
    return (
        _compare(order, told)
        or _check_lines(kept, told)
        or _check_attempts(kept, told)
        or _check_fills(kept, told)
    )


def _as_loaded(row: Row, kept: Kept) -> records.Row:
    """Put together what the store's own view would load the order from."""
    payloads = {line[2]: line[5] for line in kept.lines}
    tried = next((one for one in kept.attempts if one[1] == row[_ATTEMPT]), None)
    attempt = (None,) * 7 if tried is None else tuple(tried[1:8])
    fill = next((one for one in kept.fills if tried is not None and one[1] == tried[2]), None)
    moved = (None,) * 4 if fill is None else tuple(fill[2:6])
    head = (row[0], *row[2:13])
    return (*head, payloads.get(1), payloads.get(row[_ROUTE_SEQ]), *attempt, *moved, row[1])


def _compare(row: Order, told: tuple[Told, ...]) -> str:
    folded = told[-1].order
    bare = row.attempt
    if bare is not None:
        row = replace(row, attempt=replace(bare, transaction=b""))
    unlike = [name for name in _FOLDED if getattr(row, name) != getattr(folded, name)]
    return f"the row differs from its journal in {', '.join(unlike)}" if unlike else ""


def _check_lines(kept: Kept, told: tuple[Told, ...]) -> str:
    """Look at what stands beside the facts: owner, places, instants and the next look."""
    order = told[-1].order
    owner = order.intent.principal
    if kept.row is not None and kept.row[1] != owner:
        return f"the row is of {kept.row[1]}, and the order of {owner}"
    if any(line[7] is not None and line[7] != owner for line in kept.lines):
        return "a line of the journal is filed under somebody else"
    places = [line[0] for line in kept.lines]
    if places != sorted(set(places)):
        return "the lines do not stand in the order they became true"
    times = [one.entry.at for one in told]
    if times != sorted(times):
        return "the times of the journal go back"
    if kept.row is not None and not order.is_closed and kept.row[_WAKE_AT] is None:
        return "it is open, and nobody will look at it again"
    return ""


def _check_attempts(kept: Kept, told: tuple[Told, ...]) -> str:
    """Compare attempts with what was signed, and what became of them with what was heard."""
    signed = {one.fact.signature: one.fact for one in told if isinstance(one.fact, fact.Signed)}
    if sorted(row[2] for row in kept.attempts) != sorted(signed):
        return "the attempts kept are not those the journal signed"
    ends = dict(_end(one.fact) for one in told)
    for row in kept.attempts:
        one = signed[row[2]]
        if tuple(row[1:6]) != (
            one.attempt, one.signature, one.blockhash, one.last_valid_height, one.slot
        ):  # fmt: skip
            return f"the attempt {one.signature} is not as it was signed"
        if sha256(row[7]).hexdigest() != one.transaction_sha256:
            return f"the bytes of {one.signature} are not those that were signed"
        state, evidence = ends.get(one.signature, ("in_flight", None))
        if row[6] != state:
            return f"the attempt {one.signature} is called {row[6]}, and is {state}"
        proof = None if row[8] is None else _read_witnesses(row[8])
        if proof != evidence:
            return f"the evidence kept of {one.signature} is not what was heard"
    if sum(row[6] in _ALIVE for row in kept.attempts) > 1:
        return "more than one attempt is alive"
    return ""


def _end(one: fact.Fact) -> tuple[str | None, tuple[str, tuple[Witness, ...] | None]]:
    """Return the signature whose fate a fact tells, the state it ends in, and the proof."""
    match one:
        case fact.Landed(fill):
            return fill.signature, ("landed", None)
        case fact.Reverted(signature):
            return signature, ("reverted", None)
        case fact.Lapsed(signature, evidence):
            return signature, ("lapsed", evidence)
        case _:
            return None, ("", None)


def _check_fills(kept: Kept, told: tuple[Told, ...]) -> str:
    landed = [one.fact.fill.signature for one in told if isinstance(one.fact, fact.Landed)]
    if sorted(row[1] for row in kept.fills) != sorted(landed):
        return "the fills kept are not what landed"
    return ""
