"""Prove that a journal is gapless, chained, never goes back in time, and tells the order again."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.journal import (
    CorruptJournal,
    JournalEntry,
    RecordedEvent,
    append,
    decode_event,
    entry_hash,
    replay,
    start_journal,
)
from cambist.orders.lifecycle import IllegalTransition
from cambist.orders.order import GENESIS, Status
from cambist.values.time_units import Timestamp
from tests import order_factory
from tests.strategies import intents, moments, order_ids

LONG = (
    *order_factory.path(Status.SUBMITTED),
    events.Seen(2_010),
    events.CancelRequested(),
    events.Lapsed(order_factory.attempt().signature, (order_factory.witness(),)),
    events.RetryScheduled(order_factory.PASSING, 2, order_factory.START),
    events.Routed(order_factory.route()),
    order_factory.signed(order_factory.attempt(2)),
    events.Sent(order_factory.PASSING),
    events.Landed(order_factory.fill(order_factory.attempt(2))),
    events.Finalized(2_500),
)


def life(*facts: events.OrderEvent, at: int = order_factory.START) -> tuple[RecordedEvent, ...]:
    first = order_factory.born(at=at)
    return (first, *append(first.order, facts, Timestamp(at)))


def entries() -> list[JournalEntry]:
    return [one.entry for one in life(*LONG)]


HEAD = life(*LONG)[-1].order.head_hash


def detected(lines: list[JournalEntry], head: bytes = HEAD) -> bool:
    """Whether a reader notices, who knows the head that stands in the order's row."""
    try:
        told = replay(lines)
    except (CorruptJournal, IllegalTransition, msgspec.DecodeError):
        return True
    return not told or told[-1].order.head_hash != head


def test_lines_are_numbered_without_a_gap() -> None:
    assert [entry.seq for entry in entries()] == list(range(1, len(LONG) + 2))


@given(moments, st.lists(moments, min_size=1, max_size=len(LONG)))
def test_time_never_goes_back_whatever_the_clock_says(first: int, later: list[int]) -> None:
    told = [
        start_journal(
            order_factory.born().order.id, events.Accepted(order_factory.intent()), Timestamp(first)
        )
    ]
    for one, at in zip(LONG, later, strict=False):
        told += append(told[-1].order, (one,), Timestamp(at))
    times = [line.entry.at for line in told]
    assert times == sorted(times)
    assert [line.order.last_at for line in told] == times


def test_each_hash_covers_the_one_before_it_and_its_own_line() -> None:
    previous = GENESIS
    for line in entries():
        text = f"{line.order_id}\n{line.seq}\n{line.at}\n".encode()
        assert line.hash == sha256(previous + text + line.payload).digest()
        previous = line.hash
    assert previous == HEAD


def test_a_whole_journal_is_not_suspected() -> None:
    assert not detected(entries())


def test_what_is_told_again_equals_what_was() -> None:
    told = life(*LONG)
    assert replay([event.entry for event in told]) == told


@given(intents, moments, order_ids)
def test_any_order_is_told_again_as_it_was(intent: object, at: int, order_id: str) -> None:
    told = start_journal(order_id, events.Accepted(intent), Timestamp(at))  # type: ignore[arg-type]
    assert replay([told.entry]) == (told,)


def tampered(lines: list[JournalEntry], dice: Random) -> list[JournalEntry]:
    """Change one field of one line."""
    where = dice.randrange(len(lines))
    line = lines[where]
    name = dice.choice(["order_id", "seq", "at", "kind", "payload", "hash"])
    old = getattr(line, name)
    if isinstance(old, int):
        new: object = old + dice.choice([-1, 1, 1_000])
    elif isinstance(old, str):
        new = dice.choice([old + "x", old[:-1], old.upper(), "cancelled"])
    else:
        spot = dice.randrange(len(old))
        flipped = bytes([old[spot] ^ 1 << dice.randrange(8)])
        new = old[:spot] + flipped + old[spot + 1 :]
    return [*lines[:where], replace(line, **{name: new}), *lines[where + 1 :]]


def dropped(lines: list[JournalEntry], dice: Random) -> list[JournalEntry]:
    where = dice.randrange(len(lines))
    return lines[:where] + lines[where + 1 :]


def swapped(lines: list[JournalEntry], dice: Random) -> list[JournalEntry]:
    one, two = dice.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]
    return lines


def inserted(lines: list[JournalEntry], dice: Random) -> list[JournalEntry]:
    where = dice.randrange(len(lines) + 1)
    return [*lines[:where], dice.choice(lines), *lines[where:]]


def cut(lines: list[JournalEntry], dice: Random) -> list[JournalEntry]:
    return lines[: dice.randrange(len(lines))]


@pytest.mark.parametrize("spoil", [tampered, dropped, swapped, inserted, cut])
def test_a_thousand_forgeries_are_all_detected(spoil: object) -> None:
    lines = entries()
    for seed in range(1_000):
        forged = spoil(list(lines), Random(seed))  # type: ignore[operator]
        assert forged == lines or detected(forged), seed


def test_a_kind_that_is_not_its_payloads_is_detected() -> None:
    lines = entries()
    lines[1] = replace(lines[1], kind="cancelled")
    with pytest.raises(CorruptJournal, match="entry 2"):
        replay(lines)


def test_a_payload_rewritten_with_its_own_hash_breaks_the_next_line() -> None:
    lines = entries()
    old = lines[3]
    payload = old.payload.replace(b"Sig1", b"Sig9")
    digest = entry_hash(lines[2].hash, old.order_id, old.seq, old.at, payload)
    lines[3] = replace(old, payload=payload, hash=digest)
    with pytest.raises(CorruptJournal, match="entry 5"):
        replay(lines)


def test_a_journal_begins_with_accepted() -> None:
    payload = b'{"kind":"started"}'
    digest = entry_hash(GENESIS, "id", 1, 5, payload)
    line = JournalEntry("id", 1, 5, "started", payload, digest)  # type: ignore[arg-type]
    with pytest.raises(CorruptJournal, match="begins with accepted"):
        replay([line])


def test_a_second_acceptance_is_illegal() -> None:
    order = order_factory.born().order
    with pytest.raises(IllegalTransition):
        append(order, (events.Accepted(order_factory.intent()),), order_factory.START)


def test_an_illegal_fact_adds_no_line_not_even_the_legal_ones_before_it() -> None:
    order = order_factory.born().order
    with pytest.raises(IllegalTransition):
        append(order, (events.Started(), events.Started()), order_factory.START)
    assert order.last_seq == 1


def test_every_line_can_be_read_without_its_neighbours() -> None:
    assert [decode_event(line.payload).kind for line in entries()] == [
        line.kind for line in entries()
    ]


def test_a_kind_of_a_newer_version_is_refused_and_not_guessed() -> None:
    """Its hash is right: whoever wrote it meant it, and we do not know what it means."""
    lines = entries()
    payload = b'{"kind":"amended_in_a_later_version","slippage_bps":90}'
    seq, at = lines[-1].seq + 1, lines[-1].at
    digest = entry_hash(lines[-1].hash, lines[-1].order_id, seq, at, payload)
    kind = "amended_in_a_later_version"
    newer = JournalEntry(lines[-1].order_id, seq, at, kind, payload, digest)
    with pytest.raises(CorruptJournal, match="amended_in_a_later_version"):
        replay([*lines, newer])
