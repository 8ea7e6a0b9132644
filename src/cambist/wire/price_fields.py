"""Reads what an order asks of prices and times, and rejects what its kind does not have."""

from __future__ import annotations

from typing import Final, cast

import msgspec

from cambist.faults import Code
from cambist.orders.intent import OrderKind
from cambist.values.time_units import Timestamp
from cambist.wire.order_draft import OrderDraft


class PriceRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a body asks of prices and times, as canonical decimals.

    Prices are what one whole token given brings, or of a `symbol` what one whole base token costs
    or brings. `fires_when_met` and `accepts_far_price` waive the checks of the price now.
    """

    limit: str | None = None
    trigger: str | None = None
    confirm_slots: int | None = None
    ladder_bps: tuple[int, ...] = ()
    start_at: Timestamp | None = None
    fills_at_once: bool = False
    fires_when_met: bool = False
    accepts_far_price: bool = False


_COMMON: Final = frozenset(("start_at",))
_ALLOWED: Final[dict[str, frozenset[str]]] = {
    "market": _COMMON,
    "limit": _COMMON | {"limit_price", "target_price", "confirm_slots", "accept_far_price"},
    "take_profit": _COMMON
    | {
        "trigger_price", "target_price", "limit_price", "confirm_slots", "on_met",
        "accept_far_price",
    },
    "stop": _COMMON
    | {
        "trigger_price", "target_price", "limit_price", "confirm_slots", "ladder", "on_met",
        "accept_far_price",
    },
}  # fmt: skip
_EVERY: Final = frozenset().union(*_ALLOWED.values())


def read_kind(draft: OrderDraft) -> OrderKind:
    """Return the kind of an order; a body that names none asks for a market order."""
    return cast("OrderKind", draft.text("kind") or "market")


def read_prices(
    draft: OrderDraft, kind: OrderKind, deadline: Timestamp | None
) -> PriceRequest | None:
    """Return what a body asks of prices; None where it asks nothing. Faults go to the draft."""
    blame_fields_without(draft, kind)
    force = draft.given.get("time_in_force")
    fills_at_once = force is not None and force.value == "fok"
    if force is not None and fills_at_once and kind not in ("market", "limit"):
        message = f"A {kind} order rests until it is triggered, and cannot be {force.value}."
        draft.blame(Code.CONFLICTING_FIELDS, message, force.name)
    found = PriceRequest(
        _limit(draft, kind),
        _trigger(draft, kind),
        _whole(draft.text("confirm_slots")),
        tuple(int(step) for step in (draft.text("ladder") or "").split(",") if step),
        _start(draft, deadline),
        fills_at_once,
        draft.text("on_met") == "fire",
        bool(draft.text("accept_far_price")),
    )
    return None if found == PriceRequest() else found


def blame_fields_without(
    draft: OrderDraft, kind: OrderKind, among: frozenset[str] = _EVERY
) -> None:
    """Add a fault to the draft for each field that a kind of order does not have."""
    for thing in sorted((_EVERY & among) - _ALLOWED[kind]):
        given = draft.given.get(thing)
        if given is not None:
            message = f"A {kind} order has no {given.name}."
            draft.blame(Code.CONFLICTING_FIELDS, message, given.name)


def read_level_names(draft: OrderDraft, kind: OrderKind) -> tuple[str | None, str | None]:
    """Return limit and trigger price where they are given; none of them is required."""
    level = "limit_price" if kind == "limit" else "trigger_price"
    found = {"limit_price": draft.text("limit_price"), "trigger_price": draft.text("trigger_price")}
    if "target_price" in draft.given:
        found[level] = _either(draft, level, level)
    return found["limit_price"], found["trigger_price"]


def _limit(draft: OrderDraft, kind: OrderKind) -> str | None:
    limit = draft.given.get("limit_price")
    if kind != "limit":
        return None if limit is None else limit.value
    return _either(draft, "limit_price", "limitPrice")


def _trigger(draft: OrderDraft, kind: OrderKind) -> str | None:
    if kind not in ("take_profit", "stop"):
        return None
    return _either(draft, "trigger_price", "triggerPrice")


def _either(draft: OrderDraft, thing: str, name: str) -> str | None:
    """Return a price that may come as `targetPrice` too."""
    price, target = draft.given.get(thing), draft.given.get("target_price")
    if price is not None and target is not None and price.value != target.value:
        draft.conflict(price.name, target.name)
    found = price or target
    if found is None and "target_price" not in draft.unfit:
        draft.miss(name, thing)
    return None if found is None else found.value


def _start(draft: OrderDraft, deadline: Timestamp | None) -> Timestamp | None:
    start = draft.given.get("start_at")
    if start is None:
        return None
    at = Timestamp(int(start.value))
    if deadline is not None and at >= deadline:
        draft.blame(Code.CONFLICTING_FIELDS, "startAt must be before expiresAt.", start.name)
    return at


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)
