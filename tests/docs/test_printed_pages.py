"""Prove that the printed pages are what the code says, and that a stale one is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cambist.failpoints import FAILPOINTS
from cambist.faults import CATALOGUE, Code
from cambist.orders.lifecycle import TRANSITIONS
from cambist.venues.reject_reasons import RejectReason
from scripts import generate_docs, generate_refusals
from tests.strategies import FACTS


@pytest.mark.parametrize("name", generate_docs.PAGES)
def test_a_printed_page_is_what_the_code_says(name: str) -> None:
    assert (generate_docs.DOCS / name).read_text("utf-8") == generate_docs.PAGES[name]()


def test_a_check_of_fresh_pages_passes() -> None:
    assert generate_docs.main(["--check"]) == 0
    assert generate_docs.main(["--chekc"]) == 2


def test_a_stale_or_missing_page_is_noticed_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate_docs, "DOCS", tmp_path)
    monkeypatch.setattr(generate_docs.stale, "__defaults__", (tmp_path,))
    assert generate_docs.main([]) == 0
    assert generate_docs.main(["--check"]) == 0
    (tmp_path / "faults.md").write_text("old", "utf-8")
    (tmp_path / "lifecycle.md").unlink()
    assert generate_docs.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert "docs/faults.md" in told
    assert "docs/lifecycle.md" in told
    assert "docs/faultpoints.md" not in told


def test_every_code_has_its_place() -> None:
    page = generate_docs.faults()
    for code in Code:
        assert f'<a id="{code}"></a>' in page
        assert CATALOGUE[code].sentence in page


def test_every_move_and_fact_is_told() -> None:
    page = generate_docs.lifecycle()
    for status, row in TRANSITIONS.items():
        for moved, to in row.items():
            assert f"| `{status}` | `{moved.kind}` | `{to}` |" in page
    for kind in FACTS:
        assert f"| `{kind.__struct_config__.tag}` |" in page


def test_every_point_is_told() -> None:
    page = generate_docs.failpoints()
    assert all(f"| `{name}` | {when} |" in page for name, when in FAILPOINTS.items())


def test_every_refusal_is_told() -> None:
    page = generate_refusals.refusals()
    assert all(f"| `{one}` | {one.sentence} |" in page for one in RejectReason)
