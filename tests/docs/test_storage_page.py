"""Prove that the page on storage names the columns there are, and that its queries run."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from cambist.stores.sqlite.connection import connect
from cambist.stores.sqlite.migrations import migrate_sqlite
from scripts.generate_docs import DOCS

PAGE = (DOCS / "storage.md").read_text("utf-8")
QUERIES = re.findall(r'"(SELECT .*)"', PAGE)


@pytest.mark.parametrize("view", ["orders", "order_events"])
def test_the_page_names_every_column_of_a_view(view: str) -> None:
    (row,) = re.findall(rf"^\| `{view}` \|.*$", PAGE, re.MULTILINE)
    named = re.findall(r"`(\w+)`", row.split("|")[3])
    with closing(connect(Path(":memory:"))) as db:
        migrate_sqlite(db)
        columns = [column[1] for column in db.execute(f"PRAGMA table_info({view})")]
    assert sorted(named) == sorted(columns)


@pytest.mark.parametrize("query", QUERIES)
def test_the_queries_on_the_page_run(query: str) -> None:
    with closing(connect(Path(":memory:"))) as db:
        migrate_sqlite(db)
        assert db.execute(query).fetchall() == []


def test_the_page_has_queries() -> None:
    assert QUERIES
