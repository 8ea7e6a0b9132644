"""States what a model of a pool is, and makes its keys."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from cambist.values.base58 import encode
from cambist.values.ids import Address
from cambist.venues.pool import Pool
from cambist.venues.program import P, Program
from cambist.venues.snapshot import ChainTime, Snapshot

K = TypeVar("K")


class PriceRatio(NamedTuple):
    """A price: so many raw units of the second mint for so many of the first, fees apart."""

    b: int
    a: int


class PoolSpec(msgspec.Struct, frozen=True):
    """Where a pool is made: its account, its mints with their decimals, its depth, its price.

    `depth_a` and `depth_b` are what about stands on each side at that price, in raw units.
    """

    address: Address
    mint_a: Address
    mint_b: Address
    decimals_a: int
    decimals_b: int
    depth_a: int
    depth_b: int
    fee_ppm: int

    @property
    def price(self) -> PriceRatio:
        """The price at which the depths are worth the same."""
        return PriceRatio(self.depth_b, self.depth_a)


class PoolModel(Protocol):
    """One kind of pool. Pure: a pool that moved is another."""

    @property
    def program(self) -> Program[Any]:
        """The program that runs it."""

    def create(self, site: PoolSpec, time: ChainTime) -> Pool:
        """Return the pool as it begins, encoded as accounts and decoded again."""

    def price(self, pool: Any) -> PriceRatio:
        """Return where the pool stands, fees apart."""

    def at_price(self, pool: Any, price: PriceRatio) -> Pool:
        """Return the pool with the same liquidity at another price, or as near as it goes."""

    def holdings(self, pool: Any) -> tuple[int, int]:
        """Return the raw units of each mint that stand behind its liquidity."""

    def dump(self, pool: Any) -> tuple[int, ...]:
        """Return the few numbers that distinguish this pool from the one it began as."""

    def load(self, made: Any, saved: tuple[int, ...]) -> Pool:
        """Return the pool of these numbers; the inverse of `saved`."""


def encode_decode(program: Program[P], pool: P, time: ChainTime) -> P:
    """Write a pool as the accounts of its program, and read it back as a live one is read."""
    accounts = {account.address: account for account in program.encode(pool)}
    return program.decode(pool.address, Snapshot(accounts, time))


def key(pool: Address, name: str) -> Address:
    """Return the address of a pool's account of this name."""
    return Address(encode(sha256(f"cambist account\n{pool}\n{name}".encode()).digest()))
