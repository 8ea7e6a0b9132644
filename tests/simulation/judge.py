"""Holds every line that becomes durable, and every block, against the promises.

The judge folds the journals itself, knows the whole chain, and looks after every step that could
break a promise. The numbers are those of docs/simulation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from msgspec.structs import replace

from cambist.orders import events
from cambist.orders.attempt import Fill
from cambist.orders.journal import JournalEntry, decode_event, entry_hash
from cambist.orders.lifecycle import IllegalTransition, create_order, evolve
from cambist.orders.order import GENESIS, Order, Status
from cambist.orders.trigger import Condition
from cambist.values.ids import OrderId, Signature
from cambist.values.time_units import Timestamp
from tests.simulation.evidence import is_proof
from tests.simulation.ledger import Block, Landing, Ledger
from tests.simulation.trace_log import Diary

UNSPENT = (Status.FAILED, Status.CANCELLED, Status.EXPIRED)
OPEN = (Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED)
NAMED = {"started", "sent", "seen", "retry_scheduled", "finalized", "cancel_requested"}


class Life:
    """One order as its journal tells it."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.condition: Condition | None = None
        """What it waited for before its newest line."""
        self.entries: list[JournalEntry] = []
        self.cancelled_after: int | None = None
        self.signed: dict[Signature, events.Signed] = {}
        self.fates: dict[Signature, str] = {}

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
        return self.order.is_closed and not self.order.awaits_chain


class Judge:
    """Knows all, and forgives nothing."""

    def __init__(self, ledger: Ledger, diary: Diary, endpoints: int) -> None:
        self._ledger, self._diary, self._endpoints = ledger, diary, endpoints
        self.reads_evidence = True
        self.is_halted: Callable[[], bool] = lambda: False
        self.most_open: Callable[[], int | None] = lambda: None
        self.lives: dict[OrderId, Life] = {}
        self.lines: list[JournalEntry] = []
        self._dead: dict[Signature, OrderId] = {}
        self._landed: dict[OrderId, list[Landing]] = {}
        self._tip: Block | None = None
        ledger.on_receive = self.received
        ledger.on_slot = self.slot

    # ----------------------------------------------------------------------------- journal

    def durable(self, entries: Iterable[JournalEntry]) -> None:
        """Judge lines that became durable, in the order of their places."""
        for entry in entries:
            self.lines.append(entry)
            one = decode_event(entry.payload)
            life = self._life(entry, one)
            if life is None:
                continue
            who = entry.order_id
            if entry.kind in NAMED:
                self._diary.note(entry.kind, who)
            elif entry.kind != "accepted":
                self._diary.note(f"{entry.kind} {entry.payload.decode()[:150]}", who)
            self._judge(life, one)
            if entry.kind == "cancel_requested":
                life.cancelled_after = len(self.lines) - 1
            if entry.kind in ("accepted", "signed", "triggered") and self.is_halted():
                self._diary.blame("I12", f"{entry.kind} under a halt", who)
            most = self.most_open()
            if most is not None and entry.kind == "accepted" and self.open_orders > most:
                self._diary.blame("I8", f"more than {most} orders are open", who)

    def _life(self, entry: JournalEntry, event: events.OrderEvent) -> Life | None:
        """Fold a line into its order (I4, I5)."""
        life = self.lives.get(entry.order_id)
        before = GENESIS if life is None else life.order.head_hash
        expected = 1 if life is None else life.order.last_seq + 1
        if life is None and isinstance(event, events.Accepted):
            order = create_order(entry.order_id, event, entry.at)
            life = self.lives[entry.order_id] = Life(order)
            self._diary.names[entry.order_id] = event.intent.user_id or entry.order_id
            self._diary.note(f"accepted as {entry.order_id}", entry.order_id)
        elif life is None:
            self._diary.blame("I5", f"a journal begins with {event.kind}", entry.order_id)
            return None
        else:
            try:
                order = evolve(life.order, event, entry.at)
            except IllegalTransition as illegal:
                self._diary.blame("I4", f"{illegal}", entry.order_id)
                return None
        whole = entry_hash(before, entry.order_id, entry.seq, entry.at, entry.payload)
        if entry.seq != expected or entry.hash != whole:
            self._diary.blame(
                "I5", f"line {entry.seq} does not follow {expected - 1}", entry.order_id
            )
        life.condition = life.order.condition
        life.order = replace(
            order, last_seq=entry.seq, last_at=entry.at, head_hash=entry.hash
        )  # fmt: skip
        life.entries.append(entry)
        return life

    def _judge(self, life: Life, event: events.OrderEvent) -> None:
        """Judge what a fact says of the chain (I2, I3, I7)."""
        match event:
            case events.Signed():
                self._judge_signed(life, event)
            case events.Triggered():
                self._judge_triggered(life, event)
            case events.Lapsed():
                self._judge_lapsed(life, event)
            case events.Reverted(signature, _, _):
                life.fates[signature] = "reverted"
                landing = self._ledger.landing(signature, self._ledger.now.finalized)
                if landing is None or landing.error is None:
                    self._diary.blame("I7", "reverted, and it is not so", life.order.id)
            case events.Landed(fill):
                self._judge_landed(life, fill)
            case events.RolledBack():
                self._diary.blame("I3", "what had landed was called rolled back", life.order.id)
            case events.Failed() | events.Cancelled() | events.Expired():
                if self.successes(life.order.id, self._ledger.now.tip):
                    self._diary.blame("I2", f"{event.kind}, and it was executed", life.order.id)
            case _:
                return

    def _judge_signed(self, life: Life, event: events.Signed) -> None:
        alive = [name for name in life.signed if name not in life.fates]
        if alive:
            self._diary.blame("I7", "signed while an attempt could land", life.order.id)
        if any(event.signature in other.signed for other in self.lives.values()):
            self._diary.blame("I7", "signed the same twice", life.order.id)
        life.signed[event.signature] = event

    def _judge_triggered(self, life: Life, event: events.Triggered) -> None:
        """Judge that a price was met and confirmed as the order asked, by what was seen (I13)."""
        condition, seen = life.condition, event.observation
        if condition is None:
            return
        confirmed = life.order.terms.confirm_slots
        if seen is None or not condition.is_met(seen.effective) or seen.observations < confirmed:
            self._diary.blame("I13", "triggered, and its price was not met", life.order.id)

    def _judge_lapsed(self, life: Life, event: events.Lapsed) -> None:
        life.fates[event.signature] = "lapsed"
        self._dead[event.signature] = life.order.id
        attempt = life.order.attempt
        if self._ledger.landing(event.signature, self._ledger.now.tip) is not None:
            self._diary.blame("I7", "called dead, and it has landed", life.order.id)
        if not self.reads_evidence:
            return
        if attempt is None or not is_proof(attempt, event.evidence, self._endpoints):
            self._diary.blame("I7", "called dead without proof", life.order.id)

    def _judge_landed(self, life: Life, fill: Fill) -> None:
        life.fates[fill.signature] = "landed"
        landing = self._ledger.landing(fill.signature, self._ledger.now.tip)
        moved = (fill.amount_in, fill.amount_out, fill.slot)
        if landing is None or landing.error is not None:
            self._diary.blame("I3", "confirmed, and nothing was executed", life.order.id)
        elif moved != (landing.amount_in, landing.amount_out, landing.slot):
            self._diary.blame("I3", "the fill is not what was moved", life.order.id)
        route, intent = life.order.route, life.order.intent
        if route is None:
            return
        if intent.mode == "exact_in":
            kept = fill.amount_out >= route.bound and fill.amount_in <= intent.amount
        else:
            kept = fill.amount_in <= route.bound and fill.amount_out >= intent.amount
        if not kept:
            self._diary.blame("I8", "the fill is worse than the bound", life.order.id)
        limit = life.order.terms.limit_price
        if limit is not None and not limit.is_reached_by(fill.amount_in, fill.amount_out):
            self._diary.blame("I14", "the fill is worse than the limit", life.order.id)

    # ------------------------------------------------------------------------------- chain

    def received(self, signature: Signature, transaction: bytes) -> None:
        """Judge bytes that reach the network for the first time (I6)."""
        for life in self.lives.values():
            signed = life.signed.get(signature)
            if signed is not None:
                self._diary.note(f"the network has attempt {signed.attempt}", life.order.id)
                if signed.transaction_sha256 != sha256(transaction).hexdigest():
                    self._diary.blame("I6", "sent other bytes than recorded", life.order.id)
                return
        self._diary.blame("I6", f"sent before it was recorded: {signature[:8]}")

    @property
    def lines_seen(self) -> int:
        """How many lines are durable: what a read that begins now can know."""
        return len(self.lines)

    def order_of(self, transaction: bytes) -> OrderId | None:
        """Return the order whose recorded attempt these bytes are."""
        digest = sha256(transaction).hexdigest()
        for life in self.lives.values():
            if any(
                transaction.transaction_sha256 == digest for transaction in life.signed.values()
            ):
                return life.order.id
        return None

    def sending(self, order_id: OrderId | None, read: tuple[int, Timestamp] | None) -> None:
        """Judge that a process begins to send, and what it could know when it last looked (I19)."""
        life = None if order_id is None else self.lives.get(order_id)
        if life is None or order_id is None:
            return  # I6 judges bytes that are on no record
        if read is None:
            self._diary.blame("I19", "sent without a look at its cancel and deadline", order_id)
            return
        lines, now = read
        if life.cancelled_after is not None and life.cancelled_after < lines:
            self._diary.blame("I19", "sent after it was cancelled", order_id)
        deadline = life.order.terms.deadline
        if deadline is not None and now >= deadline:
            self._diary.blame("I19", "sent after its deadline", order_id)

    def slot(self) -> None:
        """Judge the newest block (I1, I2, I7)."""
        view = self._ledger.now
        tip = view.tip
        if tip is self._tip:
            return
        if self._tip is not None and tip.parent is not self._tip:
            self._diary.note(f"fork: block {self._tip.slot} is gone")
        self._tip = tip
        for landing in tip.landed.values():
            self._judge_landing(landing, tip)

    def _judge_landing(self, landing: Landing, tip: Block) -> None:
        who = landing.order_id
        how = f"fails: {landing.error.code}" if landing.error else "succeeds"
        self._diary.note(f"attempt {landing.attempt} {how} in block {landing.slot}", who)
        if landing.signature in self._dead:
            self._diary.blame("I7", f"attempt {landing.attempt} landed after its death", who)
        if landing.error is not None:
            return
        self._landed.setdefault(who, []).append(landing)
        if len(self.successes(who, tip)) > 1:
            self._diary.blame("I1", "executed twice", who)
        life = self.lives.get(who)
        if life is not None and life.order.status in UNSPENT:
            self._diary.blame("I2", f"executed, and it is {life.order.status}", who)

    def successes(self, order_id: OrderId, line: Block) -> set[Signature]:
        """Return the transactions of an order that succeeded on a line of blocks."""
        tried = {one.signature for one in self._landed.get(order_id, ())}
        seen = {name: self._ledger.landing(name, line) for name in tried}
        return {name for name, landing in seen.items() if landing and landing.error is None}

    # --------------------------------------------------------------------------------- end

    @property
    def is_over(self) -> bool:
        """Whether every order has come to its end."""
        return all(life.is_over for life in self.lives.values())

    @property
    def open_orders(self) -> int:
        """How many orders count towards the backlog; those that rested keep nobody out."""
        return sum(
            life.order.status in OPEN and life.order.trigger is None for life in self.lives.values()
        )

    def close(self, rows: Sequence[Order]) -> None:
        """Judge the end: rows against journals (I5), orders against the chain (I1, I2, I3)."""
        final = self._ledger.now.finalized
        if {row.id for row in rows} != set(self.lives):
            self._diary.blame("I9", "rows and journals are of different orders")
        for row in rows:
            life = self.lives.get(row.id)
            if life is not None and _bare(row) != _bare(life.order):
                self._diary.blame("I5", "the row is not what its journal tells", row.id)
        for who, life in self.lives.items():
            paid, fill = self.successes(who, final), life.order.fill
            if life.order.status is Status.CONFIRMED:
                if fill is None or paid != {fill.signature}:
                    self._diary.blame("I3", "confirmed, and the final chain differs", who)
            elif paid and life.is_over:
                self._diary.blame("I2", f"{life.order.status}, and the chain has executed it", who)


def _bare(order: Order) -> Order:
    """Return what the journal alone can tell of an order."""
    bare = replace(order, version=0, lease_owner=None, lease_epoch=0, wake_at=None)
    attempt = bare.attempt
    return bare if attempt is None else replace(bare, attempt=replace(attempt, transaction=b""))
