"""Shapes what one slot of the paper chain makes durable: executions, balances, pools."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from cambist.faults import Fault
from cambist.paper.arbitrage import TokenPush
from cambist.paper.pool_states import PoolKey, PoolState
from cambist.values.ids import Address, OrderId, Signature
from cambist.values.time_units import Height, Slot


class Holding(NamedTuple):
    """Whose balance of which mint."""

    account: str
    mint: Address


class Execution(msgspec.Struct, frozen=True, gc=False):
    """A transaction that was executed, for ever. Amounts are raw units; a fault moved nothing."""

    signature: Signature
    order_id: OrderId
    attempt: int
    slot: Slot
    fault: Fault | None
    wallet: Address
    mint_in: Address
    mint_out: Address
    amount_in: int
    amount_out: int
    fee_lamports: int


class Block(msgspec.Struct, frozen=True):
    """What one commit makes durable: the mark, a slot's executions, what they changed."""

    mark: Height
    executions: tuple[Execution, ...] = ()
    balances: dict[Holding, int] = {}
    pools: dict[PoolKey, PoolState] = {}
    pushes: dict[Address, TokenPush] = {}
