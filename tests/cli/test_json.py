"""Hold `--json` to one document for each command, and to one line for each event."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.process import Process
from tests.cli.conftest import Cambist


def document(done: Any) -> Any:
    """Return the one document that a command printed."""
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def test_an_order_and_its_watch_are_a_line_an_event(cambist: Cambist) -> None:
    done = cambist("order", "1", "SOL", "USDC", "--json")
    assert done.exit_code == 0
    placed, *events = [json.loads(line) for line in done.stdout.splitlines()]
    assert placed["summary"].startswith("Sell 1 SOL")
    path = ["pending", "routing", "building", "submitted", "sent", "confirmed"]
    assert [event["event"] for event in events] == path
    assert Decimal(events[-1]["amountOut"]) > 0
    again = cambist("watch", placed["orderId"], "--json")
    assert [json.loads(line) for line in again.stdout.splitlines()] == events
    alone = cambist("order", "1", "SOL", "USDC", "--json", "--no-follow")
    assert document(alone)["status"] == "pending"


def test_what_is_shown_of_orders_is_a_document(cambist: Cambist, placed: str) -> None:
    shown = document(cambist("show", placed, "--json"))
    assert shown["order"]["orderId"] == placed
    assert shown["order"]["amountIn"] == "1"
    assert [one["seq"] for one in shown["events"]] == list(range(1, len(shown["events"]) + 1))
    listed = document(cambist("list", "--limit", "1", "--json"))
    assert [one["orderId"] for one in listed["orders"]] == [placed]
    assert document(cambist("cancel", placed, "--json"))["cancel"] == "too_late"
    report = document(cambist("report", "--json"))
    assert report["orders"] >= 1
    assert {"day", "tokenIn", "amountOut", "feeLamports"} <= set(report["days"][0])


def test_what_is_asked_of_markets_is_a_document(cambist: Cambist) -> None:
    quote = document(cambist("quote", "1", "SOL", "USDC", "--json"))
    assert quote["tokenOut"] == "USDC"
    both = document(cambist("quote", "1", "SOL", "USDC", "--explain", "--json"))
    assert both["pools"]["pools"]
    assert both["quote"]["quotes"]
    assert len(document(cambist("pools", "SOL", "USDC", "--json"))["pools"]) == 6


@pytest.mark.usefixtures("placed")
def test_what_is_read_of_a_home_is_a_document(
    cambist: Cambist, house: Process, tmp_path: Path
) -> None:
    home = ("--home", str(house.home))
    held = document(cambist("balances", *home, "--json"))["balances"]
    assert {"wallet", "token", "amount", "mint"} == set(held[0])
    assert document(cambist("verify", *home, "--json"))["broken"] == 0
    findings = document(cambist("doctor", *home, "--json"))["findings"]
    assert {"state", "part", "told"} <= set(findings[0])
    assert document(cambist("orders", "stuck", *home, "--json"))["inFlight"] >= 0
    backup = document(cambist("backup", str(tmp_path / "copy.db"), *home, "--json"))
    assert Path(backup["path"]).exists()
    own = ("--home", str(tmp_path / "own"))
    restored = document(cambist("restore", backup["path"], *own, "--json"))
    assert restored["audit"]["broken"] == 0
    assert document(cambist("prune", "--older-than-days", "30", *own, "--json"))["orders"] == 0
    assert document(cambist("resume", "seen", *own, "--json"))["before"]["by"]
    assert document(cambist("resume", "seen", *own, "--json"))["before"] is None
    assert document(cambist("halt", "why", *own, "--json")) == {"halted": True, "before": None}
    assert document(cambist("drain", "why", *own, "--json"))["inFlight"] == 0
    key = document(cambist("keys", "create", *own, "--json"))
    assert key["key"].split("_")[1] == key["id"]
    (listed,) = document(cambist("keys", "list", *own, "--json"))["keys"]
    assert (listed["id"], listed["state"]) == (key["id"], "in force")
    assert "digest" not in listed
    assert document(cambist("keys", "revoke", key["id"], *own, "--json"))["revoked"]
    assert document(cambist("chaos", *own, "--json"))["drop"] is None
