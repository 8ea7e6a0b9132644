"""Knows Raydium's programs: AMM v4, CPMM and CLMM."""
