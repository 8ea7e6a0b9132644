"""Knows Raydium's CPMM program (cp-swap): decodes, swaps, calls, and reads its logs."""

from cambist.venues.raydium.cpmm.pool import CpmmFeeRates, CpmmPool, Release
from cambist.venues.raydium.cpmm.program import CPMM, cpmm_program

__all__ = ["CPMM", "CpmmFeeRates", "CpmmPool", "Release", "cpmm_program"]
