"""Prove that the site shows every page, that nothing in it is missing, and nothing is foreign."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.generate_docs import DOCS

ROOT = DOCS.parent
CONFIG = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
OWN = ROOT / ".venv-site/bin/zensical"
BUILDER = str(OWN) if OWN.is_file() else shutil.which("zensical")
FOREIGN = re.compile(r"""(?:src|href|url\()=?["']?(https?:)?//[^"' >)]+""")
BUILD_S_MAX = 60


def named(nav: Any) -> Iterator[str]:
    """Yield every page a navigation names."""
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from named(part)


def test_the_navigation_names_every_page_once_and_no_other() -> None:
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert sorted(named(CONFIG["nav"])) == pages, "zensical.toml names the pages"


def test_no_font_is_asked_of_anybody() -> None:
    assert CONFIG["theme"]["font"] is False


@pytest.mark.skipif(BUILDER is None, reason="no zensical: `make site` installs it")
def test_the_site_builds_without_a_warning_and_names_no_other_server(tmp_path: Path) -> None:
    assert BUILDER is not None
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    built = subprocess.run(
        [BUILDER, "build", "--strict"],
        cwd=tmp_path, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))  # the one for what is not there, too
    for page in [*pages, *(tmp_path / "site").rglob("*.css")]:
        found = FOREIGN.search(page.read_text("utf-8"))
        assert found is None, f"{page.name}: {found and found[0]}"
