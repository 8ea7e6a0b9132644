"""Prove that the site can be read in a browser, page by page, without asking a stranger."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from scripts.generate_docs import DOCS
from tests.docs.test_site import BUILD_S_MAX, BUILDER, ROOT
from tests.ui.browser import browser


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Keep still."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Build the site, and serve it."""
    if BUILDER is None:
        pytest.skip("no zensical: `make site` installs it")
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    subprocess.run(
        [BUILDER, "build"], cwd=tmp_path, capture_output=True, timeout=BUILD_S_MAX, check=True
    )
    folder = tmp_path / "site"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_every_page_is_shown_and_asks_no_stranger(site: tuple[Path, str]) -> None:
    folder, base = site
    async with browser() as seen:
        for page in sorted(folder.rglob("*.html")):
            await seen.page.goto(f"{base}/{page.relative_to(folder).as_posix()}")
            assert await seen.page.locator("article h1").count() == 1, page.name
        assert seen.strangers(base) == []
        assert seen.complaints == []
