"""Hold every hostile body to a refusal that names its field."""

import asyncio
import json
from pathlib import Path

from tests.server.hostile import corpus
from tests.server.house import in_process

JSON = {"content-type": "application/json"}


async def test_every_hostile_body_is_refused_by_name(tmp_path: Path) -> None:
    wrong: list[str] = []
    async with in_process(tmp_path) as rooms:
        cases = list(corpus())
        for case in cases:
            answer = await rooms.client.post("/api/orders", content=case.body, headers=JSON)
            told = answer.json()
            blamed = {one.get("field") for one in told.get("errors", ())}
            if answer.status_code not in (400, 422):
                wrong.append(f"{case.name}: {answer.status_code} {told}")
            elif case.field is not None and case.field not in blamed:
                wrong.append(f"{case.name}: blames {blamed}")
            answer.content.decode("utf-8")
        total = (await rooms.client.get("/api/orders")).json()["total"]
    assert not wrong, "\n".join(wrong)
    assert total == 0
    assert len(cases) > 400


async def test_a_refusal_can_be_read_by_the_strictest_reader(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms, asyncio.timeout(20):
        for name in ("\x00", "\ud800", "\u202e", "x" * 10_000):
            body = json.dumps({name: 1}).encode()
            answer = await rooms.client.post("/api/orders", content=body, headers=JSON)
            text = answer.content.decode("utf-8", "strict")
            assert json.loads(text)["errors"][0]["field"].isprintable()
            assert len(text) < 4_000
