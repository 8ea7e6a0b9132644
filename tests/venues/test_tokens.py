"""Hold mints and transfer fees to what the token programs do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.curves.transfer_fee import NO_FEE, TransferFee
from cambist.values.ids import Address
from cambist.values.program_address import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from cambist.values.time_units import Slot
from cambist.values.token import SOL, USDC
from cambist.venues.reject_reasons import RejectReason
from cambist.venues.snapshot import Account, ChainTime, PoolRejected, Snapshot
from cambist.venues.tokens import Mint, Power, read_balance, read_mint, write_balance, write_mint

NOW = ChainTime(Slot(1), 1, 900)
fees = st.builds(TransferFee, st.integers(0, 10_000), st.integers(0, 2**64 - 1))


def _seen(*accounts: Account) -> Snapshot:
    return Snapshot({account.address: account for account in accounts}, NOW)


@given(fees, st.integers(0, 255))
def test_a_mint_is_read_as_it_was_written(fee: TransferFee, decimals: int):
    mint = Mint(USDC.mint, TOKEN_2022_PROGRAM, decimals, fee)
    assert read_mint(_seen(write_mint(mint)), USDC.mint) == mint


@given(st.integers(0, 2**64 - 1))
def test_a_balance_is_read_as_it_was_written(amount: int):
    mint = Mint(USDC.mint, TOKEN_PROGRAM, 6)
    account = write_balance(SOL.mint, mint, USDC.mint, amount)
    assert read_balance(_seen(account), SOL.mint, mint) == amount
    with pytest.raises(PoolRejected):
        read_balance(_seen(account), SOL.mint, Mint(SOL.mint, TOKEN_PROGRAM, 9))


@given(fees, st.integers(0, 2**63))
def test_a_fee_is_never_more_than_its_maximum_nor_than_what_is_sent(fee: TransferFee, sent: int):
    assert 0 <= fee.of(sent) <= min(fee.maximum, sent)


@given(st.builds(TransferFee, st.integers(0, 9_999), st.integers(0, 2**40)), st.integers(1, 2**50))
def test_what_is_sent_for_an_amount_to_arrive_is_enough(fee: TransferFee, wanted: int):
    sent = wanted + fee.on(wanted)
    assert sent - fee.of(sent) >= wanted
    assert fee.on(wanted) <= fee.maximum


def test_a_newer_fee_counts_from_its_epoch_on():
    data = bytearray(write_mint(Mint(USDC.mint, TOKEN_2022_PROGRAM, 6, TransferFee(100, 5))).data)
    at = 166 + 4
    data[at + 90 : at + 98] = (901).to_bytes(8, "little")
    data[at + 98 : at + 106] = (7).to_bytes(8, "little")
    account = Account(USDC.mint, TOKEN_2022_PROGRAM, bytes(data))
    for epoch, maximum in ((900, 5), (901, 7)):
        seen = Snapshot({USDC.mint: account}, ChainTime(Slot(1), 1, epoch))
        assert read_mint(seen, USDC.mint).fee.maximum == maximum


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [(14, RejectReason.TRANSFER_HOOK), (9, RejectReason.UNKNOWN_MINT_EXTENSION), (3, None)],
)
def test_extensions_that_are_not_understood_are_refused(kind: int, refusal: RejectReason | None):
    head = write_mint(Mint(USDC.mint, TOKEN_2022_PROGRAM, 6, TransferFee(1, 1))).data
    data = head + kind.to_bytes(2, "little") + (64).to_bytes(2, "little") + b"\x07" * 64
    seen = _seen(Account(USDC.mint, TOKEN_2022_PROGRAM, data))
    if refusal is None:
        assert read_mint(seen, USDC.mint).fee == TransferFee(1, 1)
        return
    with pytest.raises(PoolRejected) as refused:
        read_mint(seen, USDC.mint)
    assert refused.value.refusal is refusal


@given(st.binary(max_size=400), st.sampled_from([TOKEN_PROGRAM, TOKEN_2022_PROGRAM, SOL.mint]))
def test_of_any_bytes_only_the_declared_error_comes(data: bytes, owner: Address):
    mint = Mint(USDC.mint, TOKEN_PROGRAM, 6, NO_FEE)
    for read in (lambda seen: read_mint(seen, SOL.mint), lambda s: read_balance(s, SOL.mint, mint)):
        try:
            read(_seen(Account(SOL.mint, owner, data)))
        except PoolRejected as refused:
            assert refused.refusal in RejectReason  # noqa: PT017


def _with(*extensions: tuple[int, bytes]) -> Snapshot:
    data = write_mint(Mint(USDC.mint, TOKEN_2022_PROGRAM, 6, TransferFee(1, 1))).data
    for kind, body in extensions:
        data += kind.to_bytes(2, "little") + len(body).to_bytes(2, "little") + body
    return _seen(Account(USDC.mint, TOKEN_2022_PROGRAM, data))


def test_powers_that_move_no_amount_are_warned_of():
    mint = read_mint(_with((12, bytes(32)), (4, bytes(65)), (26, bytes(33)), (6, b"\1")), USDC.mint)
    assert mint.powers == tuple(Power[one] for one in (
        "CONFIDENTIAL_TRANSFER", "PERMANENT_DELEGATE", "PAUSABLE"
    ))  # fmt: skip
    assert mint.fee == TransferFee(1, 1)
    assert len(mint.warnings) == 3
    assert all(warning.startswith(USDC.mint) for warning in mint.warnings)
    assert read_mint(_seen(write_mint(mint)), USDC.mint) == mint
    bare = Mint(USDC.mint, TOKEN_2022_PROGRAM, 6, powers=(Power.PAUSABLE,))
    assert read_mint(_seen(write_mint(bare)), USDC.mint) == bare


@pytest.mark.parametrize(
    ("kind", "body", "refusal"),
    [
        (26, bytes(32) + b"\1", RejectReason.MINT_PAUSED),
        (26, bytes(10), RejectReason.MINT_PAUSED),
        (6, b"\2", RejectReason.FROZEN_BY_DEFAULT),
        (6, b"", RejectReason.FROZEN_BY_DEFAULT),
    ],
)
def test_what_stops_a_transfer_is_refused_by_name(kind: int, body: bytes, refusal: RejectReason):
    with pytest.raises(PoolRejected) as refused:
        read_mint(_with((kind, body)), USDC.mint)
    assert refused.value.refusal is refusal
