"""Breaks the judgement of a transaction's fate, one rule at a time, as engines really do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

from msgspec.structs import replace

from cambist.engine import executor, inflight_tracker
from cambist.engine.send_permission import SendPermission
from cambist.faults import Code, fault
from cambist.orders import decide, events, lapse_proof
from cambist.orders.attempt import Attempt, ChainParameters, NodeObservation
from cambist.orders.decide import Decision, Policy
from cambist.orders.order import Order
from cambist.orders.steps import AttemptReport, Outcome, TransactionBuilt, TransactionSent
from cambist.values.ids import OrderId
from cambist.values.time_units import Timestamp
from tests.simulation.chain import SimChain
from tests.simulation.ledger import SLOT_MS, WINDOW

_decide = decide.decide
_proves_lapse = lapse_proof._proves_lapse
_proof = lapse_proof.prove_lapsed


def swap(stack: ExitStack, room: Any, name: str, value: Any) -> None:
    """Put something wrong in the place of something right, until the stack is left."""
    kept = vars(room)[name]
    stack.callback(setattr, room, name, kept)
    setattr(room, name, value)


def _decides(stack: ExitStack, wrong: Any, *, always: bool = False) -> None:
    swap(stack, executor, "decide", wrong)
    swap(stack, inflight_tracker, "decide", wrong)
    if always:
        swap(stack, inflight_tracker, "_is_undecided", lambda *_: False)


def _lapse(order: Order, now: Timestamp, policy: Policy) -> Decision:
    """Call the attempt in flight dead, with nothing to show for it."""
    attempt = order.in_flight
    assert attempt is not None
    gone = events.Lapsed(attempt.signature, ())
    return decide._retry_or_fail(order, (gone,), fault(Code.ATTEMPT_LAPSED), now, policy)


def signs_again_when_a_send_fails(stack: ExitStack) -> None:
    def wrong(order: Order, outcome: Outcome, now: Timestamp, policy: Policy) -> Decision:
        if isinstance(outcome, TransactionSent) and outcome.fault is not None:
            return _lapse(order, now, policy)
        return _decide(order, outcome, now, policy)

    _decides(stack, wrong)


def expires_by_the_wall_clock(stack: ExitStack) -> None:
    def wrong(order: Order, outcome: Outcome, now: Timestamp, policy: Policy) -> Decision:
        attempt = order.in_flight
        silent = isinstance(outcome, AttemptReport) and not _seen(outcome)
        sent_at = None if attempt is None else attempt.sent_at
        if silent and sent_at is not None and now - sent_at > WINDOW * SLOT_MS:
            return _lapse(order, now, policy)
        return _decide(order, outcome, now, policy)

    _decides(stack, wrong, always=True)


def _seen(heard: AttemptReport) -> bool:
    return any(observation.sighting is not None for observation in heard.witnesses)


def believes_the_first_who_says_expired(stack: ExitStack) -> None:
    def wrong(
        attempt: Attempt, said: Sequence[NodeObservation], _rules: ChainParameters
    ) -> tuple[NodeObservation, ...] | None:
        late = [answer for answer in said if answer.height > attempt.last_valid_height]
        return tuple(late[:1]) or None

    swap(stack, decide, "prove_lapsed", wrong)


def _needs_one(
    attempt: Attempt, said: Sequence[NodeObservation], rules: ChainParameters
) -> tuple[NodeObservation, ...] | None:
    if _seen(AttemptReport(attempt.signature, tuple(said))):
        return None
    return (
        tuple(answer for answer in said if lapse_proof._proves_lapse(attempt, answer, rules))
        or None
    )


def _uncoupled(attempt: Attempt, observation: NodeObservation, rules: ChainParameters) -> bool:
    late = max(observation.context_slot, observation.slot)
    return _proves_lapse(attempt, replace(observation, context_slot=late), rules)


def takes_height_and_silence_from_different_machines(stack: ExitStack) -> None:
    swap(stack, lapse_proof, "_proves_lapse", _uncoupled)
    swap(stack, decide, "prove_lapsed", _needs_one)


def asks_two_and_couples_nothing(stack: ExitStack) -> None:
    """What the pair is worth by itself: neither the slot of the silence nor the second clock."""

    def wrong(attempt: Attempt, observation: NodeObservation, rules: ChainParameters) -> bool:
        return _uncoupled(attempt, replace(observation, blockhash_valid=False), rules)

    swap(stack, lapse_proof, "_proves_lapse", wrong)


def believes_one_where_one_may_lie(stack: ExitStack) -> None:
    swap(stack, decide, "prove_lapsed", _needs_one)


def reads_silence_before_the_height(stack: ExitStack) -> None:
    swap(stack, SimChain, "asks_status_first", True)


def forgets_the_second_clock(stack: ExitStack) -> None:
    def wrong(attempt: Attempt, observation: NodeObservation, rules: ChainParameters) -> bool:
        return _proves_lapse(attempt, replace(observation, blockhash_valid=False), rules)

    swap(stack, lapse_proof, "_proves_lapse", wrong)


def takes_processed_for_settled(stack: ExitStack) -> None:
    def firm(observation: NodeObservation) -> NodeObservation:
        seen = observation.sighting
        if seen is None or seen.commitment != "processed":
            return observation
        return replace(observation, sighting=replace(seen, commitment="confirmed"))

    def wrong(order: Order, outcome: Outcome, now: Timestamp, policy: Policy) -> Decision:
        if isinstance(outcome, AttemptReport):
            outcome = replace(
                outcome, witnesses=tuple(firm(observation) for observation in outcome.witnesses)
            )
        return _decide(order, outcome, now, policy)

    _decides(stack, wrong)
    swap(stack, SimChain, "reads_processed", True)
    swap(
        stack, inflight_tracker, "_may_have_landed",
        lambda said: any(
            answer.sighting is not None and answer.sighting.fault is None for answer in said
        ),
    )  # fmt: skip


def lets_a_cancel_win_over_an_attempt(stack: ExitStack) -> None:
    def wrong(order: Order, outcome: Outcome, now: Timestamp, policy: Policy) -> Decision:
        unwanted = order.cancel_requested_at is not None and order.in_flight is not None
        if isinstance(outcome, AttemptReport) and unwanted and not _seen(outcome):
            return _lapse(order, now, policy)
        return _decide(order, outcome, now, policy)

    _decides(stack, wrong, always=True)


def takes_a_note_for_whatever_is_in_flight(stack: ExitStack) -> None:
    def wrong(order: Order, outcome: Outcome, now: Timestamp, policy: Policy) -> Decision:
        if isinstance(outcome, AttemptReport) and order.attempt is not None:
            name = order.attempt.signature
            fill = None if outcome.fill is None else replace(outcome.fill, signature=name)
            outcome = AttemptReport(name, outcome.witnesses, fill)
        return _decide(order, outcome, now, policy)

    _decides(stack, wrong)


def throws_unsent_bytes_away(stack: ExitStack) -> None:
    real = executor.OrderExecutor._run_steps

    async def wrong(self: Any, turn: Any, note: AttemptReport | None) -> Order | None:
        attempt, now = turn.order.in_flight, self._clock.now()
        if attempt is not None and attempt.sent_at is None:
            turn.begin_commit(_lapse(turn.order, now, self._policy), now)
        return await real(self, turn, note)

    swap(stack, executor.OrderExecutor, "_run_steps", wrong)


def sends_again_after_a_cancel(stack: ExitStack) -> None:
    async def wrong(self: SendPermission, orders: Sequence[Order]) -> frozenset[OrderId]:
        await self._store.current_terms([order.id for order in orders])
        return frozenset(order.id for order in orders)

    swap(stack, SendPermission, "may_resend", wrong)


def sends_first_by_what_it_remembers(stack: ExitStack) -> None:
    async def wrong(self: SendPermission, order: Order, **_: bool) -> str:
        await self._store.current_terms([order.id])
        return "allowed"

    swap(stack, SendPermission, "check", wrong)


def sends_before_it_records(stack: ExitStack) -> None:
    real = executor.OrderExecutor._perform

    async def wrong(self: Any, step: Any, order: Order) -> Outcome:
        outcome = await real(self, step, order)
        if isinstance(outcome, TransactionBuilt):
            await self._tracker.send(outcome.attempt)
        return outcome

    swap(stack, executor.OrderExecutor, "_perform", wrong)


ALL: Final = (
    signs_again_when_a_send_fails,
    expires_by_the_wall_clock,
    believes_the_first_who_says_expired,
    takes_height_and_silence_from_different_machines,
    asks_two_and_couples_nothing,
    believes_one_where_one_may_lie,
    reads_silence_before_the_height,
    forgets_the_second_clock,
    takes_processed_for_settled,
    lets_a_cancel_win_over_an_attempt,
    takes_a_note_for_whatever_is_in_flight,
    throws_unsent_bytes_away,
    sends_again_after_a_cancel,
    sends_first_by_what_it_remembers,
    sends_before_it_records,
)
