"""Lists bodies that have broken other servers, field by field, and what they are refused for."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from cambist.wire.order_fields import FIELDS, LATER_FIELDS


class Hostile(NamedTuple):
    """A body that must be refused, and the field to be blamed (None: the body as a whole)."""

    name: str
    body: bytes
    field: str | None


ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}

VALUES = (
    "null", "true", "false", "[]", "{}", "[1]", '{"a":1}', '""', '" "', '" 1 "', '"1 "', '"+1"',
    '"-1"', "-1", "-0", "0", '"0"', '"0.0"', "1e999", "1E400", "1e300000", '"1e300000"',
    '"1e999999999"', "1e30000000", '"NaN"', '"sNaN"', '"Infinity"', '"-Infinity"', '"inf"',
    '"1_000"', '"1,000"', '"0x10"', '"01"', '"1."', '".5"', '"1e5"', '"\u0661\u0662"',
    '"\uff11"', '"\u00b2"', '"1\\u0000"', '"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"',
    '"\\u202e1"',
    '"\\n1"', '"1\\r\\n"', '"\\u007f"', '"\\ufeff1"', '"${jndi:ldap://x}"', '"\' OR 1=1 --"',
    '"<script>"', '"../../etc/passwd"', "9" * 400, '"' + "9" * 400 + '"', '"' + "x" * 5_000 + '"',
    "0." + "0" * 400 + "1", '"0.' + "1" * 60 + '"', "1e-400", "5e-100",
)  # fmt: skip

WHOLE = {
    "nothing": b"",
    "a blank": b" ",
    "a word": b"hello",
    "a string": b'"x"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
    "a list": b"[]",
    "a list of orders": b'[{"tokenIn":"SOL"}]',
    "half an object": b'{"tokenIn":"SOL"',
    "two objects": b"{}{}",
    "a trailing comma": b'{"tokenIn":"SOL",}',
    "single quotes": b"{'tokenIn':'SOL'}",
    "a comment": b'{/* */"tokenIn":"SOL"}',
    "NaN": b'{"tokenIn":"SOL","tokenOut":"USDC","amount":NaN}',
    "Infinity": b'{"tokenIn":"SOL","tokenOut":"USDC","amount":Infinity}',
    "minus Infinity": b'{"tokenIn":"SOL","tokenOut":"USDC","amount":-Infinity}',
    "a leading zero": b'{"tokenIn":"SOL","tokenOut":"USDC","amount":01}',
    "a bare plus": b'{"tokenIn":"SOL","tokenOut":"USDC","amount":+1}',
    "a hex number": b'{"tokenIn":"SOL","tokenOut":"USDC","amount":0x10}',
    "not UTF-8": b'{"tokenIn":"\xff\xfe"}',
    "UTF-16": '{"tokenIn":"SOL"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "an overlong encoding": b'{"tokenIn":"\xc0\xaf"}',
    "an encoded surrogate": b'{"tokenIn":"\xed\xa0\x80"}',
    "a raw NUL": b'{"tokenIn":"\x00"}',
    "a raw line feed": b'{"tokenIn":"S\nL"}',
    "1,000 lists deep": b"[" * 1_000 + b"]" * 1_000,
    "1,000 objects deep": b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    "60,000 lists deep": b"[" * 60_000,
    "60,000 brackets closed": b"]" * 60_000,
    "17 deep": b'{"tokenIn":' + b"[" * 16 + b"]" * 16 + b"}",
    "many quotes": b'"\\' * 30_000,
    "an endless string": b'{"a":"' + b"x" * 60_000,
}
TWICE = b'{"tokenIn":"SOL","tokenIn":"BONK","tokenOut":"USDC","amount":1}'
NAMES = (
    "__proto__",
    "constructor",
    "\x00",
    "a\ud800",
    "",
    "x" * 5_000,
    "amount ",
    "AMOUNT",
    "\u202e",
)

# What is good for one field is no attack on it: a symbol may be any letters and digits, a
# client's own name any printable text, and base units may have leading zeros.
WELCOME = {
    "tokenIn": re.compile(r'"[A-Za-z0-9]{1,16}"'),
    "tokenOut": re.compile(r'"[A-Za-z0-9]{1,16}"'),
    "symbol": re.compile(r'"[A-Za-z0-9]{1,16}"'),
    "clientOrderId": re.compile(r'"[!-~]([ -~]{0,62}[!-~])?"'),
    "amountRaw": re.compile(r'"01"'),
    "amountInRaw": re.compile(r'"01"'),
    "amountOutRaw": re.compile(r'"01"'),
}


def corpus() -> Iterator[Hostile]:
    """Yield every hostile body."""
    for name, body in WHOLE.items():
        yield Hostile(name, body, None)
    yield Hostile("a field twice", TWICE, "tokenIn")
    for name in NAMES:
        yield Hostile(f"the field {name[:9]!a}", json.dumps({**ORDER, name: 1}).encode(), None)
    for field in (*FIELDS, *sorted(LATER_FIELDS)):
        for value in VALUES:
            welcome = WELCOME.get(field)
            if welcome is None or not welcome.fullmatch(value) or "\\" in value:
                yield Hostile(f"{field} {value[:24]!a}", _with(field, value), field)


def _with(field: str, value: str) -> bytes:
    others = {name: json.dumps(text) for name, text in ORDER.items() if name != field}
    others[field] = value
    pairs = ",".join(f'"{name}":{text}' for name, text in others.items())
    return f"{{{pairs}}}".encode()
