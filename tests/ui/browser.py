"""Opens pages in a browser that is there already, and notes what they ask for and complain of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from shutil import which
from typing import Any, NamedTuple

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
FOUND = next((path for path in map(which, BROWSERS) if path is not None), None)


class Seen(NamedTuple):
    """A page, every address it asked for, and everything it complained of."""

    page: Any
    asked: list[str]
    complaints: list[str]

    def strangers(self, base: str) -> list[str]:
        """List what was asked of other servers."""
        own = (f"{base}/", "data:", "blob:")
        return [address for address in self.asked if not address.startswith(own)]


@asynccontextmanager
async def browser() -> AsyncIterator[Seen]:
    """Open an empty page; skip the test, and say why, where there is no browser."""
    driver = pytest.importorskip("playwright.async_api", reason="`make ui` installs the driver")
    if FOUND is None:
        pytest.skip("no browser: apt-get install chromium")
    async with driver.async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=FOUND, args=list(QUIET))
        try:
            page = await opened.new_page()
            seen = Seen(page, [], [])
            page.on("request", lambda request: seen.asked.append(request.url))
            page.on("console", lambda told: _note(seen, told.type, told.text))
            page.on("pageerror", lambda error: _note(seen, "error", str(error)))
            yield seen
        finally:
            await opened.close()


def _note(seen: Seen, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        seen.complaints.append(text)
