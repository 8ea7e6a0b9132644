"""States what is known of each on-chain program: bytes to pools, swaps to instructions and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from cambist.faults import Code
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.venues.logs import ProgramLogLine, error_name
from cambist.venues.pool import Pool
from cambist.venues.snapshot import Account, Snapshot

P = TypeVar("P", bound=Pool)


class AccountMeta(NamedTuple):
    """An account that an instruction names, and what the instruction may do with it."""

    address: Address
    signer: bool = False
    writable: bool = False


class Instruction(msgspec.Struct, frozen=True):
    """One call of a program."""

    program: Address
    accounts: tuple[AccountMeta, ...]
    data: bytes


class SwapParams(msgspec.Struct, frozen=True):
    """What a trader wants of a pool, and where the tokens are.

    In raw units: for exact_in `amount` goes in and at least `bound` comes out; for exact_out
    `amount` comes out and at most `bound` goes in. `source` and `destination` are the trader's
    token accounts; `arrays` are the tick or bin arrays to carry, as `SwapResult.touched` names
    them, with spares behind.
    """

    owner: Address
    source: Address
    destination: Address
    mint_in: Address
    mode: SwapMode
    amount: int
    bound: int
    arrays: tuple[Address, ...] = ()


class SwapEvent(msgspec.Struct, frozen=True, gc=False):
    """What the program itself says that a swap moved, in raw units.

    `pool` is None where its event does not name it. `amount_in` left the trader's account and
    `amount_out` arrived, transfer fees counted, as far as the event says (`exact` says whether it
    does).
    """

    pool: Address | None
    amount_in: int
    amount_out: int
    exact: bool = True


class PoolCreated(msgspec.Struct, frozen=True, gc=False):
    """A pool that an instruction has just made. It may hold nothing yet."""

    program: str
    pool: Address
    mint_a: Address
    mint_b: Address
    opens_s: int | None = None
    """From when it trades, in seconds since the Unix epoch, where the instruction says so."""


class KnownError(NamedTuple):
    """What is known of an error: the program's own name for it, and what it means to an order."""

    name: str
    code: Code


class Program(Protocol[P]):
    """One on-chain program. Pure: accounts and logs in, numbers and instructions out."""

    @property
    def venue(self) -> str:
        """The venue it belongs to, by name."""

    @property
    def name(self) -> str:
        """Its short name."""

    @property
    def id(self) -> Address:
        """Its account."""

    @property
    def errors(self) -> Mapping[str, Code]:
        """What its errors mean, by the names it logs."""

    def required_accounts(self, address: Address, snapshot: Snapshot, /) -> tuple[Address, ...]:
        """Return the accounts that a pool needs beside those in the snapshot; none when complete.

        To be asked again after each answer: a pool names its config, and a bitmap its arrays.
        Raises PoolRejected.
        """

    def decode(self, address: Address, snapshot: Snapshot, /) -> P:
        """Return the pool. Raises PoolRejected for a state that is not fully understood."""

    def encode(self, pool: P, /) -> tuple[Account, ...]:
        """Return accounts that decode to this pool; what plays no part in swaps is zero."""

    def instruction(self, pool: P, trade: SwapParams, /) -> Instruction:
        """Return the call that does a trade. Raises PoolRejected."""

    def parse_swaps(
        self, lines: Sequence[ProgramLogLine], inner: Sequence[Instruction], /
    ) -> tuple[SwapEvent, ...]:
        """Return the swaps that a transaction's logs and inner instructions report, in order."""

    def parse_pool_created(self, instruction: Instruction, /) -> PoolCreated | None:
        """Return the pool that an instruction makes, or None when it makes none."""

    def error(self, lines: Sequence[ProgramLogLine], number: int | None, /) -> KnownError | None:
        """Return what a failed transaction says of itself: by name, or by number as a fallback."""


class AnchorProgram(msgspec.Struct, Generic[P], frozen=True):
    """A program built with Anchor: a record of the functions that know its layouts and calls.

    `numbers` are the names of its errors by number, in the release that runs.
    """

    venue: str
    name: str
    id: Address
    errors: Mapping[str, Code]
    numbers: Mapping[int, str]
    required_accounts: Callable[[Address, Snapshot], tuple[Address, ...]]
    decode: Callable[[Address, Snapshot], P]
    encode: Callable[[P], tuple[Account, ...]]
    instruction: Callable[[P, SwapParams], Instruction]
    parse_swaps: Callable[[Sequence[ProgramLogLine], Sequence[Instruction]], tuple[SwapEvent, ...]]
    parse_pool_created: Callable[[Instruction], PoolCreated | None]

    def error(self, lines: Sequence[ProgramLogLine], number: int | None, /) -> KnownError | None:
        """Return what a failed transaction says of itself: by name, or by number as a fallback."""
        # Anchor logs the name of an error beside its number. Numbers move between releases and
        # names do not, so a name outweighs a number.
        name = error_name(lines, self.id)
        if name is None and number is not None:
            name = self.numbers.get(number)
        if name is None:
            return None
        return KnownError(name, self.errors.get(name, Code.TRANSACTION_REFUSED))
