"""Knows Raydium's AMM v4 program: decodes, swaps, calls, and reads its logs."""

from cambist.venues.raydium.amm_v4.pool import AmmV4Pool, Release
from cambist.venues.raydium.amm_v4.program import AMM_V4, AmmV4

__all__ = ["AMM_V4", "AmmV4", "AmmV4Pool", "Release"]
