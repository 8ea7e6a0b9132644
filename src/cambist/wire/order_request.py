"""Reads an order body: every name and alias a client may use, with every fault found at once."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

import msgspec

from cambist.faults import Code, RequestRejected
from cambist.orders.intent import OrderKind, PriceBasis
from cambist.values.route import SwapMode
from cambist.values.time_units import Timestamp
from cambist.wire.json_body import JsonFields, read_object
from cambist.wire.order_draft import FAULTS_MAX, FieldValue, OrderDraft
from cambist.wire.order_fields import InvalidField
from cambist.wire.price_fields import PriceRequest, read_kind, read_prices
from cambist.wire.slippage import SlippageUnit, Tolerance, read_tolerance

_SHARE_NAMES: Final = ("slippage", "slippageTolerance", "slippageBps")
SLIPPAGE_NAMES: Final = (*_SHARE_NAMES, "slippageUnit")


class OrderRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a body asks for, in canonical form and before any default is filled in.

    `size` counts whole tokens and `size_raw` base units of the token that `mode` sizes; the
    deadline is the instant in `expiresAt`.
    """

    kind: OrderKind
    token_in: str
    token_out: str
    mode: SwapMode
    quoted: PriceBasis = "pair"
    size: str | None = None
    size_raw: str | None = None
    slippage_bps: int | None = None
    deadline: Timestamp | None = None
    wallet: str | None = None
    user_id: str | None = None
    prices: PriceRequest | None = None

    def fingerprint(self) -> bytes:
        """Return a digest that is equal for equal requests, however they were spelled."""
        return sha256(msgspec.json.encode(self)).digest()


class FieldNames(msgspec.Struct, frozen=True):
    """The names under which the client sent things, to name them in a later fault."""

    token_in: str
    token_out: str
    size: str
    slippage: str


class ParsedOrder(msgspec.Struct, frozen=True):
    """An order body, read."""

    request: OrderRequest
    spelling: FieldNames
    client_order_id: str | None = None
    warnings: tuple[str, ...] = ()


class _Pair(msgspec.Struct, frozen=True, gc=False):
    token_in: FieldValue
    token_out: FieldValue
    quoted: PriceBasis


class _Size(msgspec.Struct, frozen=True, gc=False):
    mode: SwapMode
    whole: str | None
    raw: str | None
    name: str


def read_order(body: bytes, bare_slippage: SlippageUnit = "percent") -> ParsedOrder:
    """Read an order body; `bare_slippage` is the unit of a `slippage` without a unit.

    Raises RequestRejected with every fault found, at most FAULTS_MAX.
    """
    return read_fields(read_object(body), bare_slippage)


def read_fields(fields: JsonFields, bare_slippage: SlippageUnit = "percent") -> ParsedOrder:
    """Read an order that is a JSON object already. Raises RequestRejected as `read_order` does."""
    draft = OrderDraft(fields)
    pair = _read_pair(draft)
    size = _read_size(draft, pair)
    tolerance = read_slippage(draft, bare_slippage)
    deadline = _read_deadline(draft)
    kind = read_kind(draft)
    prices = read_prices(draft, kind, deadline)
    if draft.faults or pair is None or size is None:
        raise RequestRejected(*draft.faults[:FAULTS_MAX])
    request = OrderRequest(
        kind=kind,
        token_in=pair.token_in.value,
        token_out=pair.token_out.value,
        mode=size.mode,
        quoted=pair.quoted,
        size=size.whole,
        size_raw=size.raw,
        slippage_bps=tolerance.bps if tolerance is not None else None,
        deadline=deadline,
        wallet=draft.text("wallet"),
        user_id=draft.text("user_id"),
        prices=prices,
    )
    slippage = next((name for name in _SHARE_NAMES if name in draft.given), "slippageBps")
    spelling = FieldNames(pair.token_in.name, pair.token_out.name, size.name, slippage)
    warning = tolerance.warning if tolerance is not None else None
    warnings = (warning,) if warning is not None else ()
    return ParsedOrder(request, spelling, draft.text("client_order_id"), warnings)


def _read_pair(draft: OrderDraft) -> _Pair | None:
    token_in, token_out = draft.given.get("token_in"), draft.given.get("token_out")
    symbol, side = draft.given.get("symbol"), draft.text("side")
    if symbol is None and side is None and "symbol" not in draft.unfit:
        if token_in is None:
            draft.miss("tokenIn", "token_in")
        if token_out is None:
            draft.miss("tokenOut", "token_out")
        return None if token_in is None or token_out is None else _Pair(token_in, token_out, "pair")
    if symbol is None or side is None:
        draft.miss(*(("symbol", "symbol") if symbol is None else ("side", "side")))
        return None
    base, _, quote = symbol.value.partition("/")
    ends = (quote, base) if side == "buy" else (base, quote)
    for end, token in zip(ends, (token_in, token_out), strict=True):
        if token is not None and token.value != end:
            draft.conflict(symbol.name, token.name)
    quoted: Literal["buy", "sell"] = "buy" if side == "buy" else "sell"
    return _Pair(FieldValue(ends[0], symbol.name), FieldValue(ends[1], symbol.name), quoted)


def _read_size(draft: OrderDraft, pair: _Pair | None) -> _Size | None:
    bare: SwapMode = "exact_out" if draft.text("side") == "buy" else "exact_in"
    sizes: list[_Size] = []
    for size, raw_size, mode in (
        ("size", "raw", bare),
        ("size_in", "raw_in", "exact_in"),
        ("size_out", "raw_out", "exact_out"),
    ):
        whole, raw = draft.given.get(size), draft.given.get(raw_size)
        if whole is not None:
            sizes.append(_Size(mode, whole.value, None, whole.name))
        if raw is not None:
            sizes.append(_Size(mode, None, raw.value, raw.name))
    if not sizes:
        if not draft.unfit & {"size", "size_in", "size_out", "raw", "raw_in", "raw_out"}:
            with_symbol = pair is not None and pair.quoted != "pair"
            draft.miss("quantity" if with_symbol else "amountIn", "size")
        return None
    first = sizes[0]
    for other in sizes[1:]:
        first = _join(draft, first, other)
    return first


def _join(draft: OrderDraft, first: _Size, other: _Size) -> _Size:
    """Lay two ways of giving the size together; they must agree."""
    alike = first.mode == other.mode
    alike &= None in (first.whole, other.whole) or first.whole == other.whole
    alike &= None in (first.raw, other.raw) or first.raw == other.raw
    if not alike:
        draft.conflict(first.name, other.name)
    return _Size(first.mode, first.whole or other.whole, first.raw or other.raw, first.name)


def read_slippage(draft: OrderDraft, bare: SlippageUnit) -> Tolerance | None:
    """Return the tolerance of a body, under whichever name. Faults go to the draft."""
    if draft.given.keys().isdisjoint(SLIPPAGE_NAMES):
        return None
    unit = draft.given.get("slippageUnit")
    if unit is not None and "slippage" not in draft.given and "slippage" not in draft.unfit:
        message = "slippageUnit says the unit of slippage, which is not there."
        draft.blame(Code.CONFLICTING_FIELDS, message, unit.name)
    units = {
        "slippage": unit.value if unit is not None else bare,
        "slippageTolerance": "fraction",
        "slippageBps": "bps",
    }
    first: tuple[str, Tolerance] | None = None
    for name in _SHARE_NAMES:
        share = draft.text(name)
        if share is None:
            continue
        try:
            tolerance = read_tolerance(share, units[name], name)
        except InvalidField as unfit:
            draft.blame(unfit.code, unfit.message, name)
            continue
        if first is None:
            first = (name, tolerance)
        elif first[1].bps != tolerance.bps:
            draft.conflict(first[0], name)
    return first[1] if first is not None else None


def _read_deadline(draft: OrderDraft) -> Timestamp | None:
    until, force = draft.given.get("deadline"), draft.given.get("time_in_force")
    if force is not None and force.value == "gtd" and until is None:
        draft.miss("expiresAt", "deadline")
    if force is not None and force.value == "gtc" and until is not None:
        draft.conflict(force.name, until.name)
    return Timestamp(int(until.value)) if until is not None else None
