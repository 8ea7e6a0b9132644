"""Knows Meteora's DAMM v1: pools of constant product over vaults that lend."""

from cambist.venues.meteora.damm_v1.pool import DammV1Pool
from cambist.venues.meteora.damm_v1.program import DAMM_V1

__all__ = ["DAMM_V1", "DammV1Pool"]
