"""Hold the reader of order bodies to what clients were promised."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.faults import Code, Fault, RequestRejected
from cambist.values.amount import RAW_MAX, write_amount
from cambist.values.time_units import Timestamp
from cambist.values.token import SOL, USDC
from cambist.wire.intent_builder import RequestLimits, SubmissionContext
from cambist.wire.order_fields import FIELDS, LATER_FIELDS
from cambist.wire.order_request import FAULTS_MAX, ParsedOrder, read_order
from tests.wire.orders import BOOK, intent_of

PAIR = {"tokenIn": "SOL", "tokenOut": "USDC"}
WALLET = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"
USER = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def read(**fields: Any) -> ParsedOrder:
    return read_order(json.dumps(fields).encode())


def refused(body: bytes) -> dict[str | None, Code]:
    with pytest.raises(RequestRejected) as caught:
        read_order(body)
    return {fault.field: fault.code for fault in caught.value.faults}


def refused_fields(**fields: Any) -> dict[str | None, Code]:
    return refused(json.dumps(fields).encode())


@given(st.integers(1, RAW_MAX))
def test_an_amount_keeps_every_digit_as_text_and_as_number(raw: int) -> None:
    text = write_amount(raw, SOL.decimals)
    for literal in (f'"{text}"', text):
        body = f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":{literal}}}'
        assert intent_of(body.encode()).amount == raw


@given(st.integers(1, 999), st.integers(1, 12))
def test_a_small_exponent_is_read_exactly(digits: int, exponent: int) -> None:
    text = f"{str(digits)[0]}.{str(digits)[1:] or '0'}e-{exponent}"
    body = f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":{text}}}'.encode()
    raw = Decimal(text).scaleb(SOL.decimals)
    if raw == int(raw):
        assert intent_of(body).amount == raw
    else:
        with pytest.raises(RequestRejected):
            intent_of(body)


@pytest.mark.parametrize(
    ("number", "raw"),
    [
        ("1.0E7", 10**16), ("1e+5", 10**14), ("9e-05", 90_000), ("12e-1", 1_200_000_000),
        ("1E2", 10**11), ("100e-2", 10**9), ("0.5e1", 5 * 10**9),
        ("1.50000000000000000000", 15 * 10**8),
        ("1e0000000001", 10**10), ("123.456e-3", 123_456_000), ("0.000000001e9", 10**9),
        ("10.0", 10**10), ("1e9", 10**18),
    ],
)  # fmt: skip
def test_every_notation_of_an_exact_amount_is_read(number: str, raw: int) -> None:
    for field in ("amount", "amountIn", "quantity"):
        body = f'{{"tokenIn":"SOL","tokenOut":"USDC","{field}":{number}}}'.encode()
        if field != "quantity":
            assert intent_of(body).amount == raw
    whole = f'{{"tokenIn":"SOL","tokenOut":"USDC","amountInRaw":{number}}}'.encode()
    exact = Decimal(number)
    if exact == int(exact) and exact > 0:
        assert intent_of(whole).amount == int(exact)
    else:
        assert refused(whole)["amountInRaw"] is Code.INVALID_AMOUNT


@given(st.integers(1, RAW_MAX), st.integers(-30, 30), st.sampled_from(["e", "E"]), st.booleans())
def test_an_amount_is_the_same_wherever_its_point_stands(
    raw: int, shift: int, letter: str, signed: bool
) -> None:
    mantissa = Decimal(raw).scaleb(shift - SOL.decimals)
    sign = "+" if signed and shift <= 0 else ""
    text = f"{mantissa:f}{letter}{sign}{-shift}"
    if len(text) <= 40:
        body = f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":{text}}}'.encode()
        assert intent_of(body).amount == raw


@pytest.mark.parametrize(
    "number",
    ["1e30", "1e-100", "1e999999", "-1", "-1e5", "0", "0.0", "-0", "0e5", "0.0e-7", "1e-19"],
)
def test_no_other_number_is_an_amount(number: str) -> None:
    found = refused(f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":{number}}}'.encode())
    assert found["amount"] in (Code.INVALID_AMOUNT, Code.NOT_POSITIVE)


@pytest.mark.parametrize(
    "body",
    [
        {"orderType": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": 1.5},
        {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5},
        {"tokenIn": SOL.mint, "tokenOut": USDC.mint, "amountIn": 1.5, "orderType": "MARKET"},
        {"symbol": "SOL", "side": "sell", "quantity": 1.5},
        {"symbol": "sol/usdc", "side": "SELL", "amount": "1.50"},
        {"type": "market", "tokenIn": "sol", "tokenOut": "usdc", "amountIn": "1.5"},
        {"tokenIn": "SOL", "tokenOut": "USDC", "amountInRaw": "1500000000"},
        {"tokenIn": "SOL", "tokenOut": "USDC", "amountRaw": 1_500_000_000, "amount": 1.5},
    ],
)
def test_every_client_spells_the_same_order_its_own_way(body: dict[str, Any]) -> None:
    intent = intent_of(json.dumps(body).encode())
    assert (intent.pair.token_in, intent.pair.token_out) == (SOL, USDC)
    assert (intent.mode, intent.amount) == ("exact_in", 1_500_000_000)


def test_a_buyer_of_a_symbol_gets_exactly_that_much() -> None:
    intent = intent_of(b'{"symbol":"SOL","side":"buy","quantity":2}')
    assert (intent.pair.token_in, intent.pair.token_out) == (USDC, SOL)
    assert (intent.mode, intent.amount, intent.quoted) == ("exact_out", 2 * 10**9, "buy")


@pytest.mark.parametrize(
    ("tolerance", "bps"),
    [
        ({"slippage": 1.0}, 100),
        ({"slippage": "0.5"}, 50),
        ({"slippageTolerance": "0.01"}, 100),
        ({"slippageBps": 75}, 75),
        ({"slippage": 0.01, "slippageUnit": "fraction"}, 100),
        ({"slippage": 30, "slippageUnit": "bps"}, 30),
        ({"slippage": 1, "slippageTolerance": 0.01, "slippageBps": "100"}, 100),
        ({"slippage": 0.0199}, 1),
    ],
)
def test_a_tolerance_has_the_unit_of_its_name(tolerance: dict[str, Any], bps: int) -> None:
    assert read(**PAIR, amount=1, **tolerance).request.slippage_bps == bps


def test_what_was_rounded_or_looks_mistaken_is_said() -> None:
    assert "rounded down" in read(**PAIR, amount=1, slippage=0.333).warnings[0]
    assert "fraction" in read(**PAIR, amount=1, slippage=0.01).warnings[0]
    assert read(**PAIR, amount=1, slippage=1).warnings == ()


def test_a_fleet_of_old_clients_may_mean_fractions() -> None:
    body = json.dumps({**PAIR, "amount": 1, "slippage": 0.01}).encode()
    assert read_order(body, "fraction").request.slippage_bps == 100


@pytest.mark.parametrize("share", [0, "0.001", 101, 100.5, "-1", "1e2", True, None, "x"])
def test_a_tolerance_outside_its_range_is_refused(share: object) -> None:
    found = refused_fields(**PAIR, amount=1, slippage=share)
    assert found["slippage"] in (Code.INVALID_SLIPPAGE, Code.WRONG_TYPE)


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"amount": 1, "amountIn": 2}, "amountIn"),
        ({"amount": 1, "quantity": 2}, "quantity"),
        ({"amountIn": 1, "amountOut": 1}, "amountOut"),
        ({"amount": 1, "type": "market", "slippage": 1, "slippageBps": 50}, "slippageBps"),
        ({"amount": 1, "symbol": "SOL/USDT", "side": "sell"}, "tokenOut"),
        ({"amount": 1, "slippageUnit": "bps"}, "slippageUnit"),
        ({"amount": 1, "timeInForce": "GTC", "expiresAt": "2030-01-01T00:00:00Z"}, "expiresAt"),
    ],
)
def test_two_fields_that_disagree_are_refused(fields: dict[str, Any], blamed: str) -> None:
    assert refused_fields(**PAIR, **fields)[blamed] is Code.CONFLICTING_FIELDS


def test_whole_tokens_and_base_units_must_agree() -> None:
    with pytest.raises(RequestRejected) as caught:
        intent_of(json.dumps({**PAIR, "amount": 1, "amountRaw": 2}).encode())
    assert caught.value.faults[0].code is Code.CONFLICTING_FIELDS


@pytest.mark.parametrize("name", sorted(LATER_FIELDS))
def test_a_field_of_a_later_kind_is_refused_by_name(name: str) -> None:
    assert refused_fields(**PAIR, amount=1, **{name: 1})[name] is Code.NOT_YET_SUPPORTED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "trailing_stop"),
        ("orderType", "SNIPER"),
        ("timeInForce", "IOC"),
        ("urgency", "fast"),
    ],
)
def test_a_value_of_a_later_kind_is_refused_by_name(name: str, value: str) -> None:
    assert refused_fields(**PAIR, amount=1, **{name: value})[name] is Code.NOT_YET_SUPPORTED


def test_every_fault_is_told_at_once() -> None:
    found = refused_fields(tokenIn="SOL", amount="x", slipage=1, walletAddress="0")
    assert found == {
        "amount": Code.INVALID_AMOUNT,
        "slipage": Code.UNKNOWN_FIELD,
        "walletAddress": Code.INVALID_ADDRESS,
        "tokenOut": Code.MISSING_FIELD,
    }


def test_a_misspelt_field_is_guessed() -> None:
    with pytest.raises(RequestRejected) as caught:
        read(**PAIR, amountIn=1, slippageBsp=1)
    assert "slippageBps" in caught.value.faults[0].message


def test_a_heap_of_faults_is_cut() -> None:
    with pytest.raises(RequestRejected) as caught:
        read(**{f"x{n}": n for n in range(1_000)})
    assert len(caught.value.faults) == FAULTS_MAX


def test_a_request_has_one_fingerprint_however_it_is_spelled() -> None:
    spelled = (
        read(**PAIR, amount=1, slippage=0.5, clientOrderId="a"),
        read(**PAIR, amountIn="1.00", slippageBps=50),
        read(symbol="SOL", side="sell", quantity="1", slippageTolerance="0.005"),
    )
    first, second, third = (one.request.fingerprint() for one in spelled)
    assert first == second
    assert third != first  # it reads prices another way
    assert first != read(**PAIR, amount=1).request.fingerprint()


def test_deadlines_wallets_and_users_are_kept() -> None:
    request = read(
        **PAIR, amount=1, timeInForce="GTD", expiresAt="2030-01-01T01:00:00.5+01:00",
        walletAddress=WALLET, userId=USER.upper(),
    ).request  # fmt: skip
    assert request.deadline == Timestamp(1_893_456_000_500)
    assert (request.wallet, request.user_id) == (WALLET, USER)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"tokenIn": "NOPE", "amount": 1}, Code.UNKNOWN_TOKEN),
        ({"tokenIn": "USDC", "amount": 1}, Code.SAME_TOKEN),
        ({"tokenIn": USDC.mint, "amount": 1}, Code.SAME_TOKEN),
        ({"amount": "1.0000000001"}, Code.TOO_MANY_DIGITS),
        ({"amount": "18446744074"}, Code.AMOUNT_OUT_OF_RANGE),
        ({"amountRaw": str(2**64)}, Code.AMOUNT_OUT_OF_RANGE),
        ({"amount": 1, "slippageBps": 5_001}, Code.SLIPPAGE_OVER_CAP),
        ({"amount": 1, "expiresAt": "2020-01-01T00:00:00Z"}, Code.DEADLINE_PASSED),
    ],
)
def test_what_is_impossible_is_unprocessable(fields: dict[str, Any], code: Code) -> None:
    body = json.dumps({**PAIR, **fields}).encode()
    with pytest.raises(RequestRejected) as caught:
        intent_of(body, caller=SubmissionContext(now=Timestamp(1_700_000_000_000)))
    assert code in {fault.code for fault in caught.value.faults}
    assert all(
        problem.status == 422 and problem.field in fields | PAIR for problem in caught.value.faults
    )


def test_a_silent_request_gets_the_servers_defaults() -> None:
    intent = intent_of(
        b'{"tokenIn":"SOL","tokenOut":"USDC","amount":1}', RequestLimits(tries_max=7)
    )
    assert (intent.terms.slippage_bps, intent.terms.tries_max) == (50, 7)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_surprise_the_reader(body: bytes) -> None:
    refused(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from((*FIELDS, *LATER_FIELDS)) | st.text(), _JSON))
def test_no_value_surprises_the_reader(fields: dict[str, Any]) -> None:
    refusals: tuple[Fault, ...] = ()
    try:
        intent_of(json.dumps(fields).encode())
    except RequestRejected as refusal:
        refusals = refusal.faults
    assert all(400 <= one.status < 500 for one in refusals)


def test_the_book_of_these_tests_knows_symbols_and_mints() -> None:
    assert BOOK["SOL"] is BOOK[SOL.mint]
