"""Prove that the page of the API needs no other server, and says so when it cannot be shown."""

import re
from pathlib import Path

import pytest
from starlette.requests import Request

from cambist.faults import RequestRejected
from cambist.server.handlers.docs import CARRIER, PARTS, DocsPage
from tests.server.app_harness import in_process

ADDRESS = re.compile(r"""(?:src|href)=["']?([^"' >]+)""")


def request(name: str = "") -> Request:
    return Request({"type": "http", "method": "GET", "path_params": {"name": name}})


async def test_without_its_files_the_page_says_what_to_install() -> None:
    page = DocsPage(carrier="no_such_package")
    told = (await page.show(request())).body.decode()
    assert "pip install 'cambist[docs]'" in told
    assert set(ADDRESS.findall(told)) == {"data:,", "openapi.json", "docs/faults"}
    for name in PARTS:
        with pytest.raises(RequestRejected):
            await page.part(request(name))


async def test_a_package_that_lacks_the_files_is_as_good_as_none() -> None:
    told = (await DocsPage(carrier="json").show(request())).body
    assert b"not installed" in told


async def test_the_page_names_only_files_of_this_server(tmp_path: Path) -> None:
    pytest.importorskip(CARRIER, reason="pip install 'cambist[docs]'")
    async with in_process(tmp_path) as rooms:
        page = await rooms.client.get("/docs")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        for address in ADDRESS.findall(page.text):
            if address == "data:,":
                continue
            part = await rooms.client.get(f"/{address}")
            assert part.status_code == 200, address
            assert part.content
        assert (await rooms.client.get("/docs/ui/redoc.js")).status_code == 404
        assert (await rooms.client.get("/docs/ui/..%2furl.json")).status_code == 404


async def test_a_file_of_the_page_may_be_kept_and_the_page_may_not_be_framed(
    tmp_path: Path,
) -> None:
    async with in_process(tmp_path) as rooms:
        page = await rooms.client.get("/docs")
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        start = await rooms.client.get("/docs/ui/start.js")
        assert start.status_code in (200, 404)
        assert ("public" in start.headers["cache-control"]) == (start.status_code == 200)
