"""Prove that the collection is what the document says, and that a real engine passes it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from scripts import make_postman
from scripts.postman_steps import FOLDERS
from tests.server.app_harness import on_a_port
from tests.server.openapi.document import operations

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
INSTALLED = CACHE / "cambist/newman/node_modules/.bin/newman"
NEWMAN = which("newman") or (str(INSTALLED) if INSTALLED.is_file() and which("node") else None)
STEPS = [step for folder in FOLDERS for step in folder.steps]
LOCK = make_postman.COLLECTION.with_name("package-lock.json")
RUN_S_MAX = 60


def test_the_collection_is_what_the_document_says() -> None:
    assert make_postman.main(["--check"]) == 0, "run `make docs`"
    assert make_postman.main(["--chekc"]) == 2


def test_a_stale_collection_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_postman, "COLLECTION", tmp_path / "postman/one.json")
    assert make_postman.main(["--check"]) == 1
    assert make_postman.main([]) == 0
    assert make_postman.main(["--check"]) == 0


def test_every_request_holds_its_answer_to_something() -> None:
    def requests(item: dict[str, Any]) -> list[dict[str, Any]]:
        return (
            [one for part in item["item"] for one in requests(part)] if "item" in item else [item]
        )

    asked = requests(make_postman.collection())
    assert len(asked) == len(STEPS)
    for request in asked:
        script = "\n".join(request["event"][0]["script"]["exec"])
        assert script.count("pm.test(") >= 2, request["name"]


def test_whatever_trades_reads_or_cancels_is_asked_once_at_least() -> None:
    asked = {step.operation for step in STEPS}
    keyed = {
        operation.name
        for operation in operations()
        if operation.told["x-scope"] in ("read", "trade", "cancel")
    }
    sockets = {one.name for one in operations() if "x-websocket" in one.told}
    # placeOrder is executeOrder under another path, the stream of all orders never ends, and a
    # ticket is for sockets, which a collection cannot open.
    assert keyed - asked - sockets == {"placeOrder", "streamAllEvents", "issueStreamTicket"}


def test_the_lock_of_its_runner_names_no_host() -> None:
    packages = json.loads(LOCK.read_text("utf-8"))["packages"]
    assert len(packages) > 1
    for name, package in packages.items():
        assert "resolved" not in package
        assert name == "" or "integrity" in package


@pytest.mark.skipif(NEWMAN is None, reason="no newman: `make newman` installs it (needs node)")
async def test_a_real_engine_passes_the_collection(tmp_path: Path) -> None:
    assert NEWMAN is not None
    told = tmp_path / "told.json"
    async with on_a_port(tmp_path / "home") as (_, port):
        running = await asyncio.create_subprocess_exec(
            NEWMAN, "run", str(make_postman.COLLECTION),
            "--env-var", f"baseUrl=http://127.0.0.1:{port}",
            "--reporters", "json", "--reporter-json-export", str(told),
        )  # fmt: skip
        async with asyncio.timeout(RUN_S_MAX):
            ended = await running.wait()
    run = json.loads(told.read_text("utf-8"))["run"]
    faults = [f"{one['source']['name']}: {one['error']['message']}" for one in run["failures"]]
    assert faults == []
    assert ended == 0
    assert run["stats"]["requests"]["total"] == len(STEPS)
    assert run["stats"]["assertions"]["total"] >= 2 * len(STEPS)
