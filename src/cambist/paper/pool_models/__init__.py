"""Lists the kinds of pool of the paper network, venue by venue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cambist.paper.pool_models.clmm import CLMM_SHAPE
from cambist.paper.pool_models.constant_product import AMM_V4_SHAPE, CPMM_SHAPE
from cambist.paper.pool_models.damm_v1 import DAMM_V1_SHAPE
from cambist.paper.pool_models.damm_v2 import DAMM_V2_SHAPE
from cambist.paper.pool_models.dlmm import DLMM_SHAPE
from cambist.paper.pool_models.model import PoolModel, PoolSpec, PriceRatio

__all__ = ["POOL_MODELS", "PoolModel", "PoolSpec", "PriceRatio"]

POOL_MODELS: Final[Mapping[str, PoolModel]] = {
    model.program.name: model
    for model in (AMM_V4_SHAPE, CPMM_SHAPE, CLMM_SHAPE, DLMM_SHAPE, DAMM_V2_SHAPE, DAMM_V1_SHAPE)
}
