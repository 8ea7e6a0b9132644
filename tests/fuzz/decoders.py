"""States what may come of any bytes, program by program: `python -m tests.fuzz clmm` tries it.

Of a pool whose accounts were changed in any way, only Unquotable may escape, the short answers are
the whole swap's, and what decodes is written so that it decodes to the same. From what
transactions tell nothing may escape at all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from bench.sample_pools import named
from cambist.curves.price_impact import DUST_MAX, WHOLE_HUNDREDTHS
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.venues.pool import Fees, Pool, SwapResult
from cambist.venues.program import Instruction, Program, SwapParams
from cambist.venues.registry import PROGRAMS
from cambist.venues.snapshot import ChainTime, PoolRejected, Snapshot
from tests.fuzz.edits import Bytes, edited, magics_of, told
from tests.fuzz.seeds import programs, seeds

TARGETS: Final = tuple(sorted(PROGRAMS))
_MODES: Final = ("exact_in", "exact_out")
_NOT_ITS_OWN: Final = named("nobody's mint")


def target(name: str) -> Callable[[bytes], None]:
    """Return what is to be called with bytes, for a program."""
    adapters = programs(name)
    bases = [(pool.address, adapters[-1].encode(pool)) for pool in seeds(name)]
    package = f"cambist.venues.{PROGRAMS[name].venue}.{name}"
    modules = [vars(module) for path, module in sys.modules.items() if path.startswith(package)]
    magics = magics_of(modules)

    def one(raw: bytes) -> None:
        data = Bytes(raw)
        program = adapters[data.below(len(adapters))]
        if data.below(4) == 3:
            lines, calls = told(program, magics, data)
            _read(program, lines, calls, data.number(2))
            return
        address, accounts = bases[data.below(len(bases))]
        # Of up to 72 bits: what no instruction can carry has to be refused.
        amount = data.number(9) >> data.below(72)
        _ask(program, address, edited(accounts, data), amount)

    return one


def _read(program: Program[Any], lines: list[Any], calls: list[Instruction], number: int) -> None:
    program.parse_swaps(lines, calls)
    program.error(lines, number if number & 1 else None)
    for call in calls:
        program.parse_pool_created(call)


def _ask(program: Program[Any], address: Address, seen: Snapshot, amount: int) -> None:
    try:
        program.required_accounts(address, seen)
        pool = program.decode(address, seen)
    except PoolRejected:
        return
    _question(program, pool, amount)
    written = {account.address: account for account in program.encode(pool)}
    again = program.decode(address, Snapshot(written, seen.time))
    assert again == pool, (again, pool)
    later = ChainTime(seen.time.slot, seen.time.unix_s + 3, seen.time.epoch)
    _question(program, pool.at(later), amount)
    _question(program, pool.at(later.next_epoch()), amount)


def _question(program: Program[Any], pool: Pool, amount: int) -> None:
    for mint in (pool.mint_a, pool.mint_b):
        out, cost = pool.amount_out(mint, amount), pool.amount_in(mint, amount)
        for mode, fast in zip(_MODES, (out, cost), strict=True):
            swap = _swap(pool, mint, mode, amount)
            full = 0 if swap is None else swap.amount_out if mode == "exact_in" else swap.amount_in
            assert fast == full, (mode, mint, amount, fast, full)
            if swap is None:
                continue
            assert 0 < swap.amount_in <= RAW_MAX, swap
            assert 0 < swap.amount_out <= RAW_MAX, swap
            dust = min(swap.amount_in, swap.amount_out) <= DUST_MAX
            assert (swap.impact_hundredths is None) == dust, swap
            assert 0 <= (swap.impact_hundredths or 0) <= WHOLE_HUNDREDTHS, swap
            swap.end.amount_out(mint, amount)
            _swap(swap.end, mint, mode, amount)
            assert all(0 <= amount <= RAW_MAX for amount in _moved(swap.fees)), swap
            _write(program, pool, SwapParams(
                pool.address, pool.mint_a, pool.mint_b, mint, mode, amount, 1, swap.touched
            ))  # fmt: skip
        pool.quote(mint, "exact_in", amount)
    assert pool.amount_out(_NOT_ITS_OWN, amount) == 0


def _moved(fees: Fees) -> tuple[int, ...]:
    return fees.trade, fees.protocol, fees.transfer_in, fees.transfer_out, fees.creator_out


def _swap(pool: Pool, mint: Address, mode: Any, amount: int) -> SwapResult | None:
    try:
        return pool.swap(mint, mode, amount)
    except PoolRejected:
        return None


def _write(program: Program[Any], pool: Pool, trade: SwapParams) -> None:
    try:
        program.instruction(pool, trade)
    except PoolRejected:
        return
