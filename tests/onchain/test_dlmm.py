"""Hold the quotes of DLMM to the compiled program, to the unit and to the end state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.onchain.dlmm_pairs import Pair, Terms, load, open_pair, plain_mints, provide
from tests.onchain.dlmm_swaps import Swapper

SWAPS = 1_000


def stocked(file: Path, terms: Terms, active: int = -700) -> Pair:
    """Return a pair with three positions, and a gap of empty bins between two of them."""
    machine = load(file)
    pair = open_pair(machine, *plain_mints(machine), terms, active)
    provide(pair, active - 35, 70, 50_000_000_000, 5_000_000_000)
    provide(pair, active - 140, 70, 0, 5_000_000_000)
    provide(pair, active + 60, 70, 50_000_000_000, 0)
    return pair


@pytest.mark.parametrize("collect", [0, 1])
@pytest.mark.parametrize("step", [10, 80])
def test_a_quote_is_what_the_program_does(
    program: Callable[[str], Path], record_property: Callable[[str, object], None], collect, step
):
    pair = stocked(program("meteora_dlmm"), Terms(step=step, collect=collect, function=1))
    swapper = Swapper(pair, 7 * step + collect)
    swapper.wander(SWAPS // 2)
    print(swapper.counted)
