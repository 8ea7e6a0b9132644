"""Lists the kinds of pool that the paper world is made of, venue by venue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cambist.paper.shapes.bins import DLMM_SHAPE
from cambist.paper.shapes.concentrated import CLMM_SHAPE
from cambist.paper.shapes.ranges import DAMM_V2_SHAPE
from cambist.paper.shapes.reserves import AMM_V4_SHAPE, CPMM_SHAPE
from cambist.paper.shapes.shape import Ratio, Shape, Site
from cambist.paper.shapes.vaults import DAMM_V1_SHAPE

__all__ = ["SHAPES", "Ratio", "Shape", "Site"]

SHAPES: Final[Mapping[str, Shape]] = {
    one.program.name: one
    for one in (AMM_V4_SHAPE, CPMM_SHAPE, CLMM_SHAPE, DLMM_SHAPE, DAMM_V2_SHAPE, DAMM_V1_SHAPE)
}
