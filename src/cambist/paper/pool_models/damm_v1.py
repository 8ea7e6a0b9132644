"""Makes and moves pools of Meteora's DAMM v1, over vaults that lend nothing and earn nothing."""

from __future__ import annotations

from math import isqrt
from typing import Any, Final

from msgspec.structs import replace

from cambist.paper.pool_models.model import PoolSpec, PriceRatio, encode_decode, key
from cambist.values.amount import mul_div_ceil
from cambist.values.ids import Address
from cambist.venues.meteora.damm_v1 import DAMM_V1, DammV1Pool
from cambist.venues.meteora.damm_v1.accounts import NOBODY, DammV1PoolAccount, Vault, VaultAccount
from cambist.venues.meteora.damm_v1.pool import pool_at
from cambist.venues.snapshot import ChainTime

_PPM_ONE: Final = 1_000_000


class DammV1Model:
    """Pools whose reserves are what their shares of two vaults are worth: all of both, here."""

    program = DAMM_V1

    def create(self, site: PoolSpec, time: ChainTime) -> DammV1Pool:
        """Return the pool as it begins, through its accounts."""
        own = site.address
        still: dict[str, Any] = dict.fromkeys(DammV1PoolAccount.__struct_fields__, 0)
        state = DammV1PoolAccount(
            **(
                still
                | {
                    "stake": NOBODY,
                    "mint_a": site.mint_a,
                    "mint_b": site.mint_b,
                    "vault_a": key(own, "vault a"),
                    "vault_b": key(own, "vault b"),
                    "shares_a": key(own, "shares a"),
                    "shares_b": key(own, "shares b"),
                    "enabled": 1,
                    "fee_a": key(own, "fee a"),
                    "fee_b": key(own, "fee b"),
                    "trade_numerator": site.fee_ppm,
                    "trade_denominator": _PPM_ONE,
                    "protocol_denominator": _PPM_ONE,
                }
            )
        )
        vaults = (
            _vault(own, "a", site.mint_a, site.depth_a),
            _vault(own, "b", site.mint_b, site.depth_b),
        )
        return encode_decode(DAMM_V1, pool_at(own, state, vaults, time), time)

    def price(self, pool: DammV1Pool) -> PriceRatio:
        """Return the ratio of what the vaults hold."""
        return PriceRatio(pool.vault_b.state.total, pool.vault_a.state.total)

    def at_price(self, pool: DammV1Pool, price: PriceRatio) -> DammV1Pool:
        """Return the pool with the same product of reserves at another price."""
        held_a, held_b = self.holdings(pool)
        product = held_a * held_b
        a = max(isqrt(product * price.a // max(price.b, 1)), 1)
        b = mul_div_ceil(product, 1, a)
        return self.load(pool, (a, a, b, b))

    def holdings(self, pool: DammV1Pool) -> tuple[int, int]:
        """Return what the vaults hold."""
        return pool.vault_a.state.total, pool.vault_b.state.total

    def dump(self, pool: DammV1Pool) -> tuple[int, ...]:
        """Return what each vault holds, and its shares."""
        a, b = pool.vault_a, pool.vault_b
        return a.state.total, a.supply, b.state.total, b.supply

    def load(self, made: DammV1Pool, saved: tuple[int, ...]) -> DammV1Pool:
        """Return the pool over vaults of these numbers."""
        held_a, shares_a, held_b, shares_b = saved
        vaults = (_held(made.vault_a, held_a, shares_a), _held(made.vault_b, held_b, shares_b))
        return pool_at(made.address, made.state, vaults, made.time)


def _vault(pool: Address, side: str, mint: Address, held: int) -> Vault:
    state = VaultAccount(
        1,
        held,
        key(pool, f"tokens {side}"),
        mint,
        key(pool, f"share mint {side}"),
        0,
        0,
        0,
    )
    return Vault(key(pool, f"vault {side}"), state, held, held, held)


def _held(vault: Vault, held: int, shares: int) -> Vault:
    state = replace(vault.state, total=held)
    return replace(vault, state=state, at_hand=held, supply=shares, shares=shares)


DAMM_V1_SHAPE: Final = DammV1Model()
