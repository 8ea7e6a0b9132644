"""Runs compiled programs on a Solana of one process, and reads its accounts as the engine does."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from solders.account import Account as SvmAccount
from solders.clock import Clock
from solders.compute_budget import set_compute_unit_limit
from solders.instruction import AccountMeta
from solders.instruction import Instruction as SvmInstruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata

from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, associated_token
from cambist.values.time_units import Slot
from cambist.values.token import SOL
from cambist.venues.logs import ProgramLogLine, read_lines
from cambist.venues.program import AccountMeta as Meta
from cambist.venues.program import Instruction
from cambist.venues.snapshot import Account, ChainTime, Snapshot
from cambist.venues.tokens import Mint, write_balance, write_mint

START_S: Final = 1_790_000_000
START: Final = ChainTime(Slot(400_000_000), START_S, 900)
SYSTEM: Final = Address("11111111111111111111111111111111")
RENT: Final = Address("SysvarRent111111111111111111111111111111111")
COMPUTE_UNITS: Final = 1_400_000
LAMPORTS: Final = 10**12
CPI_EVENT: Final = bytes.fromhex("e445a52e51cb9a1d")
"""How the data of an inner instruction begins with which Anchor tells an event."""


class Outcome(NamedTuple):
    """What became of a transaction. `error` is a program's own number, or the runtime's words."""

    ok: bool
    lines: tuple[ProgramLogLine, ...]
    inner: tuple[Instruction, ...]
    units: int
    number: int | None = None
    error: str = ""
    logs: tuple[str, ...] = ()


def discriminator(kind: str, name: str) -> bytes:
    """Return how Anchor marks a `global` instruction, an `account` or an `event` by name."""
    return hashlib.sha256(f"{kind}:{name}".encode()).digest()[:8]


class Machine:
    """One chain with programs, one payer, and a clock that only moves when told."""

    def __init__(self, time: ChainTime = START) -> None:
        self._svm = LiteSVM()
        self._keys = Keypair.from_seed(hashlib.sha256(b"cambist test payer").digest())
        self.payer = Address(str(self._keys.pubkey()))
        self._svm.airdrop(self._keys.pubkey(), LAMPORTS)
        self.set_time(time)
        self.put(write_mint(Mint(SOL.mint, TOKEN_PROGRAM, 9)))

    # ------------------------------------------------------------------------------- time

    @property
    def time(self) -> ChainTime:
        """The chain's clock."""
        clock = self._svm.get_clock()
        return ChainTime(Slot(clock.slot), clock.unix_timestamp, clock.epoch)

    def set_time(self, time: ChainTime) -> None:
        """Set the clock."""
        self._svm.set_clock(Clock(time.slot, 0, time.epoch, time.epoch, time.unix_s))

    def wait(self, seconds: int, slots: int = 1) -> None:
        """Let time go by."""
        self.set_time(self.time.later(seconds, slots))

    # --------------------------------------------------------------------------- accounts

    def load(self, program: Address, file: Path) -> None:
        """Put a compiled program at its address."""
        self._svm.add_program(Pubkey.from_string(program), file.read_bytes())

    def put(self, account: Account, lamports: int = 0) -> None:
        """Write an account as it is, rent paid."""
        held = lamports + self._svm.minimum_balance_for_rent_exemption(len(account.data))
        owner = Pubkey.from_string(account.owner)
        self._svm.set_account(
            Pubkey.from_string(account.address), SvmAccount(held, account.data, owner)
        )

    def get(self, address: Address) -> Account | None:
        """Return an account, or None when there is none."""
        found = self._svm.get_account(Pubkey.from_string(address))
        if found is None:
            return None
        return Account(address, Address(str(found.owner)), bytes(found.data))

    def snapshot(self, addresses: Iterable[Address]) -> Snapshot:
        """Return these accounts, as far as they exist, with the clock."""
        found = [account for address in addresses if (account := self.get(address)) is not None]
        return Snapshot({one.address: one for one in found}, self.time)

    def mint(self, name: str, decimals: int, mint: Mint | None = None) -> Mint:
        """Make a mint at an address that follows from its name; `mint` gives program and fee."""
        made = Mint(
            Address(str(Pubkey(hashlib.sha256(f"mint {name}".encode()).digest()))),
            mint.token_program if mint else TOKEN_PROGRAM,
            decimals,
            mint.fee if mint else Mint(SYSTEM, SYSTEM, 0).fee,
        )
        self.put(write_mint(made))
        return made

    def fund(self, mint: Mint, amount: int, owner: Address | None = None) -> Address:
        """Give an owner (the payer, mostly) so many raw units in the associated account."""
        owner = owner or self.payer
        address = associated_token(owner, mint.address, mint.token_program)
        account = write_balance(address, mint, owner, amount)
        if mint.token_program == TOKEN_2022_PROGRAM and mint.fee.bps:
            # The extension that such accounts carry, with nothing withheld.
            account = Account(address, mint.token_program, account.data + _FEE_AMOUNT)
        native = mint.address == SOL.mint
        if native:
            rent = self._svm.minimum_balance_for_rent_exemption(len(account.data))
            data = bytearray(account.data)
            data[109:121] = struct.pack("<IQ", 1, rent)
            account = Account(address, mint.token_program, bytes(data))
        self.put(account, amount if native else 0)
        return address

    def balance(self, address: Address) -> int:
        """Return the raw units in a token account."""
        account = self.get(address)
        return 0 if account is None else int.from_bytes(account.data[64:72], "little")

    # ----------------------------------------------------------------------- transactions

    def send(self, *instructions: Instruction, signers: Sequence[Keypair] = ()) -> Outcome:
        """Run instructions as one transaction of the payer."""
        calls = [set_compute_unit_limit(COMPUTE_UNITS), *map(_call, instructions)]
        self._svm.expire_blockhash()
        recent = self._svm.latest_blockhash()
        message = MessageV0.try_compile(self._keys.pubkey(), calls, [], recent)
        sent = self._svm.send_transaction(VersionedTransaction(message, [self._keys, *signers]))
        failed = isinstance(sent, FailedTransactionMetadata)
        meta = sent.meta() if isinstance(sent, FailedTransactionMetadata) else sent
        logs = tuple(meta.logs())
        number, error = (
            _error(sent.err()) if isinstance(sent, FailedTransactionMetadata) else (None, "")
        )
        return Outcome(
            not failed,
            tuple(read_lines(logs)),
            _inner(meta, message),
            meta.compute_units_consumed(),
            number,
            error,
            logs,
        )

    def must(self, *instructions: Instruction, signers: Sequence[Keypair] = ()) -> Outcome:
        """Run instructions that have to succeed."""
        outcome = self.send(*instructions, signers=signers)
        assert outcome.ok, "\n".join((outcome.error, *outcome.logs))
        return outcome


_FEE_AMOUNT: Final = b"\x02" + struct.pack("<HHQ", 2, 8, 0)


def _call(instruction: Instruction) -> SvmInstruction:
    metas = [
        AccountMeta(Pubkey.from_string(m.address), m.signer, m.writable)
        for m in instruction.accounts
    ]
    return SvmInstruction(Pubkey.from_string(instruction.program), instruction.data, metas)


def _error(error: object) -> tuple[int | None, str]:
    inner = getattr(error, "err", None)
    number = getattr(inner, "code", None)
    return (number if isinstance(number, int) else None), str(error)


def _inner(meta: object, message: MessageV0) -> tuple[Instruction, ...]:
    """Return the inner instructions of a transaction without look-up tables."""
    keys = [Address(str(key)) for key in message.account_keys]
    found = []
    for group in meta.inner_instructions():  # type: ignore[attr-defined]
        for member in group:
            call = member.instruction()
            metas = tuple(Meta(keys[at]) for at in bytes(call.accounts))
            found.append(Instruction(keys[call.program_id_index], metas, bytes(call.data)))
    return tuple(found)
