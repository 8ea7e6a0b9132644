"""Executes swaps in their slot: fee, random faults, pools, bounds and funds, in that order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from cambist.faults import Code, Fault, fault
from cambist.paper.chain_ledger import BalanceKey, Block, Execution, Ledger
from cambist.paper.fault_model import Profile, occurs
from cambist.paper.pool_models import POOL_MODELS
from cambist.paper.pool_states import PoolKey, PoolState, PoolStates, pool_address, pool_key
from cambist.paper.slot_overlay import SlotOverlay
from cambist.paper.tokens import token_of_mint
from cambist.paper.transaction_codec import OneSwap, PaperMessage
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address, Signature
from cambist.values.time_units import Height, Slot
from cambist.values.token import SOL
from cambist.venues.pool import Pool, SwapResult
from cambist.venues.snapshot import PoolRejected

ENDOWMENT, ARBITRAGE, FEES = "endowment", "arbitrage", "fees"
"""The accounts that balance what enters the network, moves pools, and is burned."""

ENDOWMENT_MAX: Final = RAW_MAX // 4
BALANCES_IN_MEMORY_MAX: Final = 100_000


class Runtime:
    """Wallets and pools, and what transactions do to them."""

    def __init__(self, ledger: Ledger, seed: int, profile: Profile) -> None:
        self._seed = seed
        self._profile = profile
        self._balances: SlotOverlay[BalanceKey, int] = SlotOverlay(
            ledger.balance, BALANCES_IN_MEMORY_MAX
        )
        self.pools = PoolStates(seed, ledger.pool, ledger.push)

    def balance(self, wallet: Address, mint: Address) -> int:
        """Return what everyone sees in a wallet, in raw units; an unused one will be funded."""
        held = self._balances.seen(BalanceKey(wallet, mint))
        return self._endowment(mint) if held is None else held

    def reject_reason(self, message: PaperMessage, slot: Slot) -> Fault | None:
        """Return why a message would fail if it were executed now, random faults apart."""
        lamports = self.balance(message.wallet, SOL.mint)
        if lamports < message.fee_lamports:
            return fault(Code.INSUFFICIENT_FUNDS, "The wallet cannot pay the network's fee.")

        def held(mint: Address) -> int:
            fee = message.fee_lamports if mint == SOL.mint else 0
            return self.balance(message.wallet, mint) - fee

        done = _trade(message, lambda key: self.pools.seen(key, slot), held)
        return done if isinstance(done, Fault) else None

    def execute(self, message: PaperMessage, signature: Signature, slot: Slot) -> Execution | None:
        """Execute a message on the running slot; None when it cannot even pay its fee."""
        wallet = message.wallet
        if self._held(wallet, SOL.mint) < message.fee_lamports:
            return None
        self._move(wallet, FEES, SOL.mint, message.fee_lamports)
        done = self._swap(message, slot)
        why, moved_in, moved_out = None, 0, 0
        if isinstance(done, Fault):
            why = done
        else:
            moved_in, moved_out = done.moved(message.mint_in, message.mint_out)
        return Execution(
            signature,
            message.order_id,
            message.attempt,
            slot,
            why,
            wallet,
            message.mint_in,
            message.mint_out,
            moved_in,
            moved_out,
            message.fee_lamports,
        )

    def block(self, mark: Height, executions: tuple[Execution, ...]) -> Block:
        """Return the running slot as one commit."""
        pools = self.pools
        changes = (self._balances.changes, pools.states.changes, pools.pushes.changes)
        return Block(mark, executions, *changes)

    def publish(self) -> None:
        """Let everyone see the slot; it is durable now."""
        self._balances.publish()
        self.pools.publish()

    def _swap(self, message: PaperMessage, slot: Slot) -> ExecutionEffects | Fault:
        profile = self._profile
        if occurs(self._seed, "reverted", message.reference, profile.reverted_ppm):
            return fault(Code.NETWORK_CONGESTED)
        wallet = message.wallet
        find, held = self.pools.current, self._held
        done = _trade(message, lambda key: find(key, slot), lambda mint: held(wallet, mint))
        if isinstance(done, Fault):
            return done
        for swap in done.swaps:
            self._book_arbitrage(swap.key, swap.pool)
            self._book_swap(swap, slot)
        for mint, change in done.changes.items():
            self._add(message.wallet, mint, change)
        return done

    def _book_arbitrage(self, key: PoolKey, pool: Pool) -> None:
        """Book what moved a pool since its last swap, or what it began with."""
        before, shape = self.pools.states.current(key), POOL_MODELS[key.program]
        saved = shape.dump(pool)
        if before is not None and before.saved == saved:
            return
        now = shape.holdings(pool)
        if before is None:
            source, change, held = ENDOWMENT, now, now
        else:
            then = shape.holdings(self.pools.left(key, before))
            source, change = ARBITRAGE, (now[0] - then[0], now[1] - then[1])
            held = (before.held_a + change[0], before.held_b + change[1])
        self._add(source, key.mint_a, -change[0])
        self._add(source, key.mint_b, -change[1])
        self.pools.states.stage(key, PoolState(*held, pool.slot, saved))

    def _book_swap(self, booked: _Swap, slot: Slot) -> None:
        """Book what a swap brought its pool and took from it."""
        before = self.pools.states.current(booked.key)
        if before is None:
            raise AssertionError  # arbitrage was booked just before
        a, b = booked.swap.amount_in, -booked.swap.amount_out
        if booked.mint_in == booked.key.mint_b:
            a, b = b, a
        saved = POOL_MODELS[booked.key.program].dump(booked.swap.end)
        pushed = self.pools.push(booked.key, booked.pool, booked.swap.end, slot)
        state = PoolState(before.held_a + a, before.held_b + b, slot, saved, pushed)
        self.pools.states.stage(booked.key, state)

    def _held(self, wallet: Address, mint: Address) -> int:
        """Return a wallet's balance on the running slot, funding it on first use."""
        holding = BalanceKey(wallet, mint)
        held = self._balances.current(holding)
        if held is None:
            held = self._endowment(mint)
            self._add(ENDOWMENT, mint, -held)
            self._balances.stage(holding, held)
        return held

    def _endowment(self, mint: Address) -> int:
        whole: int = 10 ** token_of_mint(mint).decimals
        return min(self._profile.endowment_whole * whole, ENDOWMENT_MAX)

    def _move(self, source: Address, target: str, mint: Address, raw: int) -> None:
        self._add(source, mint, -raw)
        self._add(target, mint, raw)

    def _add(self, account: str, mint: Address, raw: int) -> None:
        holding = BalanceKey(account, mint)
        held = self._balances.current(holding)
        if held is None:
            held = (
                0 if account in (ENDOWMENT, ARBITRAGE, FEES) else self._held(Address(account), mint)
            )
        self._balances.stage(holding, held + raw)


class _Swap(NamedTuple):
    """A swap that a message does: in which pool, as it stood, and what it did."""

    key: PoolKey
    pool: Pool
    mint_in: Address
    swap: SwapResult


class ExecutionEffects(NamedTuple):
    """What a message does: its swaps, and what the wallet has more in the end, by mint."""

    swaps: tuple[_Swap, ...]
    changes: dict[Address, int]

    def moved(self, mint_in: Address, mint_out: Address) -> tuple[int, int]:
        """Return what was given of one mint, and got of another."""
        return -self.changes.get(mint_in, 0), self.changes.get(mint_out, 0)


def _pool_key(swap: OneSwap) -> PoolKey | None:
    """Return the key of the pool a swap names; None when there is no such pool."""
    if swap.program not in POOL_MODELS or swap.mint_in == swap.mint_out:
        return None
    key = pool_key(swap.program, swap.mint_in, swap.mint_out)
    return key if pool_address(key) == swap.pool else None


def _trade(
    message: PaperMessage, find: Callable[[PoolKey], Pool], held: Callable[[Address], int]
) -> ExecutionEffects | Fault:
    """Return what a message's swaps do in turn, or why one of them fails, and so all."""
    earlier: dict[PoolKey, SwapResult] = {}
    changes: dict[Address, int] = {}
    swaps: list[_Swap] = []
    for instruction in message.swaps:
        key = _pool_key(instruction)
        if key is None:
            return fault(Code.TRANSACTION_REFUSED, "The message names a pool that does not exist.")
        pool = earlier[key].end if key in earlier else find(key)
        left = held(instruction.mint_in) + changes.get(instruction.mint_in, 0)
        swap = _swap(instruction, pool, left)
        if isinstance(swap, Fault):
            return swap
        changes[instruction.mint_in] = changes.get(instruction.mint_in, 0) - swap.amount_in
        changes[instruction.mint_out] = changes.get(instruction.mint_out, 0) + swap.amount_out
        earlier[key] = swap
        swaps.append(_Swap(key, pool, instruction.mint_in, swap))
    return ExecutionEffects(tuple(swaps), changes)


def _swap(instruction: OneSwap, pool: Pool, left: int) -> SwapResult | Fault:
    """Return what one swap does for a wallet with so much left, or why it fails."""
    exact_in = instruction.mode == "exact_in"
    if exact_in and instruction.amount > left:
        return fault(Code.INSUFFICIENT_FUNDS)
    try:
        swap = pool.swap(instruction.mint_in, instruction.mode, instruction.amount)
    except PoolRejected as refused:
        return refused.fault
    if swap.amount_in > left:
        return fault(Code.INSUFFICIENT_FUNDS)
    kept = swap.amount_out >= instruction.bound if exact_in else swap.amount_in <= instruction.bound
    return swap if kept else fault(Code.SLIPPAGE_EXCEEDED)
