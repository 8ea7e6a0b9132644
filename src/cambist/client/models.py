"""Holds what a server answers as frozen values: amounts and prices exact, times with their zone.

A field that a newer server adds is passed over, and one that an older server lacks has a default.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from cambist.orders.order import CLOSED


class ApiModel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A JSON object of the API."""


class Placed(ApiModel, frozen=True, kw_only=True):
    """The answer to an order that was taken: it is on disk. A repeat gets the same answer."""

    order_id: str
    client_order_id: str | None = None
    status: str
    timestamp: datetime
    slippage_bps: int
    summary: str
    warnings: tuple[str, ...] = ()


class VenueQuote(ApiModel, frozen=True, kw_only=True):
    """A pool's quote. `fee` is in whole tokens of the token given, `price_impact` in percent.

    A route asks both only of each venue's best pool and of the pools it uses: of the others they
    are None. The impact is None as well for amounts so small that rounding is too much of them.
    `program` is what runs the pool: amm_v4, cpmm, clmm, dlmm, damm_v1 or damm_v2.
    """

    dex: str
    pool: str = ""
    amount_in: Decimal
    amount_out: Decimal
    price_impact: Decimal | None = None
    fee: Decimal | None = None
    fee_bps: int | None = None
    route: tuple[str, ...] = ()
    route_mints: tuple[str, ...] = ()
    price: Decimal | None = None
    program: str = ""


class Depth(ApiModel, frozen=True, kw_only=True):
    """How many whole tokens may be given before the rate is `bps` basis points worse."""

    bps: int
    amount_in: Decimal


class Pool(VenueQuote, frozen=True, kw_only=True):
    """A pool of a pair: its quote for the amount asked about, and how deep it is."""

    depth: tuple[Depth, ...] = ()


class Leg(ApiModel, frozen=True, kw_only=True):
    """One swap of a route of several; legs of the same `path` follow each other.

    For `exact_in` the bound is the least amount out, for `exact_out` the greatest amount in. Raw
    amounts are in the tokens' smallest units; whole ones are None where the token is not known.
    """

    dex: str
    pool: str = ""
    program: str = ""
    mode: str
    path: int = 0
    token_in: str | None = None
    token_out: str | None = None
    token_in_mint: str = ""
    token_out_mint: str = ""
    amount_in: Decimal | None = None
    amount_out: Decimal | None = None
    bound: Decimal | None = None
    amount_in_raw: int = 0
    amount_out_raw: int = 0
    bound_raw: int = 0


class Absent(ApiModel, frozen=True, kw_only=True):
    """A venue or a pool that gave no quote, and why."""

    dex: str
    code: str = ""
    reason: str = ""
    program: str = ""


class PoolChoice(ApiModel, frozen=True, kw_only=True):
    """A pool that was looked at: taken with its share in percent, or not and why, in one word."""

    dex: str
    program: str = ""
    pool: str = ""
    word: str = ""
    share: Decimal | None = None
    worse_bps: Decimal | None = None
    reason: str = ""


class OrderState(ApiModel, frozen=True, kw_only=True):
    """What is known of an order: None is what is not known yet. Amounts are in whole tokens."""

    order_id: str
    client_order_id: str | None = None
    status: str
    attempt: int = 0
    amount_in: Decimal | None = None
    amount_out: Decimal | None = None
    min_amount_out: Decimal | None = None
    max_amount_in: Decimal | None = None
    executed_price: Decimal | None = None
    slippage_bps: int = 0
    selected_dex: str | None = None
    reason: str | None = None
    quote: VenueQuote | None = None
    quotes: tuple[VenueQuote, ...] = ()
    absent: tuple[Absent, ...] = ()
    legs: tuple[Leg, ...] = ()
    tx_hash: str | None = None
    error: str | None = None
    code: str | None = None
    last_error: str | None = None
    last_code: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_closed(self) -> bool:
        """Whether the order has ended: confirmed, failed, cancelled or expired."""
        return self.status in CLOSED


class Order(OrderState, frozen=True, kw_only=True):
    """An order as it stands.

    `slippage` is the tolerance, and `realised_slippage` how much worse the fill was than the
    quote, both in percent. Prices are written as they were asked: `token_out` for one whole
    `token_in`, or with a `symbol` its quote token for one of it. `summary` says what an order that
    waits for a price waits for.
    """

    type: str = "market"
    token_in: str
    token_out: str
    token_in_mint: str = ""
    token_out_mint: str = ""
    symbol: str | None = None
    side: str | None = None
    synthetic: bool = False
    slippage: Decimal | None = None
    realised_slippage: Decimal | None = None
    wallet_address: str | None = None
    user_id: str | None = None
    retry_count: int = 0
    max_attempts: int = 0
    seq: int = 0
    is_final: bool = False
    created_at: datetime
    updated_at: datetime | None = None
    confirmed_at: datetime | None = None
    closed_at: datetime | None = None
    expires_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    confirm_slots: int | None = None
    slippage_ladder_bps: tuple[int, ...] = ()
    time_in_force: str | None = None
    start_at: datetime | None = None
    summary: str | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the order rests until its price is met, or its time to start comes."""
        return self.status == "waiting"

    @property
    def level(self) -> Decimal | None:
        """The price that the order was placed to wait for; None where it waits for none."""
        return self.trigger_price if self.trigger_price is not None else self.limit_price


class Event(OrderState, frozen=True, kw_only=True):
    """One line of an order's journal, with everything known by then.

    `event` is the status where it changed, and the name of the note elsewhere. `slippage` is the
    realised one in percent. `cursor` is where a stream of all orders goes on.

    Of an order that waits for a price, `transition` says what happened (`armed`, `triggered`,
    `touched`, `rearmed`), and the rest on what that was based: the price that is waited for, the
    prices of the whole amount and of a small part of it, the slot of both, and by how many slots
    in a row the level was met.
    """

    seq: int
    event: str
    timestamp: datetime
    slippage: Decimal | None = None
    next_attempt_at: datetime | None = None
    transition: str | None = None
    level: Decimal | None = None
    effective_price: Decimal | None = None
    touch_price: Decimal | None = None
    observed_slot: int | None = None
    confirmed_by: int | None = None
    cursor: str | None = None

    @property
    def is_move(self) -> bool:
        """Whether the status changed, or another try began; everything else is a note."""
        return self.event == self.status


class OrderPage(ApiModel, frozen=True, kw_only=True):
    """A page of orders, newest first, with the counts of all."""

    orders: tuple[Order, ...]
    next_cursor: str | None = None
    waiting: int = 0
    active: int = 0
    delayed: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    total: int = 0


class Cancel(ApiModel, frozen=True, kw_only=True):
    """What became of a request to cancel.

    `cancel` is `cancelled`, `cancel_pending` (what is in flight may still land) or `too_late`.
    """

    order_id: str
    cancel: str
    status: str
    error: str | None = None


class Costs(ApiModel, frozen=True, kw_only=True):
    """The worst an order costs besides the venue's fee, in lamports."""

    network_fee_lamports: int = 0
    tip_lamports: int = 0
    rent_lamports: int = 0
    total_lamports: int = 0


class Quote(ApiModel, frozen=True, kw_only=True):
    """What an order would do now; nothing is stored."""

    token_in: str
    token_out: str
    token_in_mint: str = ""
    token_out_mint: str = ""
    symbol: str | None = None
    side: str | None = None
    mode: str
    amount_in: Decimal
    amount_out: Decimal
    min_amount_out: Decimal | None = None
    max_amount_in: Decimal | None = None
    slippage_bps: int
    price: Decimal | None = None
    selected_dex: str
    reason: str = ""
    summary: str = ""
    worst_case: str = ""
    quote: VenueQuote | None = None
    quotes: tuple[VenueQuote, ...] = ()
    absent: tuple[Absent, ...] = ()
    legs: tuple[Leg, ...] = ()
    pools: tuple[PoolChoice, ...] = ()
    more_pools: int = 0
    costs: Costs | None = None
    warnings: tuple[str, ...] = ()
    timestamp: datetime | None = None


class Pools(ApiModel, frozen=True, kw_only=True):
    """The pools of a pair, each with its quote for so many whole tokens in, or out."""

    token_in: str
    token_out: str
    amount_in: Decimal | None = None
    amount_out: Decimal | None = None
    pools: tuple[Pool, ...]
    absent: tuple[Absent, ...] = ()
    timestamp: datetime | None = None


class ReportDay(ApiModel, frozen=True, kw_only=True):
    """What the fills of one pair moved on one day (UTC), in whole tokens.

    `slippage` is the mean of the fills' own in percent; below 0 is better than quoted.
    """

    day: str
    token_in: str
    token_out: str
    fills: int
    amount_in: Decimal
    amount_out: Decimal
    quoted_amount_in: Decimal
    quoted_amount_out: Decimal
    slippage: Decimal
    fee_lamports: int
    attempts: int


class Report(ApiModel, frozen=True, kw_only=True):
    """The fills since an instant, newest day first; `truncated` when there were too many."""

    since: datetime | None = None
    orders: int = 0
    truncated: bool = False
    days: tuple[ReportDay, ...] = ()


class Halted(ApiModel, frozen=True, kw_only=True):
    """A stop of all trading. Why, and by whom, is told to callers with a key."""

    since: datetime | None = None
    reason: str | None = None
    by: str | None = None


class Health(ApiModel, frozen=True, kw_only=True):
    """Which parts answer: `ok`, `down` or `not_configured`. `status`: ok, degraded or down.

    `halt` is None while trading goes on.
    """

    status: str
    timestamp: datetime
    database: str = ""
    chain: str = ""
    redis: str = "not_configured"
    halt: Halted | None = None


class Ticket(ApiModel, frozen=True, kw_only=True):
    """A word that opens one stream, for places that cannot send a key; it expires soon."""

    ticket: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Ticket(expires_at={self.expires_at.isoformat()})"
