"""Lists the programs that are known, by short name and by account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cambist.values.ids import Address
from cambist.venues.meteora.damm_v1 import DAMM_V1
from cambist.venues.meteora.damm_v2 import DAMM_V2
from cambist.venues.meteora.dlmm import DLMM
from cambist.venues.program import Program
from cambist.venues.raydium.amm_v4 import AMM_V4
from cambist.venues.raydium.clmm import CLMM
from cambist.venues.raydium.cpmm import CPMM

_ALL: Final[tuple[Program[Any], ...]] = (AMM_V4, CPMM, CLMM, DLMM, DAMM_V2, DAMM_V1)
PROGRAMS: Final[Mapping[str, Program[Any]]] = {program.name: program for program in _ALL}
# A program is identified by its account, never by a discriminator: CPMM and CLMM share those of
# three accounts and of their event, and both DAMM programs that of their pool.
BY_ID: Final[Mapping[Address, Program[Any]]] = {program.id: program for program in _ALL}
