"""Knows Raydium's CLMM program: decodes, swaps, calls, and reads what it tells."""

from cambist.venues.raydium.clmm.pool import ClmmPool
from cambist.venues.raydium.clmm.program import CLMM, Clmm

__all__ = ["CLMM", "Clmm", "ClmmPool"]
