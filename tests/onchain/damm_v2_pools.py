"""Makes pools of Meteora's DAMM v2 with the program's own instruction."""

from __future__ import annotations

import hashlib
import struct
from typing import Final, NamedTuple

from solders.keypair import Keypair

from cambist.curves.damm_v2_dynamic_fee import STEP
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, key_bytes, program_address
from cambist.venues.meteora.damm_v2 import instructions
from cambist.venues.meteora.damm_v2.accounts import PROGRAM
from cambist.venues.program import AccountMeta, Instruction
from cambist.venues.tokens import Mint
from tests.onchain.machine import SYSTEM, Machine

PRICE_MIN: Final = 4_295_048_016
PRICE_MAX: Final = 79_226_673_521_066_979_257_578_248_091
FUNDS: Final = 10**18
_INITIALIZE: Final = bytes.fromhex("14a1f118bdddb402")


def time_fee(cliff: int, count: int, pace: int, change: int, *, exponential: bool = False) -> bytes:
    """Return the base fee that falls with time, as the instruction takes it."""
    return struct.pack("<QHQQB", cliff, count, pace, change, int(exponential))


def price_fee(
    cliff: int, count: int, paces: tuple[int, int], change: int, *, exponential: bool = False
) -> bytes:
    """Return the base fee that falls with the price; the paces are its step and its duration."""
    return struct.pack("<QHIIQB", cliff, count, *paces, change, 3 + int(exponential))


def limited_fee(cliff: int, increment: int, duration: int, most: int, reference: int) -> bytes:
    """Return the base fee that grows with the amount."""
    return struct.pack("<QHIIQB", cliff, increment, duration, most, reference, 2)


FLAT: Final = time_fee(2_500_000, 0, 0, 0)


class Plan(NamedTuple):
    """How a pool is made: its fees, range, clock and mints."""

    base: bytes = FLAT
    dynamic: tuple[int, int, int, int, int] | None = None
    collect: int = 0
    liquidity: int = 10**10 << 64
    price: int = 35 * (1 << 64) // 100
    price_min: int = PRICE_MIN
    price_max: int = PRICE_MAX
    by_time: bool = True
    opens_at: int | None = None
    compounding_bps: int = 2_500
    mints: tuple[Mint | None, Mint | None] = (None, None)

    @property
    def fees(self) -> bytes:
        """The fees as the instruction takes them."""
        compounding = self.compounding_bps if self.collect == 2 else 0
        data = self.base + struct.pack("<HB", compounding, 0)
        if self.dynamic is None:
            return data + b"\0"
        filter_s, decay_s, kept_bps, most, control = self.dynamic
        step = STEP.to_bytes(16, "little")
        return data + struct.pack(
            "<BH16sHHHII", 1, 1, step, filter_s, decay_s, kept_bps, most, control
        )

    @property
    def data(self) -> bytes:
        """The instruction's data."""
        wide = [self.price_min, self.price_max, self.liquidity, self.price]
        low, high, liquidity, price = (number.to_bytes(16, "little") for number in wide)
        opens = b"\0" if self.opens_at is None else b"\x01" + struct.pack("<Q", self.opens_at)
        tail = bytes((int(self.by_time), self.collect)) + opens
        return _INITIALIZE + self.fees + low + high + b"\0" + liquidity + price + tail


class Made(NamedTuple):
    """A pool, its mints, and the trader's accounts of both."""

    pool: Address
    a: Mint
    b: Mint
    holds_a: Address
    holds_b: Address
    instruction: Instruction | None = None

    @property
    def accounts(self) -> tuple[Address, ...]:
        """What the engine reads."""
        return self.pool, self.a.address, self.b.address


def make_pool(machine: Machine, plan: Plan, name: str = "pool") -> Made:
    """Make a pool by the program's instruction, with all of the trader's funds at hand."""
    a = machine.mint(f"{name} a", 9, plan.mints[0])
    b = machine.mint(f"{name} b", 6, plan.mints[1])
    holds_a, holds_b = machine.fund(a, FUNDS), machine.fund(b, FUNDS)
    nft = Keypair.from_seed(hashlib.sha256(f"nft {name}".encode()).digest())
    nft_mint = Address(str(nft.pubkey()))
    pool = instructions.customizable_pool(a.address, b.address)
    seed = key_bytes(nft_mint)
    metas = (
        AccountMeta(machine.payer),
        AccountMeta(nft_mint, signer=True, writable=True),
        AccountMeta(program_address((b"position_nft_account", seed), PROGRAM)[0], writable=True),
        AccountMeta(machine.payer, signer=True, writable=True),
        AccountMeta(instructions.AUTHORITY),
        AccountMeta(pool, writable=True),
        AccountMeta(program_address((b"position", seed), PROGRAM)[0], writable=True),
        AccountMeta(a.address),
        AccountMeta(b.address),
        AccountMeta(instructions.vault(pool, a.address), writable=True),
        AccountMeta(instructions.vault(pool, b.address), writable=True),
        AccountMeta(holds_a, writable=True),
        AccountMeta(holds_b, writable=True),
        AccountMeta(a.token_program),
        AccountMeta(b.token_program),
        AccountMeta(TOKEN_2022_PROGRAM),
        AccountMeta(SYSTEM),
        AccountMeta(instructions.EVENT_AUTHORITY),
        AccountMeta(PROGRAM),
    )
    instruction = Instruction(PROGRAM, metas, plan.data)
    machine.must(instruction, signers=[nft])
    return Made(pool, a, b, holds_a, holds_b, instruction)
