"""Compares the store with the chain, and halts trading when the chain executed more."""

# A store that was restored from a backup lacks the attempts that were signed after the backup. An
# engine that goes on from it executes those orders a second time. So before any order is moved, and
# then once a minute, all transactions that the chain executed for our wallet are looked up among
# the stored attempts. One that is missing halts all trading; the halt is a row in the store, and so
# it stops every process.
#
# After a restore one comparison is not enough. A transaction that was in flight at the time of the
# backup may still land. The restored store carries a halt of its own, which is lifted once
# `blockhash_window + finality_slots` have passed: by then it has landed finally, or never will.

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from cambist.ports.chain import Chain, ExecutedTransaction
from cambist.ports.clock import Clock
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import Halt, Store
from cambist.values.ids import Signature
from cambist.values.time_units import Slot

RECONCILE_EVERY_MS: Final = 60_000
UNAVAILABLE_RETRY_MS: Final = 250
TRACES_PER_PAGE: Final = 500
LOGGED_MAX: Final = 20
BY: Final = "cambist"
RESTORED_BY: Final = "cambist restore"
"""Who halts a store that was just restored; that halt ends by itself when nothing is missing."""

log = structlog.get_logger("cambist.reconciler")


def behind_chain_message(many: int) -> str:
    """Say why trading stops, and where to read what to do."""
    attempts = "1 executed attempt is" if many == 1 else f"{many} executed attempts are"
    return (
        f"the chain knows more than the store: {attempts} not in it, as after a restore from a"
        " backup; `cambist doctor` lists them and says what to do"
    )


class Reconciler:
    """Compares once before orders are moved (then `compared` is set), and periodically after."""

    def __init__(self, store: Store, chain: Chain, clock: Clock) -> None:
        self._store = store
        self._chain = chain
        self._clock = clock
        self._first: Slot | None = None
        self.compared = asyncio.Event()

    async def run(self) -> None:
        """Compare until cancelled; retry while the store or the chain is unavailable."""
        while True:
            try:
                await self.reconcile_once()
                wait_ms = await self._wait_ms()
            except PortUnavailable as error:
                log.warning("not_compared", error=str(error))
                wait_ms = RECONCILE_EVERY_MS if self.compared.is_set() else UNAVAILABLE_RETRY_MS
            await self._clock.sleep(wait_ms)

    async def reconcile_once(self) -> int:
        """Compare everything the chain executed since the last time; return what is missing.

        Raises PortUnavailable.
        """
        # The slot is read before the transactions: what executes in between is for the next time.
        height = (await self._chain.blockhash()).slot
        self._first = height if self._first is None else self._first
        mark = await self._store.reconciled_to()
        if mark is not None and height < mark:
            log.error("chain_behind", height=height, seen=mark)
            mark = None
        missing = await self._search(mark or Slot(0))
        if not missing and self._is_settled(height):
            await self._end_restore()
        await self._store.mark_reconciled(height)
        self.compared.set()
        return missing

    async def _search(self, since: Slot) -> int:
        """Record every transaction since a slot that is no stored attempt, page by page."""
        total, before = 0, None
        while True:
            page = await self._chain.executed_since(since, before, TRACES_PER_PAGE)
            missing = await self._unrecorded(page)
            if missing:
                total += len(missing)
                await self._halt(missing, total)
            if len(page) < TRACES_PER_PAGE:
                return total
            before = page[-1].signature

    async def _unrecorded(
        self, page: tuple[ExecutedTransaction, ...]
    ) -> tuple[ExecutedTransaction, ...]:
        if not page:
            return ()
        unrecorded: frozenset[Signature]
        unrecorded = await self._store.unrecorded([transaction.signature for transaction in page])
        return tuple(transaction for transaction in page if transaction.signature in unrecorded)

    async def _halt(self, missing: tuple[ExecutedTransaction, ...], total: int) -> None:
        reason, now = behind_chain_message(total), self._clock.now()
        await self._store.halt_for_unrecorded(missing, Halt(reason, BY, now), now)
        log.critical("halted", by=BY, reason=reason)
        for transaction in missing[: max(LOGGED_MAX - total + len(missing), 0)]:
            log.error(
                "attempt_missing",
                order_id=transaction.order_id,
                attempt=transaction.attempt,
                signature=transaction.signature,
                slot=transaction.slot,
                failed=transaction.failed,
            )

    def _settle_slots(self) -> int:
        """Return how many slots a transaction in flight at the start may take to become final."""
        rules = self._chain.rules
        return rules.blockhash_window + rules.finality_slots

    def _is_settled(self, height: Slot) -> bool:
        return self._first is not None and height > self._first + self._settle_slots()

    async def _end_restore(self) -> None:
        """Lift the halt of a restore: all that was in flight has landed finally or never will."""
        halt = await self._store.halted()
        if halt is not None and halt.by == RESTORED_BY:
            why = "restored, and the chain executed nothing that is not in the store"
            await self._store.resume(BY, why, self._clock.now())
            log.warning("resumed", by=BY, reason=why)

    async def _wait_ms(self) -> int:
        """Return the wait until the next comparison; shorter while a restore waits to settle."""
        halt = await self._store.halted()
        if halt is None or halt.by != RESTORED_BY:
            return RECONCILE_EVERY_MS
        return min((self._settle_slots() + 2) * self._chain.rules.slot_ms, RECONCILE_EVERY_MS)
