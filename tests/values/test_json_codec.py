"""Prove that every fact survives its encoding unchanged, and that amounts travel as text."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.orders import events
from cambist.orders.journal import decode_event
from cambist.values import json_codec
from cambist.values.amount import RawAmount
from cambist.values.token import read_symbol
from tests.strategies import FACTS, facts, some_raws

raw_decoder = json_codec.decoder(RawAmount)


@given(facts)
def test_a_fact_is_read_back_as_it_was(one: events.OrderEvent) -> None:
    data = json_codec.encode(one)
    again = decode_event(data)
    assert again == one
    assert type(again) is type(one)
    assert json_codec.encode(again) == data, "equal values give equal bytes"


@pytest.mark.parametrize("kind", FACTS)
def test_every_kind_says_its_name(kind: type[events.OrderEvent]) -> None:
    assert kind.__struct_config__.tag
    assert kind.__struct_config__.tag_field == "kind"


def test_no_kind_is_left_out() -> None:
    assert set(FACTS) == set(events.OrderEvent.__subclasses__())


@given(some_raws)
def test_an_amount_travels_as_text(raw: RawAmount) -> None:
    data = json_codec.encode(raw)
    assert json.loads(data) == str(int(raw))
    again = raw_decoder.decode(data)
    assert again == raw
    assert type(again) is RawAmount


@pytest.mark.parametrize(
    "data",
    [b"12", b"1.5", b"null", b'""', b'"1.5"', b'"x"', b"[]", b'" 1"', b'"1_0"', b'"+1"', b'"-1"'],
)
def test_nothing_else_is_read_as_an_amount(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        raw_decoder.decode(data)


@pytest.mark.parametrize("text", ["\u0661", "18446744073709551616", "9" * 5_000])
def test_what_the_chain_cannot_hold_is_not_read_as_an_amount(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        raw_decoder.decode(msgspec.json.encode(text))


@pytest.mark.parametrize("data", [b"{}", b'{"kind":"sold"}', b"", b"[]", b'{"kind":"landed"}'])
def test_what_is_no_fact_is_not_read(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(data)


def test_a_stranger_has_no_json_form() -> None:
    with pytest.raises(NotImplementedError):
        json_codec.encode(object())
    with pytest.raises(msgspec.DecodeError):
        json_codec.decoder(complex).decode(b'"1"')


@given(st.text(max_size=20))
def test_a_symbol_is_capitals_and_digits(text: str) -> None:
    symbol = read_symbol(text)
    if symbol is not None:
        assert symbol == text.upper()
        assert symbol.isascii()
        assert symbol.isalnum()
        assert 1 <= len(symbol) <= 16


@pytest.mark.parametrize(
    "text", ["", "\u00df", "so l", "SOL\n", "\uff33\uff2f\uff2c", "A" * 17, "A-B"]
)
def test_a_strange_symbol_is_refused(text: str) -> None:
    assert read_symbol(text) is None
    assert read_symbol("sol") == "SOL"
