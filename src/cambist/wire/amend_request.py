"""Reads what a body asks to change of an order that waits for a price."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from cambist.faults import Code, Fault, RequestRejected, fault
from cambist.orders.amend import AppliesFrom
from cambist.orders.intent import Intent
from cambist.orders.order import Order, Status
from cambist.orders.terms import Terms
from cambist.values.amount import Bps
from cambist.values.time_units import Timestamp
from cambist.wire.decimals import read_whole
from cambist.wire.intent_builder import (
    RequestLimits,
    check_ahead,
    check_ladder,
    check_slippage,
    read_level,
)
from cambist.wire.json_body import JsonFields, JsonValue, read_object
from cambist.wire.order_draft import FAULTS_MAX, OrderDraft
from cambist.wire.order_fields import FIELDS
from cambist.wire.order_request import SLIPPAGE_NAMES, read_slippage
from cambist.wire.order_responses import OrderView, view_order
from cambist.wire.price_fields import blame_fields_without, read_level_names
from cambist.wire.slippage import SlippageUnit

IF_SEQ: Final = "ifSeq"
EXPIRES_AT: Final = "expiresAt"
_CHANGED: Final = frozenset(
    (
        "limit_price", "trigger_price", "target_price", "ladder", "deadline", "confirm_slots",
        *SLIPPAGE_NAMES,
    )
)  # fmt: skip
AMENDABLE: Final = _CHANGED | {"on_met", "accept_far_price"}
"""What a body may name, apart from `ifSeq`."""
_encode: Final = msgspec.json.Encoder().encode


class Amendment(msgspec.Struct, frozen=True):
    """What a body asks to change, in canonical form; what it does not name stays as it is.

    `deadline` is None where the order is to have none any more. With `if_seq` nothing is changed
    if any later event was recorded.
    """

    limit: str | None = None
    trigger: str | None = None
    slippage_bps: int | None = None
    ladder_bps: tuple[int, ...] | None = None
    deadline: Timestamp | msgspec.UnsetType | None = msgspec.UNSET
    confirm_slots: int | None = None
    if_seq: int | None = None
    fires_when_met: bool = False
    accepts_far_price: bool = False

    @property
    def price_fields(self) -> frozenset[str]:
        """The names of the prices that change."""
        named = (("limitPrice", self.limit), ("triggerPrice", self.trigger))
        return frozenset(name for name, price in named if price is not None)

    def new_terms(self, intent: Intent, terms: Terms) -> Terms:
        """Return the terms of an order with what the body names changed."""
        if self.limit is not None:
            terms = replace(terms, limit_price=read_level(self.limit, intent.pair, intent.quoted))
        if self.trigger is not None:
            level = read_level(self.trigger, intent.pair, intent.quoted)
            terms = replace(terms, trigger_price=level)
        if self.slippage_bps is not None:
            terms = replace(terms, slippage_bps=Bps(self.slippage_bps))
        if self.ladder_bps is not None:
            ladder = tuple(Bps(step) for step in self.ladder_bps)
            terms = replace(terms, slippage_ladder_bps=ladder)
        if self.deadline is not msgspec.UNSET:
            terms = replace(terms, deadline=self.deadline)
        if self.confirm_slots is not None:
            terms = replace(terms, confirm_slots=self.confirm_slots)
        return terms


def read_amendment(
    body: bytes, order: Order, bare_slippage: SlippageUnit, limits: RequestLimits, now: Timestamp
) -> Amendment:
    """Read what to change of an order. Raises RequestRejected with every fault found."""
    fields = read_object(body)
    has_no_deadline = EXPIRES_AT in fields and fields[EXPIRES_AT] is None
    left_out = {IF_SEQ} | ({EXPIRES_AT} if has_no_deadline else set())
    kept = JsonFields([(name, value) for name, value in fields.items() if name not in left_out])
    kept.faults[:] = fields.faults
    draft = OrderDraft(kept)
    for thing, given in draft.given.items():
        if thing not in AMENDABLE:
            message = f"{given.name} cannot be changed; cancel the order and place another."
            draft.blame(Code.CONFLICTING_FIELDS, message, given.name)
    blame_fields_without(draft, order.intent.kind, AMENDABLE)
    tolerance = read_slippage(draft, bare_slippage)
    deadline = draft.text("deadline")
    limit, trigger = read_level_names(draft, order.intent.kind)
    confirm_slots, ladder = draft.text("confirm_slots"), draft.text("ladder")
    found = Amendment(
        limit,
        trigger,
        None if tolerance is None else tolerance.bps,
        None if ladder is None else tuple(int(step) for step in ladder.split(",")),
        None if has_no_deadline else msgspec.UNSET if deadline is None else _instant(deadline),
        None if confirm_slots is None else int(confirm_slots),
        _if_seq(draft, fields.get(IF_SEQ)),
        draft.text("on_met") == "fire",
        bool(draft.text("accept_far_price")),
    )
    faults = [*draft.faults, *_find_faults(found, order, limits, now)]
    named = {FIELDS[name].thing for name in fields if name in FIELDS}
    if not faults and not named & _CHANGED:
        faults.append(fault(Code.MISSING_FIELD, "The body names nothing to change."))
    if faults:
        raise RequestRejected(*faults[:FAULTS_MAX])
    return found


def _instant(text: str) -> Timestamp:
    return Timestamp(int(text))


def _if_seq(draft: OrderDraft, value: JsonValue) -> int | None:
    if value is None:
        return None
    seq = read_whole(value) if isinstance(value, str) else None
    if seq is None:
        draft.blame(Code.WRONG_TYPE, "ifSeq is the seq of an event, a whole number.", IF_SEQ)
    return None if seq is None else int(seq)


def _find_faults(
    found: Amendment, order: Order, limits: RequestLimits, now: Timestamp
) -> list[Fault]:
    """Hold what changes to the limits of a new order."""
    faults: list[Fault] = []
    if found.slippage_bps is not None:
        check_slippage(found.slippage_bps, "slippageBps", limits, faults)
    check_ladder(found.ladder_bps or (), limits, faults)
    deadline = found.deadline
    if isinstance(deadline, int):
        if deadline <= now:
            faults.append(fault(Code.DEADLINE_PASSED, "", EXPIRES_AT))
        check_ahead(deadline, EXPIRES_AT, now, faults)
        starts_at = order.terms.start_at
        if starts_at is not None and starts_at >= deadline:
            message = "expiresAt must be after startAt."
            faults.append(fault(Code.CONFLICTING_FIELDS, message, EXPIRES_AT))
    return faults


class AmendReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a change: the order with its new terms, and from when they apply.

    `amended` is false where the order had these terms already. `next_attempt`: a route is chosen
    or a transaction in flight, which keeps the terms it was made with.
    """

    success: bool
    order_id: str
    amended: bool
    applies_from: AppliesFrom
    status: Status
    seq: int
    order: OrderView
    warnings: tuple[str, ...]


def write_amended(
    order: Order, applies: AppliesFrom, warnings: tuple[str, ...], *, is_new: bool
) -> bytes:
    """Write the answer to a change of an order."""
    return _encode(
        AmendReply(
            success=True,
            order_id=order.id,
            amended=is_new,
            applies_from=applies,
            status=order.status,
            seq=order.last_seq,
            order=view_order(order, with_quotes=False),
            warnings=warnings,
        )
    )
