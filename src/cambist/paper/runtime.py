"""Executes swaps in their slot: fee, luck, funds, pool and bound, in that order."""

from __future__ import annotations

from typing import Final

from cambist.faults import Code, Fault, fault
from cambist.paper.ledger import Block, Execution, Holding, Ledger
from cambist.paper.message import Message
from cambist.paper.mishaps import Profile, strikes
from cambist.paper.pools import FEES_PPM, PoolBook, PoolKey, pool_address, pool_key
from cambist.paper.staging import Staged
from cambist.paper.tokens import token_of_mint
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address, Signature
from cambist.values.moment import Height, Slot
from cambist.values.route import Quote
from cambist.values.token import SOL
from cambist.venues.constant_product import ConstantProductPool

ENDOWMENT, ARBITRAGE, FEES = "endowment", "arbitrage", "fees"
"""The accounts that balance what comes into the world, moves pools, and is burned."""

ENDOWMENT_MAX: Final = RAW_MAX // 4
BALANCES_IN_MEMORY_MAX: Final = 100_000


class Runtime:
    """Wallets and pools, and what transactions do to them."""

    def __init__(self, ledger: Ledger, seed: int, profile: Profile) -> None:
        self._seed = seed
        self._profile = profile
        self._balances: Staged[Holding, int] = Staged(ledger.balance, BALANCES_IN_MEMORY_MAX)
        self.pools = PoolBook(seed, ledger.pool)

    def balance(self, wallet: Address, mint: Address) -> int:
        """Return what everyone sees in a wallet, in raw units; an unused one will be funded."""
        held = self._balances.seen(Holding(wallet, mint))
        return self._endowment(mint) if held is None else held

    def objection(self, message: Message, slot: Slot) -> Fault | None:
        """Return why a message would fail if it were executed now, luck apart."""
        key = _pool_key(message)
        if key is None:
            return fault(Code.TRANSACTION_REFUSED, "The message names a pool that does not exist.")
        held = self.balance(message.wallet, message.mint_in)
        lamports = self.balance(message.wallet, SOL.mint)
        if lamports < message.fee_lamports:
            return fault(Code.INSUFFICIENT_FUNDS, "The wallet cannot pay the network's fee.")
        if message.mint_in == SOL.mint:
            held -= message.fee_lamports
        done = _trade(message, self.pools.seen(key, slot), held)
        return done if isinstance(done, Fault) else None

    def execute(self, message: Message, signature: Signature, slot: Slot) -> Execution | None:
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
            moved_in, moved_out = int(done.amount_in), int(done.amount_out)
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
        return Block(mark, executions, self._balances.changes, self.pools.states.changes)

    def publish(self) -> None:
        """Let everyone see the slot; it is durable now."""
        self._balances.publish()
        self.pools.publish()

    def _swap(self, message: Message, slot: Slot) -> Quote | Fault:
        profile = self._profile
        if strikes(self._seed, "reverted", message.draw, profile.reverted_ppm):
            return fault(Code.NETWORK_CONGESTED)
        key = _pool_key(message)
        if key is None:
            return fault(Code.TRANSACTION_REFUSED, "The message names a pool that does not exist.")
        pool = self.pools.current(key, slot)
        done = _trade(message, pool, self._held(message.wallet, message.mint_in))
        if isinstance(done, Fault):
            return done
        self._book_arbitrage(key, pool)
        amount_in, amount_out = int(done.amount_in), int(done.amount_out)
        self.pools.states.stage(key, pool.swapped(message.mint_in, amount_in, amount_out))
        self._add(message.wallet, message.mint_in, -amount_in)
        self._add(message.wallet, message.mint_out, amount_out)
        return done

    def _book_arbitrage(self, key: PoolKey, pool: ConstantProductPool) -> None:
        """Book what moved a pool since its last swap, or what it began with."""
        before = self.pools.states.current(key)
        if before is None:
            self._add(ENDOWMENT, key.mint_a, -pool.reserve_a)
            self._add(ENDOWMENT, key.mint_b, -pool.reserve_b)
        elif before.slot != pool.slot:
            self._add(ARBITRAGE, key.mint_a, before.reserve_a - pool.reserve_a)
            self._add(ARBITRAGE, key.mint_b, before.reserve_b - pool.reserve_b)

    def _held(self, wallet: Address, mint: Address) -> int:
        """Return a wallet's balance on the running slot, funding it on first use."""
        holding = Holding(wallet, mint)
        held = self._balances.current(holding)
        if held is None:
            held = self._endowment(mint)
            self._add(ENDOWMENT, mint, -held)
            self._balances.stage(holding, held)
        return held

    def _endowment(self, mint: Address) -> int:
        one: int = 10 ** token_of_mint(mint).decimals
        return min(self._profile.endowment_whole * one, ENDOWMENT_MAX)

    def _move(self, source: Address, target: str, mint: Address, raw: int) -> None:
        self._add(source, mint, -raw)
        self._add(target, mint, raw)

    def _add(self, account: str, mint: Address, raw: int) -> None:
        holding = Holding(account, mint)
        held = self._balances.current(holding)
        if held is None:
            held = (
                0 if account in (ENDOWMENT, ARBITRAGE, FEES) else self._held(Address(account), mint)
            )
        self._balances.stage(holding, held + raw)


def _pool_key(message: Message) -> PoolKey | None:
    """Return the key of the pool a message names; None when there is no such pool."""
    if message.venue not in FEES_PPM or message.mint_in == message.mint_out:
        return None
    key = pool_key(message.venue, message.mint_in, message.mint_out)
    return key if pool_address(key) == message.pool else None


def _trade(message: Message, pool: ConstantProductPool, held: int) -> Quote | Fault:
    """Return what the pool does for a wallet that holds so much, or why it fails."""
    exact_in = message.mode == "exact_in"
    amount = message.amount_in if exact_in else message.amount_out
    done = pool.quote(message.mint_in, message.mode, amount)
    if isinstance(done, Fault):
        return done
    if done.amount_in > held:
        return fault(Code.INSUFFICIENT_FUNDS)
    kept = done.amount_out >= message.bound if exact_in else done.amount_in <= message.bound
    return done if kept else fault(Code.SLIPPAGE_EXCEEDED)
