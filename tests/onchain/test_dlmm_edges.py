"""Push DLMM pairs to their edges, and see the program refuse what a quote refuses."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from cambist.faults import Code
from cambist.values.amount import RAW_MAX
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM
from cambist.values.route import SwapMode
from cambist.values.token import SOL
from cambist.venues.meteora.dlmm import DLMM, Dlmm
from cambist.venues.meteora.dlmm.accounts import PAIR, Bin
from cambist.venues.meteora.dlmm.bin_arrays import ARRAY_UNITS, BIN_UNITS, UNITS_MAX
from cambist.venues.program import PoolCreated
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, PoolRejected
from cambist.venues.tokens import Mint, read_mint, write_mint
from tests.onchain.dlmm_pairs import (
    PROGRAM,
    Pair,
    Terms,
    lay,
    load,
    open_custom_pair,
    open_pair,
    plain_mints,
    provide,
)
from tests.onchain.dlmm_swaps import Swapper, read
from tests.onchain.test_dlmm import beyond_the_bitmap, stocked

pytestmark = pytest.mark.timeout(600)

Find = Callable[[str], Path]
HALF: Final = 1 << 63
MODES: Final[tuple[SwapMode, ...]] = ("exact_in", "exact_out")


@pytest.mark.parametrize(
    ("release", "mode", "name"),
    [
        ("meteora_dlmm", "exact_in", "ExceededAmountSlippageTolerance"),
        ("meteora_dlmm", "exact_out", "InsufficientInAmount"),
        ("meteora_dlmm_0_11", "exact_in", "ExceededAmountSlippageTolerance"),
        ("meteora_dlmm_0_11", "exact_out", "MathOverflow"),
    ],
)
def test_a_bound_one_unit_better_than_the_quote_fails(
    program: Find, release: str, mode: SwapMode, name: str
) -> None:
    pair = stocked(program(release), Terms())
    swapper, pool = Swapper(pair, 1), read(pair)
    swap = pool.swap(pool.mint_a, mode, 10**8)
    bound = swap.amount_out + 1 if mode == "exact_in" else swap.amount_in - 1
    trade = swapper.trade(pool, mode, 10**8, down=True, bound=bound)
    outcome, *_ = swapper.send(pool, trade)
    known = DLMM.error(outcome.lines, outcome.number)
    assert known == (name, Code.SLIPPAGE_EXCEEDED)
    assert DLMM.error((), outcome.number) == known  # by number alone


@pytest.mark.parametrize("down", [True, False])
def test_a_pair_can_be_drained_to_the_last_unit_and_filled_again(program: Find, down: bool) -> None:
    pair = small(program("meteora_dlmm"))
    swapper = Swapper(pair, 1)
    for _ in range(3):
        bins = [bin_ for _, bins in read(pair).arrays for bin_ in bins]
        whole = sum(bin_.y if down else bin_.x for bin_ in bins)
        assert swapper.swap("exact_out", whole + 1, down=down) is None
        assert swapper.swap("exact_out", whole, down=down) is not None
        assert swapper.swap("exact_out", 1, down=down) is None
        assert swapper.swap("exact_in", 10**6, down=down) is None
        assert swapper.swap("exact_in", 10**7, down=not down) is not None
        down = not down
    assert swapper.counted["refused: not_enough_liquidity"] == 9


def test_what_one_transaction_cannot_pay_for_is_refused(program: Find) -> None:
    pair = stocked(program("meteora_dlmm"), Terms())
    provide(pair, -910, 70, 0, 10**9)
    most = (UNITS_MAX - 4 * ARRAY_UNITS) // BIN_UNITS
    bins = range(-700, -700 - most - 5, -1)
    lay(pair, [Bin(bin_, 0, 0, 900, 1_000, 1_000) for bin_ in bins])
    swapper = Swapper(pair, 1)
    each = 2_900
    pool = read(pair)
    with pytest.raises(PoolRejected) as refused:
        pool.swap(pool.mint_a, "exact_out", most * each + 1)
    assert refused.value.refusal is RejectReason.TOO_FAR
    assert swapper.swap("exact_out", most * each, down=True) is not None
    assert swapper.counted["bins"] == most - 1


def test_the_least_amounts_do_what_the_quote_says(program: Find) -> None:
    pair = stocked(program("meteora_dlmm"), Terms())
    swapper = Swapper(pair, 1)
    for amount in range(1, 40):
        for mode in MODES:
            for down in (True, False):
                swapper.swap(mode, amount, down=down)
    assert swapper.counted["refused: pays_nothing"] >= 2
    assert swapper.counted["swaps"] > 140


@pytest.mark.parametrize("by_seconds", [True, False])
def test_a_pair_that_opens_later_is_refused_until_then(program: Find, by_seconds: bool) -> None:
    machine = load(program("meteora_dlmm"))
    x, y = plain_mints(machine)[0], Mint(SOL.mint, TOKEN_PROGRAM, 9)
    start = machine.time
    point = start.unix_s + 1_000 if by_seconds else start.slot + 1_000
    pair, call = open_custom_pair(machine, x, y, point, by_seconds=by_seconds)
    opens_s = point if by_seconds else None
    assert DLMM.parse_pool_created(call) == PoolCreated(
        "dlmm", pair.address, x.address, y.address, opens_s
    )
    machine.wait(2_000, 2_000)
    provide(pair, -35, 70, 10**10, 10**9)
    machine.set_time(start)
    swapper = Swapper(pair, 1)
    for wait in (0, 500, 499):
        machine.wait(wait, wait)
        assert swapper.swap("exact_in", 10**6, down=True) is None
        pool = read(pair)
        assert pool.at(start.later(1_000, 1_000)).amount_out(x.address, 10**6)
    assert swapper.counted["refused: not_open_yet"] == 3
    machine.wait(1, 1)
    assert swapper.swap("exact_in", 10**6, down=True) is not None


def test_a_disabled_pair_is_refused(program: Find) -> None:
    pair = stocked(program("meteora_dlmm"), Terms())
    patch(pair, "<B", 82, 1)
    swapper = Swapper(pair, 1)
    assert swapper.swap("exact_in", 10**6, down=True) is None
    assert swapper.counted["refused: disabled"] == 1


def test_an_array_that_is_not_carried_or_not_known_is_missed(program: Find) -> None:
    pair = stocked(program("meteora_dlmm"), Terms())
    swapper, pool = Swapper(pair, 1), read(pair)
    amount = 2 * 10**10
    swap = pool.swap(pool.mint_a, "exact_in", amount)
    assert len(swap.touched) > 1
    trade = swapper.trade(pool, "exact_in", amount, down=True, bound=0)
    outcome, *_ = swapper.send(pool, replace(trade, arrays=swap.touched[:-1]))
    known = DLMM.error(outcome.lines, outcome.number)
    assert known is not None
    assert known.name == "AccountNotEnoughKeys"
    blind = replace(pool, arrays=tuple(array for array in pool.arrays if array[0] >= -10))
    assert blind.amount_out(pool.mint_a, amount) == 0
    with pytest.raises(PoolRejected) as refused:
        blind.swap(pool.mint_a, "exact_in", amount)
    assert refused.value.refusal is RejectReason.ACCOUNT_MISSING


def test_the_second_half_of_the_bitmap_is_missed(program: Find) -> None:
    pair = beyond_the_bitmap(program("meteora_dlmm"), 35_830)
    swapper, pool = Swapper(pair, 1), read(pair)
    amount = 10**13
    assert pool.amount_out(pool.mint_b, amount)
    short = replace(
        pool, extended=False, marked=tuple(index for index in pool.marked if index < 512)
    )
    with pytest.raises(PoolRejected) as refused:
        short.swap(pool.mint_b, "exact_in", amount)
    assert refused.value.refusal is RejectReason.NOT_ENOUGH_LIQUIDITY
    trade = swapper.trade(pool, "exact_in", amount, down=False, bound=0)
    outcome, *_ = swapper.send(short, trade)
    known = DLMM.error(outcome.lines, outcome.number)
    assert known is not None
    assert known.name == "BitmapExtensionAccountIsNotProvided"


@pytest.mark.parametrize(
    ("held", "fits"),
    [
        (Bin(0, 0, 0, HALF), False),  # all of it would cost more than 64 bits
        (Bin(0, 0, 0, (1 << 61) - 1), True),
        (Bin(0, 0, 0, 10**5, HALF), False),
        (Bin(0, 0, 0, 10**5, 0, HALF), False),
        (Bin(0, 0, 0, HALF, HALF, HALF), False),
        (Bin(0, 0, 2**64 - 50, 10**6), False),  # no room for what is given
    ],
)
@pytest.mark.parametrize("collect", [0, 1])
def test_numbers_of_more_than_64_bits_are_refused(
    program: Find, held: Bin, fits: bool, collect: int
) -> None:
    machine = load(program("meteora_dlmm"))
    pair = open_pair(machine, *plain_mints(machine), Terms(step=1, collect=collect), -20_000)
    provide(pair, -20_035, 70, 10**11, 10**11)
    lay(pair, [held._replace(id=-20_000)])
    swapper = Swapper(pair, 1)
    for mode in MODES:
        done = swapper.swap(mode, 10**6, down=True)
        assert (done is not None) == fits
    assert swapper.counted["refused: amount_overflows"] == (0 if fits else 2)


STRANGE: Final = {
    "volatility that overflows as it fades": [("<I", 40, 4_000_000), ("<q", 56, 1_789_999_900)],
    "a time too far back": [("<q", 56, -(2**63))],
    "a time to come": [("<q", 56, 2**63 - 1)],
    "no filter": [("<H", 10, 0)],
    "a window that decays before it filters": [("<HH", 10, 600, 30)],
    "no variable fee": [("<I", 16, 0)],
    "the greatest variable fee": [("<I", 16, 2**32 - 1)],
    "the greatest base fee": [("<H", 8, 65_535), ("<B", 34, 9)],
    "no base fee": [("<H", 8, 0)],
    "all to the protocol": [("<H", 32, 10_000)],
    "a reference far away": [("<i", 48, 300_000)],
    "no volatility": [("<I", 20, 0)],
    "nothing said of orders": [("<B", 35, 0)],
    "nothing said of orders, but rewards": [("<B", 35, 0), ("<B", 264, 7)],
    "a narrow range of bins": [("<ii", 24, -705, -695)],
}


@pytest.mark.parametrize("strange", STRANGE)
def test_strange_parameters_do_what_the_program_does(program: Find, strange: str) -> None:
    pair = stocked(program("meteora_dlmm"), Terms())
    for form, at, *values in STRANGE[strange]:
        patch(pair, form, at, *values)
    lay(pair, [Bin(-701, 0, 0, 10**6, 500, 10**6), Bin(-699, 0, 10**6, 0, 500, 10**6, asks=True)])
    swapper = Swapper(pair, 2)
    swapper.swap("exact_in", 10**5, down=True)
    swapper.swap("exact_out", 10**5, down=False)
    swapper.wander(40)
    swapper.swap("exact_out", RAW_MAX, down=True)
    refused = swapper.counted["refused: out_of_bounds"]
    assert (refused > 0) == ("overflows" in strange or "too far back" in strange)


@pytest.mark.parametrize("release", ["meteora_dlmm", "meteora_dlmm_0_11"])
def test_captured_pairs_do_what_the_program_does(
    program: Find, captures: Callable[[str], list[Path]], release: str
) -> None:
    file, newer = program(release), release == "meteora_dlmm"
    for capture in captures("meteora_dlmm"):
        pair = captured(file, capture, cleared=newer)
        swapper = Swapper(pair, 3, Dlmm(orders=newer))
        swapper.wander(500)
        print(f"\ndlmm captured pair, {release}: {dict(swapper.counted)}")
        assert swapper.counted["swaps"] > 400


def small(file: Path) -> Pair:
    """Return a pair of one position."""
    machine = load(file)
    pair = open_pair(machine, *plain_mints(machine), Terms(step=25), -700)
    provide(pair, -735, 70, 50_000_000_000, 5_000_000_000)
    return pair


def captured(file: Path, capture: Path, *, cleared: bool) -> Pair:
    """Put a captured pair into a machine; `cleared` of what older releases counted in bins."""
    machine, told = load(file), json.loads(capture.read_text())
    for event in told["accounts"]:
        data = bytearray(b64decode(event["account"]["data"][0]))
        if cleared and "bin_array" in event["role"]:
            for start in range(56, len(data), 144):
                data[start + 112 : start + 144] = bytes(32)
        owner = Address(event["account"]["owner"])
        machine.put(Account(Address(event["pubkey"]), owner, bytes(data)), 10**13)
    held = machine.get(Address(told["pair"]))
    assert held is not None
    read_pair = PAIR.read(held.data)
    for address in (read_pair.mint_x, read_pair.mint_y):
        if machine.get(address) is None:
            machine.put(write_mint(Mint(address, TOKEN_PROGRAM, 9)))
    seen = machine.snapshot([read_pair.mint_x, read_pair.mint_y])
    mints = read_mint(seen, read_pair.mint_x), read_mint(seen, read_pair.mint_y)
    return Pair(machine, held.address, *mints, read_pair.active_id)


def patch(pair: Pair, form: str, at: int, *values: int) -> None:
    """Write numbers into the pair's account."""
    held = pair.machine.get(pair.address)
    assert held is not None
    data = bytearray(held.data)
    struct.pack_into(form, data, at, *values)
    pair.machine.put(Account(pair.address, PROGRAM, bytes(data)))
