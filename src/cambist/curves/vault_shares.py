"""Computes what shares of a vault are worth whose profit is locked, and let go bit by bit.

(The arithmetic of `Vault` and `LockedProfitTracker` in Meteora's dynamic vaults: a profit counts
from its report on, by a share of it each second. Every division rounds down.)
"""

from __future__ import annotations

from typing import Final

DEGRADATION_ONE: Final = 1_000_000_000_000


def locked_profit(locked: int, since_report_s: int, degradation: int) -> int:
    """Return what is still locked so many seconds after a profit was reported.

    `degradation` is the share let go each second, over 10^12.
    """
    # `LockedProfitTracker::calculate_locked_profit`
    let_go = since_report_s * degradation
    if let_go > DEGRADATION_ONE:
        return 0
    return locked * (DEGRADATION_ONE - let_go) // DEGRADATION_ONE


def worth(shares: int, unlocked: int, supply: int) -> int:
    """Return the raw units that so many shares are worth, rounded down."""
    # `Vault::get_amount_by_share`
    return shares * unlocked // supply


def shares_for(amount: int, unlocked: int, supply: int) -> int:
    """Return the shares that so many raw units are worth, rounded down."""
    # `Vault::get_unmint_amount`
    return amount * supply // unlocked
