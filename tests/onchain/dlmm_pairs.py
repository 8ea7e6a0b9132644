"""Makes Meteora DLMM pairs by the program's own instructions: bins, positions, limit orders."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from solders.keypair import Keypair

from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_PROGRAM, key_bytes, program_address
from cambist.values.token import SOL
from cambist.venues.meteora.dlmm.accounts import Bin
from cambist.venues.program import AccountMeta, Instruction
from cambist.venues.snapshot import Account
from cambist.venues.tokens import Mint
from tests.onchain.machine import RENT, SYSTEM, Machine, discriminator

PROGRAM: Final = Address("LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo")
LAUNCH: Final = Address("MFGQxwAmB91SwuYX36okv2Qmdc9aMuHTwWGUrp4AtB1")
EVENTS: Final = program_address([b"__event_authority"], PROGRAM)[0]
BINS: Final = 70
PRESET_BYTES: Final = 200
SPOT_IMBALANCED: Final = 6
RICH: Final = 10**18


class Terms(NamedTuple):
    """What a preset says of the pairs made by it."""

    step: int = 10
    base_factor: int = 10_000
    power: int = 0
    filter_s: int = 30
    decay_s: int = 600
    reduction: int = 5_000
    control: int = 40_000
    volatility_max: int = 350_000
    protocol_share: int = 500
    function: int = 0
    collect: int = 0


class Pair(NamedTuple):
    """A pair that stands in a machine."""

    machine: Machine
    address: Address
    x: Mint
    y: Mint
    active: int

    @property
    def extension(self) -> Address:
        """Where its bitmap goes on, if it does."""
        return program_address([b"bitmap", key_bytes(self.address)], PROGRAM)[0]

    def array(self, index: int) -> Address:
        """Return where 70 bins are."""
        seeds = [b"bin_array", key_bytes(self.address), struct.pack("<q", index)]
        return program_address(seeds, PROGRAM)[0]

    def reserve(self, mint: Mint) -> Address:
        """Return where the pair keeps a token."""
        return program_address([key_bytes(self.address), key_bytes(mint.address)], PROGRAM)[0]


def _w(address: Address) -> AccountMeta:
    return AccountMeta(address, writable=True)


def _call(name: str, data: bytes, metas: Iterable[AccountMeta], events: bool = True) -> Instruction:
    tail = (AccountMeta(EVENTS), AccountMeta(PROGRAM)) if events else ()
    return Instruction(PROGRAM, (*metas, *tail), discriminator("global", name) + data)


def open_pair(machine: Machine, x: Mint, y: Mint, terms: Terms, active: int) -> Pair:
    """Write a preset, and let the program make a pair of it."""
    t = terms
    packed = (
        t.step, t.base_factor, t.filter_s, t.decay_s, t.control, t.volatility_max, t.reduction,
        t.protocol_share, 7, t.power, t.function, t.collect,
    )  # fmt: skip
    data = discriminator("account", "PresetParameter2") + struct.pack("<HHHHIIHHHBBB", *packed)
    preset = program_address([b"preset_parameter2", struct.pack("<H", 7)], PROGRAM)[0]
    machine.put(Account(preset, PROGRAM, data.ljust(PRESET_BYTES, b"\0")))
    ends = sorted((key_bytes(x.address), key_bytes(y.address)))
    address = program_address([key_bytes(preset), *ends], PROGRAM)[0]
    pair = Pair(machine, address, x, y, active)
    oracle = program_address([b"oracle", key_bytes(address)], PROGRAM)[0]
    payer = AccountMeta(machine.payer, signer=True, writable=True)
    none = AccountMeta(PROGRAM)
    extended = pair.extension if abs(active) >= BINS * 512 else PROGRAM
    metas = [
        _w(address), _w(extended) if extended != PROGRAM else none, AccountMeta(x.address),
        AccountMeta(y.address), _w(pair.reserve(x)), _w(pair.reserve(y)), _w(oracle),
        AccountMeta(preset), payer,
        none, none, AccountMeta(x.token_program), AccountMeta(y.token_program), AccountMeta(SYSTEM),
    ]  # fmt: skip
    machine.must(_call("initialize_lb_pair2", struct.pack("<i", active) + bytes(96), metas))
    for mint in (x, y):
        machine.fund(mint, RICH)
    return pair


def open_custom_pair(
    machine: Machine, x: Mint, y: Mint, point: int, *, by_seconds: bool
) -> tuple[Pair, Instruction]:
    """Make a pair that opens at a point in time, and return how."""
    ends = sorted((key_bytes(x.address), key_bytes(y.address)))
    address = program_address([key_bytes(LAUNCH), *ends], PROGRAM)[0]
    pair = Pair(machine, address, x, y, 0)
    oracle = program_address([b"oracle", key_bytes(address)], PROGRAM)[0]
    none, payer = AccountMeta(PROGRAM), AccountMeta(machine.payer, signer=True, writable=True)
    metas = [
        _w(address), none, AccountMeta(x.address), AccountMeta(y.address), _w(pair.reserve(x)),
        _w(pair.reserve(y)), _w(oracle), AccountMeta(machine.fund(x, RICH)), payer, none, none,
        AccountMeta(x.token_program), AccountMeta(y.token_program), AccountMeta(SYSTEM),
        AccountMeta(machine.fund(y, 10**11)),
    ]  # fmt: skip
    said = (0, 100, 10_000, by_seconds, False, True, point, False, 0, 0, 0)
    data = struct.pack("<iHHB??Q?BBB", *said) + bytes(60)
    call = _call("initialize_customizable_permissionless_lb_pair2", data, metas)
    machine.must(call)
    return pair, call


def need_arrays(pair: Pair, lower: int, upper: int) -> list[Address]:
    """Make the arrays of these bins where they are not yet; return them in order."""
    payer = AccountMeta(pair.machine.payer, signer=True, writable=True)
    found = []
    for index in range(lower // BINS, upper // BINS + 1):
        at = pair.array(index)
        found.append(at)
        if pair.machine.get(at) is None:
            metas = [AccountMeta(pair.address), _w(at), payer, AccountMeta(SYSTEM)]
            data = struct.pack("<q", index)
            pair.machine.must(_call("initialize_bin_array", data, metas, events=False))
    return found


def need_extension(pair: Pair) -> None:
    """Make the second half of the bitmap where it is not yet."""
    if pair.machine.get(pair.extension) is None:
        payer = AccountMeta(pair.machine.payer, signer=True, writable=True)
        metas = [
            AccountMeta(pair.address),
            _w(pair.extension),
            payer,
            AccountMeta(SYSTEM),
            AccountMeta(RENT),
        ]
        call = _call("initialize_bin_array_bitmap_extension", b"", metas, events=False)
        pair.machine.must(call)


def extension_meta(pair: Pair) -> AccountMeta:
    """Return the second half of the bitmap as an account, or what stands for none."""
    return AccountMeta(PROGRAM) if pair.machine.get(pair.extension) is None else _w(pair.extension)


def provide(pair: Pair, lower: int, width: int, amount_x: int, amount_y: int) -> None:
    """Put liquidity of both tokens into bins, evenly."""
    machine, name = pair.machine, f"{pair.address} {lower} {width} {amount_x}"
    position = Keypair.from_seed(hashlib.sha256(name.encode()).digest())
    where = Address(str(position.pubkey()))
    payer = AccountMeta(machine.payer, signer=True, writable=True)
    me = AccountMeta(machine.payer, signer=True)
    metas = [
        payer,
        AccountMeta(where, True, True),
        AccountMeta(pair.address),
        me,
        AccountMeta(SYSTEM),
        AccountMeta(RENT),
    ]
    data = struct.pack("<ii", lower, width)
    machine.must(_call("initialize_position", data, metas), signers=[position])
    arrays = need_arrays(pair, lower, lower + width - 1)
    active = struct.unpack_from("<i", _data(pair, pair.address), 76)[0]
    data = struct.pack("<QQii", amount_x, amount_y, active, 0)
    data += struct.pack("<iiB", lower, lower + width - 1, SPOT_IMBALANCED)
    data += bytes(64) + bytes(4)
    x, y = pair.x, pair.y
    metas = [
        _w(where), _w(pair.address), extension_meta(pair), _w(machine.fund(x, RICH)),
        _w(machine.fund(y, purse(y))), _w(pair.reserve(x)), _w(pair.reserve(y)),
        AccountMeta(x.address),
        AccountMeta(y.address), me, AccountMeta(x.token_program), AccountMeta(y.token_program),
    ]  # fmt: skip
    call = _call("add_liquidity_by_strategy2", data, metas)
    machine.must(_with(call, arrays))


def place_orders(
    pair: Pair, ask: bool, bins: dict[int, int], name: str, may_fail: bool = False
) -> None:
    """Place limit orders: raw units of X to sell (ask) or of Y to buy with, by bin."""
    machine, mint = pair.machine, pair.x if ask else pair.y
    order = Keypair.from_seed(hashlib.sha256(f"{pair.address} {name}".encode()).digest())
    payer = AccountMeta(machine.payer, signer=True, writable=True)
    metas = [
        _w(pair.address), extension_meta(pair), _w(pair.reserve(mint)), AccountMeta(mint.address),
        AccountMeta(Address(str(order.pubkey())), True, True), payer, AccountMeta(machine.payer),
        _w(machine.fund(mint, RICH)), AccountMeta(machine.payer, signer=True),
        AccountMeta(mint.token_program),
        AccountMeta(SYSTEM),
    ]  # fmt: skip
    data = bytes([ask]) + bytes(16) + b"\0" + struct.pack("<I", len(bins))
    data += b"".join(struct.pack("<iQ", *bin_) for bin_ in sorted(bins.items())) + bytes(4)
    arrays = sorted({bin_ // BINS for bin_ in bins})
    for array in arrays:
        need_arrays(pair, array * BINS, array * BINS)
    call = _call("place_limit_order", data, metas)
    run = machine.send if may_fail else machine.must
    run(_with(call, [pair.array(one) for one in arrays]), signers=[order])


def load(file: Path) -> Machine:
    """Return a machine that runs the program."""
    machine = Machine()
    machine.load(PROGRAM, file)
    return machine


def plain_mints(machine: Machine) -> tuple[Mint, Mint]:
    """Return two mints without a transfer fee."""
    blank = Mint(SYSTEM, TOKEN_PROGRAM, 0)
    return machine.mint("x", 9, blank), machine.mint("y", 6, blank)


def purse(mint: Mint) -> int:
    """Return how much a trader gets: of SOL no more than there is lamports for."""
    return 10**11 if mint.address == SOL.mint else RICH


def _data(pair: Pair, address: Address) -> bytes:
    found = pair.machine.get(address)
    assert found is not None
    return found.data


def _with(call: Instruction, arrays: Iterable[Address]) -> Instruction:
    return Instruction(call.program, (*call.accounts, *map(_w, arrays)), call.data)


def lay(pair: Pair, bins: Iterable[Bin]) -> None:
    """Write what bins hold, over what they held; the rest of their arrays stays."""
    for bin_ in bins:
        at = pair.array(bin_.id // BINS)
        data = bytearray(_data(pair, at))
        start = 56 + 144 * (bin_.id % BINS)
        struct.pack_into("<QQ", data, start, bin_.x, bin_.y)
        orders = (bin_.open_orders, bin_.begun_orders, bin_.begun_orders, 1, bin_.asks)
        struct.pack_into("<QQQIB", data, start + 112, *orders)
        pair.machine.put(Account(at, PROGRAM, bytes(data)))
