"""Hold the log of a terminal to one sentence an order, and that of a file to JSON."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from cambist import logs
from cambist.engine.publisher import EventPublisher
from cambist.ports.event_bus import EventBus
from tests.wire.orders import BODY, ORDER_ID, failure, life

BUY = b'{"symbol":"SOL","side":"buy","quantity":"1.5"}'


class Deaf(EventBus):
    """A bus that nobody hears."""

    def publish(self, news: object, places: object) -> None:
        """Do nothing."""


def written(
    style: str, level: str = "info", body: bytes = BODY, *, fails: bool = False
) -> list[str]:
    """Return what is logged of an order's life."""
    out, before = io.StringIO(), structlog.get_config()
    try:
        logs.set_up(level, style, out)
        structlog.configure(cache_logger_on_first_use=False)
        EventPublisher(Deaf())(failure() if fails else life(body), ())  # type: ignore[abstract]
    finally:
        structlog.configure(**before)
    return out.getvalue().splitlines()


def test_a_terminal_is_told_one_sentence_an_order() -> None:
    (line,) = written("text")
    assert f"{ORDER_ID} confirmed: 1.5 SOL for 224.9 USDC. " in line
    assert "(try 2; before: " in line
    (failed,) = written("text", fails=True)
    assert " failed: 1.5 SOL for USDC. " in failed


def test_a_buy_says_what_was_paid() -> None:
    (line,) = written("text", body=BUY)
    assert " USDC for 1.5 SOL. " in line


def test_who_looks_closer_is_told_every_step() -> None:
    assert len(written("text", "debug")) == 3


def test_a_file_has_a_line_of_json_for_each_step() -> None:
    lines = [json.loads(line) for line in written("json")]
    assert [one["event"] for one in lines] == ["retry_scheduled", "routed", "landed"]
    assert lines[-1]["amount_out"] == "224.9"


@pytest.mark.parametrize("kind", ["cancelled", "expired"])
def test_an_order_that_ends_without_a_swap_is_told_with_what_was_asked(kind: str) -> None:
    event = {
        "event": kind, "order_id": "id", "status": kind, "attempt": 1, "error": None,
        "token_in": "SOL", "token_out": "USDC", "amount_in": "2", "amount_out": None,
    }  # fmt: skip
    assert logs.sentence(event) == f"id {kind}: 2 SOL for USDC."
