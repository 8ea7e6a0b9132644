"""Prove that the page of the API shows every operation, sends an order, and asks no stranger."""

from __future__ import annotations

from pathlib import Path

import pytest

from cambist.server.handlers.docs import CARRIER
from tests.server.app_harness import on_a_port
from tests.server.openapi.document import operations
from tests.ui.browser import browser

WAIT_MS = 20_000


async def test_people_can_read_the_api_and_send_an_order_from_the_page(tmp_path: Path) -> None:
    pytest.importorskip(CARRIER, reason="pip install 'cambist[docs]'")
    async with on_a_port(tmp_path) as (rooms, port), browser() as seen:
        base, page = f"http://127.0.0.1:{port}", seen.page
        await page.goto(f"{base}/docs")
        await page.wait_for_selector(".opblock", timeout=WAIT_MS)
        assert await page.locator(".opblock").count() == len(operations())
        assert await page.locator(".errors-wrapper").count() == 0

        placing = page.locator("#operations-orders-executeOrder")
        await placing.locator(".opblock-summary-control").click()
        await placing.locator(".try-out__btn").click()
        await placing.locator("button.execute").click()
        status = placing.locator("tr.response .response-col_status").first
        await status.wait_for(timeout=WAIT_MS)
        assert (await status.inner_text()).strip().startswith("202")
        listed = (await rooms.client.get("/api/orders")).json()
        assert listed["total"] == 1

        assert seen.strangers(base) == []
        assert seen.complaints == []
