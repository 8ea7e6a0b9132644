"""Hold entries that are written as a batch to the bytes that each alone would have."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from cambist import logs

ENTRIES: list[dict[str, Any]] = [
    {"order_id": "ord_1", "reason": 'a "quote", ünïcode, \n', "absent": ["raydium"], "event": "x"},
    {"order_id": "ord_2", "amount_in": None, "quotes": {"meteora dlmm": "1.5"}, "event": "landed"},
]


@pytest.fixture(autouse=True)
def configured_as_before() -> Iterator[None]:
    before, output = structlog.get_config(), logs.Batches.output
    yield
    structlog.configure(**before)
    logs.Batches.output = output


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    for line in found:
        assert line.pop("timestamp").endswith("Z")
    return found


def test_a_batch_has_the_lines_that_its_entries_would_have_one_by_one() -> None:
    out, batch = io.StringIO(), io.StringIO()
    logs.set_up("info", "json", out)
    structlog.configure(cache_logger_on_first_use=False)
    for entry in ENTRIES:
        structlog.get_logger("cambist.orders").info(**entry)
    logs.set_up("info", "json", batch)
    logs.write_entries(ENTRIES)
    assert lines(batch) == lines(out)
    names = [[*json.loads(line)] for line in batch.getvalue().splitlines()]
    assert names == [[*json.loads(line)] for line in out.getvalue().splitlines()]


def test_a_batch_is_one_write() -> None:
    writes: list[str] = []

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    logs.set_up("info", "json", Out())
    logs.write_entries(ENTRIES)
    logs.write_entries([])
    assert len(writes) == 1
    assert writes[0].count("\n") == len(ENTRIES)


def test_a_level_above_info_drops_a_batch() -> None:
    out = io.StringIO()
    logs.set_up("warning", "json", out)
    structlog.configure(cache_logger_on_first_use=False)
    logs.write_entries(ENTRIES)
    assert not out.getvalue()
