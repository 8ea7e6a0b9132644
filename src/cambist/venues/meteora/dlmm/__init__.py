"""Knows Meteora's DLMM: pairs of bins of constant price, with a fee that follows volatility."""

from cambist.venues.meteora.dlmm.pool import DlmmPool
from cambist.venues.meteora.dlmm.program import DLMM, Dlmm

__all__ = ["DLMM", "Dlmm", "DlmmPool"]
