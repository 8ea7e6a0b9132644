"""Prove the README and the pages by doing what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from scripts.generate_docs import DOCS, PAGES
from tests.acceptance.process import Process, engine
from tests.docs.blocks import KNOWN, RUN, Reader, blocks, matches, unlike

ROOT = DOCS.parent
PAGES_BY_HAND = [
    path
    for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
    if path.parent != DOCS or path.name not in PAGES
]
RUNNABLE = [
    path
    for path in PAGES_BY_HAND
    if RUN & {block.language for block in blocks(path.read_text("utf-8"))}
]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    running = engine(tmp_path_factory.mktemp("pages"), paper_profile="instant").start()
    yield running
    assert running.stop() == 0


@pytest.mark.skipif(which("curl") is None, reason="the pages speak to the engine with curl")
@pytest.mark.parametrize("path", RUNNABLE, ids=name)
def test_what_a_page_says_is_what_happens(path: Path, house: Process, tmp_path: Path) -> None:
    reader = Reader(tmp_path, house.home, house.url)
    for block in blocks(path.read_text("utf-8")):
        assert reader.try_out(block) == [], block.text


@pytest.mark.parametrize("path", [*PAGES_BY_HAND, *map(DOCS.joinpath, PAGES)], ids=lambda p: p.name)
def test_every_block_says_whether_it_is_run(path: Path) -> None:
    assert {block.language for block in blocks(path.read_text("utf-8"))} <= KNOWN


@pytest.mark.parametrize("path", [*PAGES_BY_HAND, ROOT / "CONTRIBUTING.md"], ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_the_readme_and_the_map_are_among_them() -> None:
    assert {"README.md", "quickstart.md", "orders.md", "errors.md"} <= {p.name for p in RUNNABLE}
    linked = {(DOCS / target).resolve() for target in LINK.findall((DOCS / "index.md").read_text())}
    pages = {path.resolve() for path in DOCS.glob("*.md")} - {(DOCS / "index.md").resolve()}
    assert pages <= linked


def test_a_false_promise_is_noticed() -> None:
    assert unlike({"a": 1}, {"a": 2})
    assert unlike({"a": "10 SOL"}, {"a": "10 USDC"})
    assert unlike({"a": None}, {"a": 1})
    assert unlike([1], [1, 2])
    assert not unlike({"a": "10 SOL", "b": [True]}, {"a": "11.5 SOL", "b": [True], "c": 3})
    assert not matches("one\n", "one\ntwo\n")
    assert not matches("...\ntwo\n", "one\nthree\n")
    assert matches("...\ntwo 2\n...\n", "one\n\ntwo 34.5\n")
    table, moved = "raydium cpmm 1 %\nmeteora dlmm -\n", "meteora dlmm -\nraydium cpmm 2 %\n"
    assert matches(table, moved)
    assert not matches(table, moved + "raydium clmm -\n")
