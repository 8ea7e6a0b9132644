"""Is the chain itself: slots, forks, a mempool, and everything that ever landed.

It knows all, and so it judges. The engine never talks to it but through endpoints, which see
some moment of it (`View`) and may lie.

The rules are Solana's, scaled down to a tenth: 15 blocks instead of 150, finality after 3. A
transaction lands at most once on one line of blocks, up to `WINDOW` blocks after that of its
blockhash. Forks drop the newest one or two blocks; what is confirmed or finalized stays so,
whatever the newest block is: both are high-water marks.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, NamedTuple

from cambist.faults import Code, Fault, fault
from cambist.orders.attempt import ChainParameters, Commitment
from cambist.paper.transaction_codec import PaperMessage, read, split_transaction
from cambist.values.ids import OrderId, Signature
from cambist.values.time_units import Height, Millis, Slot
from tests.simulation.fault_dice import Dice
from tests.simulation.loop import VirtualLoop

WINDOW: Final = 15
FINALITY: Final = 3
CONFIRMED_AT: Final = 2
SLOT_MS: Final = 400
SLACK: Final = 6
CACHED_SLOTS: Final = 30
FIRST_SLOT: Final = 10_000
FIRST_HEIGHT: Final = 9_000


def rules(witnesses: int) -> ChainParameters:
    """Return what the engine is told of this chain."""
    return ChainParameters(
        Millis(SLOT_MS), WINDOW, FINALITY, WINDOW, witnesses, CACHED_SLOTS, SLACK
    )  # fmt: skip


class Landing(NamedTuple):
    """A transaction in a block."""

    signature: Signature
    order_id: OrderId
    attempt: int
    slot: int
    error: Fault | None
    amount_in: int
    amount_out: int


class Block:
    """A block and the one before it."""

    __slots__ = ("height", "landed", "parent", "slot")

    def __init__(self, slot: int, height: int, parent: Block | None) -> None:
        self.slot, self.height, self.parent = slot, height, parent
        self.landed: dict[Signature, Landing] = {}

    @property
    def hash(self) -> str:
        return f"Hash{self.slot}"

    def at(self, height: int) -> Block:
        """Return the block of a height on the line that ends here."""
        block = self
        while block.height > height and block.parent is not None:
            block = block.parent
        return block

    def holds(self, other: Block) -> bool:
        """Whether another block is on the line that ends here."""
        return self.at(other.height) is other


class View(NamedTuple):
    """What an honest node with nothing missing knows at some slot."""

    slot: int
    tip: Block
    confirmed: Block
    finalized: Block


class _Pending(NamedTuple):
    message: PaperMessage
    signature: Signature
    blockhash: Block
    lands_at: int


class Ledger:
    """The one truth about money in a run. `on_slot` is called after each slot."""

    def __init__(self, seed: object, dice: Dice, loop: VirtualLoop) -> None:
        self._dice, self._loop = dice, loop
        self._chance = random.Random(f"{seed}:chain")
        genesis = Block(FIRST_SLOT, FIRST_HEIGHT, None)
        self._blocks: dict[str, Block] = {genesis.hash: genesis}
        self._pool: dict[Signature, _Pending] = {}
        self.places: dict[Signature, list[Block]] = {}
        self.received: dict[Signature, bytes] = {}
        self.on_receive: Callable[[Signature, bytes], None] = lambda *_: None
        self.on_slot: Callable[[], None] = lambda: None
        self.history: list[View] = []
        tip = genesis
        for number in range(1, 2 * WINDOW):
            tip = self._grow(FIRST_SLOT + number, tip)
            mark = tip.at(tip.height - FINALITY)
            self.history.append(
                View(tip.slot, tip, tip.at(tip.height - CONFIRMED_AT), mark)
            )  # fmt: skip

    @property
    def now(self) -> View:
        """The newest view."""
        return self.history[-1]

    def ago(self, slots: int) -> View:
        """Return the view of so many slots ago."""
        return self.history[max(len(self.history) - 1 - slots, 0)]

    def block_of(self, text: str) -> Block | None:
        """Return the block of a blockhash."""
        return self._blocks.get(text)

    def tick(self) -> None:
        """Let one slot pass."""
        last, dice = self.now, self._dice
        slot, tip = last.slot + 1, last.tip
        if dice.hit("chain forks"):
            tip = self._drop(
                tip, max(last.confirmed.height, tip.height - self._chance.choice((1, 2)))
            )
        if not dice.hit("chain skips a slot"):
            tip = self._grow(slot, tip)
        confirmed = tip.at(max(tip.height - CONFIRMED_AT, last.confirmed.height))
        finalized = tip.at(max(tip.height - FINALITY, last.finalized.height))
        self.history.append(View(slot, tip, confirmed, finalized))
        self.on_slot()

    def _drop(self, tip: Block, height: int) -> Block:
        """Forget the newest blocks; most of what they held may land again."""
        kept = tip.at(height)
        while tip is not kept and tip.parent is not None:
            for landing in tip.landed.values():
                if self._chance.random() < 0.7:
                    self.receive(self.received[landing.signature])
            tip = tip.parent
        return kept

    def _grow(self, slot: int, parent: Block) -> Block:
        block = Block(slot, parent.height + 1, parent)
        self._blocks[block.hash] = block
        for pending in list(self._pool.values()):
            self._consider(pending, block)
        return block

    def _consider(self, pending: _Pending, block: Block) -> None:
        """Execute a transaction in a block, if it may and its time has come."""
        last_valid = pending.blockhash.height + WINDOW
        if block.height > last_valid + 2:
            # No fork goes further back than two blocks.
            self._pool.pop(pending.signature, None)
        parent = block.parent
        if parent is None or block.height > last_valid or block.height < pending.lands_at:
            return
        if block.height < last_valid and self._dice.hit("chain is congested"):
            return
        known = self.places.get(pending.signature, [])
        if not parent.holds(pending.blockhash) or any(parent.holds(one) for one in known):
            return
        self._pool.pop(pending.signature, None)
        block.landed[pending.signature] = self._execute(pending, block)
        self.places.setdefault(pending.signature, []).append(block)

    def _execute(self, pending: _Pending, block: Block) -> Landing:
        told, error = pending.message, None
        (swap,) = told.swaps
        amount_in = amount_out = swap.amount
        if self._dice.hit("chain executes with an error"):
            final = self._chance.random() < 0.1
            error = fault(Code.INSUFFICIENT_FUNDS if final else Code.SLIPPAGE_EXCEEDED)
            amount_in = amount_out = 0
        elif swap.mode == "exact_in":
            amount_out = self._chance.randint(swap.bound, swap.bound * 201 // 200)
        else:
            amount_in = self._chance.randint(max(swap.bound * 199 // 200, 1), swap.bound)
        return Landing(
            pending.signature, told.order_id, told.attempt, block.slot, error,
            amount_in, amount_out,
        )  # fmt: skip

    def receive(self, transaction: bytes) -> None:
        """Take a transaction from the network; identical bytes are one transaction."""
        apart = split_transaction(transaction)
        told = None if apart is None else read(apart[1])
        block = None if told is None else self._blocks.get(told.blockhash)
        if apart is None or told is None:
            raise AssertionError("the engine sent what no signer signed")
        signature = apart[0]
        if signature not in self.received:
            self.received[signature] = transaction
            self.on_receive(signature, transaction)
        if block is None or self.now.tip.height > block.height + WINDOW:
            return
        late = self._dice.hit("chain includes at the last height")
        last, soon = block.height + WINDOW, self.now.tip.height + self._chance.randint(1, 5)
        lands_at = last if late else min(soon, last)
        known = self._pool.get(signature)
        if known is not None:
            lands_at = (
                min(lands_at, known.lands_at) if self._chance.random() < 0.3 else known.lands_at
            )
        self._pool[signature] = _Pending(told, signature, block, lands_at)

    def landing(self, signature: Signature, line: Block) -> Landing | None:
        """Return where a transaction stands on a line of blocks."""
        for block in self.places.get(signature, ()):
            if line.holds(block):
                return block.landed[signature]
        return None

    def commitment(self, landing: Landing, view: View) -> Commitment:
        """Tell how firmly a landing stood in a view that holds it."""
        if landing.slot <= view.finalized.slot:
            return "finalized"
        return "confirmed" if landing.slot <= view.confirmed.slot else "processed"

    def height(self, block: Block) -> tuple[Slot, Height]:
        """Return where a block stands."""
        return Slot(block.slot), Height(block.height)
