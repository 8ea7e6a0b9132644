"""Prove that `type` of a problem document leads to a place that is there."""

from html import escape
from pathlib import Path

from cambist.faults import CATALOGUE, Code
from tests.server.app_harness import in_process


async def test_the_type_of_a_problem_leads_to_its_code(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        refused = (await rooms.client.post("/api/orders", json={})).json()
        page, _, anchor = refused["type"].partition("#")
        told = await rooms.client.get(page)
        assert told.status_code == 200
        assert told.headers["content-type"] == "text/html; charset=utf-8"
        assert f'<h2 id="{anchor}">' in told.text
        assert anchor == refused["code"]


async def test_every_code_has_its_place_and_the_page_loads_nothing(tmp_path: Path) -> None:
    async with in_process(tmp_path) as rooms:
        told = await rooms.client.get("/docs/faults")
        policy = told.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert '<meta name="viewport"' in told.text
        for code in Code:
            assert f'<a href="#{code}">{code}</a>' in told.text
            assert (
                f'<h2 id="{code}">{code}</h2>\n<p>{escape(CATALOGUE[code].sentence)}</p>'
                in told.text
            )
