"""Knows Meteora's programs: DLMM, DAMM v2 and DAMM v1."""
