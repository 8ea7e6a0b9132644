"""Knows Meteora's DAMM v2 (cp-amm): one range of liquidity, or a constant product, a pool."""

from cambist.venues.meteora.damm_v2.pool import DammV2Pool
from cambist.venues.meteora.damm_v2.program import DAMM_V2

__all__ = ["DAMM_V2", "DammV2Pool"]
