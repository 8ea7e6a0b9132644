"""Runs the paper network: slots, mempool, ledger, runtime."""

# The paper network composes time, ledger, mempool and runtime, and lands transactions slot by slot.
# The engine recovers from crashes by asking the chain what happened. A simulated chain that forgot
# or contradicted itself would make correct recovery look wrong, and wrong recovery look correct. So
# this network keeps three promises a real chain keeps:
#
# 1. A slot's executions are one durable commit, and nobody sees them before it. A status that was
#    reported and then lost in a crash would be a confirmed swap that never happened.
# 2. No height above the durable mark is reported, and a restart resumes at the mark. Heights never
#    go back. They do not jump by the time the process was away either, so a transaction does not
#    expire while no block was made. The mark is raised HEIGHT_RESERVE_SLOTS ahead, so that few
#    questions cost a commit.
# 3. A signature is executed at most once, for ever, and never past its last valid height. The
#    engine proves that a transaction has lapsed from exactly this.
#
# What may be lost: transactions on their way. The mempool is in memory, as it is on a real network,
# and the engine sends the same bytes again.
#
# Executing: `run` sleeps until the slot of the next landing. `_execute` takes the transactions of a
# slot, runs them on an overlay of the ledger, commits, and only then publishes. While a slot is
# being committed, `observations` reports no height at or above it as final (`_executing`):
# otherwise a caller could conclude that a transaction of this slot had not landed.
#
# Faults (a dropped send, a fork that is forgotten, a congested landing) are decided by a hash of
# the seed and the transaction's key, so that one seed gives one history. `inline` makes commits on
# the calling thread: under a simulated clock the same inputs then give the same network, step by
# step.

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cambist.faults import Code, Fault, fault
from cambist.orders.attempt import ChainParameters, Fill, NodeObservation, SignatureStatus
from cambist.paper import transaction_codec as paper
from cambist.paper.block_writer import BlockWriter
from cambist.paper.chain_ledger import Block, Execution, ExecutionCache, Ledger
from cambist.paper.fault_model import BLOCKHASH_WINDOW, REALISTIC, Profile, delay_ms, occurs
from cambist.paper.fault_switches import ActiveFaults
from cambist.paper.mempool import Mempool, PendingTransaction
from cambist.paper.swap_execution import Runtime
from cambist.ports.chain import Blockhash, ExecutedTransaction
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.values.amount import RawAmount
from cambist.values.ids import Address, Signature
from cambist.values.time_units import Height, Millis, Slot
from cambist.values.token import Pair
from cambist.venues.pool import Pool


class SlotClock:
    """The chain's own clock: every slot has a block, so a height is a slot too."""

    def __init__(self, clock: Clock, rules: ChainParameters, first: Height) -> None:
        self._clock = clock
        self._slot_ms = rules.slot_ms
        self._first = first
        self._started = clock.monotonic_ms()

    def now(self) -> Height:
        """Return the height at this moment."""
        return Height(self._first + (self._clock.monotonic_ms() - self._started) // self._slot_ms)

    def ms_until(self, slot: Slot) -> Millis:
        """Return how many milliseconds are left until a slot begins; at least one."""
        at = self._started + (slot - self._first) * self._slot_ms
        return Millis(max(at - self._clock.monotonic_ms(), 1))


HEIGHT_RESERVE_SLOTS: Final = 8
"""How far ahead of the reported height the mark is set, so that few questions cost a commit."""

BLOCK_SWAPS_MAX: Final = 100
"""How many transactions fit a slot, so that no slot holds the event loop for long."""

PHANTOM_SLOTS: Final = 3


class PaperNetwork:
    """One network: its file, its seed and its profile.

    `run` must be running for anything to land. With `inline` commits run on the calling thread,
    so that a simulated clock gives the same network every time.
    """

    def __init__(
        self,
        clock: Clock,
        path: Path,
        seed: int,
        profile: Profile = REALISTIC,
        *,
        inline: bool = False,
    ) -> None:
        self._clock = clock
        self._path = path
        self.seed = seed
        self.profile = profile
        self._inline = inline
        self._rules = profile.rules
        self._landing_slots_min = max(profile.landing_ms.low_ms // profile.slot_ms, 1)
        self.weather = ActiveFaults(clock)
        self._mempool = Mempool()
        self._executing: Slot | None = None
        self._executed = Slot(0)
        self._is_up = False
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()
        self._marking = asyncio.Lock()

    def open(self) -> None:
        """Open the file and go on from where it stopped. Raises WrongSeed and sqlite3.Error."""
        ledger = Ledger(self._path, self.seed)
        self._commits = BlockWriter(ledger, self._on_ledger_lost, inline=self._inline)
        self._heights = SlotClock(self._clock, self._rules, self._commits.mark)
        self._runtime = Runtime(ledger, self.seed, self.profile)
        self._landed = ExecutionCache(ledger)
        self._is_up = True

    def close(self) -> None:
        """Let the file go; what was not durable is lost, as in a crash."""
        self._is_up = False
        self._commits.close()

    def _on_ledger_lost(self) -> None:
        """Wake whoever waits, so that a network without its file is noticed."""
        self._is_up = False
        self._woken.set()
        self._settled.set()

    async def run(self) -> None:
        """Land transactions at their slots, for ever; does nothing while none is on its way.

        Raises what made a commit fail: the network cannot go on without its file.
        """
        try:
            while self._commits.lost is None:
                due = self._next_slot()
                if due is None:
                    self._woken.clear()
                    await self._woken.wait()
                    continue
                height = self._heights.now()
                if due > height:
                    soonest = min(due, height + self._landing_slots_min)
                    await self._clock.sleep(self._heights.ms_until(Slot(soonest)))
                    continue
                await self._execute(Slot(height))
            raise self._commits.lost
        finally:
            self._is_up = False

    async def wait_idle(self) -> None:
        """Wait until everything that was to land by now has landed, durably."""
        while not self._is_idle():
            self._settled.clear()
            await self._settled.wait()

    def _is_idle(self) -> bool:
        if not self._is_up:
            return True
        due = self._next_slot()
        return self._executing is None and (due is None or due > self._heights.now())

    def _next_slot(self) -> Slot | None:
        """Return the slot to execute next: no slot is executed twice."""
        due = self._mempool.first_slot
        return None if due is None else Slot(max(due, self._executed + 1))

    async def durable_height(self) -> Height:
        """Return the height, never to go back behind it. Raises PortUnavailable."""
        self._check()
        if self._heights.now() > self._commits.mark:
            async with self._marking:
                height = self._heights.now()
                if height > self._commits.mark:
                    await self._raise_mark(Height(height + HEIGHT_RESERVE_SLOTS))
        return min(self._heights.now(), self._commits.mark)

    async def _raise_mark(self, mark: Height) -> None:
        try:
            await self._commits.commit(Block(mark))
        except Exception as lost:
            msg = f"the paper chain cannot write: {lost}"
            raise PortUnavailable(msg) from lost

    async def blockhash(self) -> Blockhash:
        """Return the newest blockhash."""
        height = await self.durable_height()
        text = paper.blockhash_text(self.seed, height)
        return Blockhash(text, Height(height + BLOCKHASH_WINDOW), Slot(height))

    def simulate(self, message: bytes) -> Fault | None:
        """Return why the message would fail now."""
        self._check()
        read = paper.read(message)
        if read is None:
            return fault(Code.TRANSACTION_REFUSED)
        height = self._heights.now()
        if self._last_valid(read.blockhash, height) is None:
            return fault(Code.BLOCKHASH_EXPIRED)
        return self._runtime.reject_reason(read, Slot(height))

    def send(self, transaction: bytes) -> None:
        """Take a transaction, unless it is known, too old, or lost on its way.

        Raises PortUnavailable when it cannot be read or there is no room.
        """
        self._check()
        parts = paper.split_transaction(transaction)
        read = None if parts is None else paper.read(parts[1])
        if parts is None or read is None:
            msg = "the network cannot read the transaction"
            raise PortUnavailable(msg)
        signature, height = parts[0], self._heights.now()
        last_valid = self._last_valid(read.blockhash, height)
        if last_valid is None or signature in self._mempool:
            return
        if self._landed.find(signature, Height(last_valid - BLOCKHASH_WINDOW)) is not None:
            return
        if self._mempool.is_full:
            msg = "the network takes no more transactions at the moment"
            raise PortUnavailable(msg)
        self._enqueue(signature, read, last_valid, height)

    def _enqueue(
        self, signature: Signature, read: paper.PaperMessage, last_valid: Height, height: Height
    ) -> None:
        """Queue a transaction for its slot, if it arrives."""
        profile, key = self.profile, self._mempool.random_key(signature, read)
        if occurs(self.seed, "dropped", key, max(profile.dropped_ppm, self.weather.drop_ppm)):
            return
        takes_ms = delay_ms(self.seed, "landing", key, profile.landing_ms) + self.weather.delay_ms
        slots = takes_ms // profile.slot_ms
        slot, index = Slot(height + max(slots, 1)), self._mempool.next_index()
        self._mempool.add(PendingTransaction(slot, index, signature, read, last_valid, key))
        self._woken.set()

    async def observations(
        self, questions: Sequence[tuple[Signature, str]]
    ) -> list[NodeObservation]:
        """Return what the chain says of each signature and its blockhash."""
        height = await self.durable_height()
        final = Height(max(height - self._rules.finality_slots, 0))
        if self._executing is not None:
            final = Height(min(final, self._executing - 1))
        answers = []
        for signature, blockhash in questions:
            made = paper.height_of(self.seed, blockhash)
            valid = made is not None and final <= made + BLOCKHASH_WINDOW
            seen = self._sighting(signature, made or Height(0), height, final)
            at = Slot(final)
            answers.append(
                NodeObservation("paper", at, final, Slot(height), Slot(0), valid, seen, at)
            )
        return answers

    def _sighting(
        self, signature: Signature, made: Height, height: Height, final: Height
    ) -> SignatureStatus | None:
        done = self._landed.find(signature, made)
        if done is not None:
            return SignatureStatus(
                "finalized" if done.slot <= final else "confirmed", done.slot, done.fault
            )
        seen = self._mempool.forked_slot(signature, Slot(height))
        return None if seen is None else SignatureStatus("processed", seen)

    def executed_since(
        self, since: Slot, before: Signature | None, limit: int
    ) -> tuple[ExecutedTransaction, ...]:
        """Return what was executed at a slot or later, newest first."""
        self._check()
        return self._landed.traces(since, before, limit)

    def fetch_fill(self, signature: Signature) -> Fill | None:
        """Return what a landed transaction moved."""
        self._check()
        done = self._landed.find(signature, Height(0))
        if done is None or done.fault is not None:
            return None
        moved_in, moved_out = RawAmount(done.amount_in), RawAmount(done.amount_out)
        return Fill(signature, moved_in, moved_out, RawAmount(done.fee_lamports), done.slot)

    def pools(self, venue: str, pair: Pair) -> tuple[Pool, ...]:
        """Return a venue's pools of a pair as they stand."""
        self._check()
        given, taken = pair.token_in.mint, pair.token_out.mint
        if given == taken:
            return ()
        return self._runtime.pools.pair(venue, given, taken, Slot(self._heights.now()))

    @property
    def has_durable_height(self) -> bool:
        """Whether the height of this moment may be reported without a commit."""
        return self._is_up and self._heights.now() <= self._commits.mark

    def balance(self, wallet: Address, mint: Address) -> int:
        """Return a wallet's balance in raw units."""
        self._check()
        return self._runtime.balance(wallet, mint)

    def _check(self) -> None:
        if not self._is_up:
            msg = "the paper chain is not running"
            raise PortUnavailable(msg)

    def _last_valid(self, blockhash: str, height: Height) -> Height | None:
        """Return the last height a blockhash is good for; None when it is not good now."""
        made = paper.height_of(self.seed, blockhash)
        if made is None or not made <= height <= made + BLOCKHASH_WINDOW:
            return None
        return Height(made + BLOCKHASH_WINDOW)

    async def _execute(self, slot: Slot) -> None:
        self._executed = self._executing = slot
        taken = self._mempool.take(slot, BLOCK_SWAPS_MAX)
        executions = tuple(
            done for record in taken if (done := self._land(record, slot)) is not None
        )
        if executions:
            mark = Height(slot + HEIGHT_RESERVE_SLOTS)
            await self._commits.until_written(self._runtime.block(mark, executions), self._clock)
            self._runtime.publish()
            self._landed.add(executions)
        self._mempool.settle(taken)
        self._executing = None
        self._settled.set()

    def _land(self, pending: PendingTransaction, slot: Slot) -> Execution | None:
        if slot > pending.last_valid_height:
            return None
        fork_ppm = max(self.profile.phantom_ppm, self.weather.fork_ppm)
        if occurs(self.seed, "phantom", pending.random_key, fork_ppm):
            self._mempool.show_on_fork(pending.signature, slot, Slot(slot + PHANTOM_SLOTS))
            return None
        return self._runtime.execute(pending.message, pending.signature, slot)
