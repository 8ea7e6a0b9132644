"""Knows Raydium's CLMM program: decodes, swaps, calls, and reads its logs."""

from cambist.venues.raydium.clmm.pool import ClmmPool
from cambist.venues.raydium.clmm.program import CLMM, clmm_program

__all__ = ["CLMM", "ClmmPool", "clmm_program"]
