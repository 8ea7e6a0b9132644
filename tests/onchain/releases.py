"""Lists the releases of the programs that quotes are held to, and where each is looked for."""

from __future__ import annotations

from typing import Final, NamedTuple


class Release(NamedTuple):
    """A release of a program: its name in the table, and its file's name without the ending."""

    program: str
    name: str
    file: str


AMM_V4: Final = Release("amm_v4", "2025-06", "raydium_amm_v4")
CPMM: Final = Release("cpmm", "2025-02", "raydium_cpmm")
CPMM_NEWER: Final = Release("cpmm", "2026-04", "raydium_cpmm_2026_04")
CLMM: Final = Release("clmm", "2026-04", "raydium_clmm")
DLMM: Final = Release("dlmm", "0.12", "meteora_dlmm")
DLMM_2026_03: Final = Release("dlmm", "2026-03", "meteora_dlmm_2026_03")
DLMM_0_11: Final = Release("dlmm", "0.11", "meteora_dlmm_0_11")
DAMM_V2: Final = Release("damm_v2", "0.2", "meteora_damm_v2")
DAMM_V2_2026_04: Final = Release("damm_v2", "2026-04", "meteora_damm_v2_2026_04")
DAMM_V2_0_1: Final = Release("damm_v2", "0.1.7", "meteora_damm_v2_0_1")
DAMM_V1: Final = Release("damm_v1", "2025-08", "meteora_damm_v1")
DAMM_V1_2026_03: Final = Release("damm_v1", "2026-03", "meteora_damm_v1_2026_03")
DAMM_V1_2025_04: Final = Release("damm_v1", "2025-04", "meteora_damm_v1_2025_04")
