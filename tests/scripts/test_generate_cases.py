"""Prove that the table of cases has every numbered test, once, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.generate_cases import SECTIONS, TESTS, cases, read_cases

SOURCE = """
async def test_l2_a_part_is_not_the_whole() -> None: ...
def test_l10_later_numbers_follow() -> None: ...
def test_of_no_case() -> None: ...
def helper_l3_is_no_test() -> None: ...
class Inner:
    def test_s1_in_a_class(self) -> None: ...
"""


def test_a_case_is_the_number_and_the_words_of_a_test(tmp_path: Path) -> None:
    (tmp_path / "tests/engine").mkdir(parents=True)
    (tmp_path / "tests/engine/test_resting_orders.py").write_text(SOURCE, "utf-8")
    (tmp_path / "tests/engine/test_other.py").write_text(SOURCE, "utf-8")
    found = list(read_cases(tmp_path / "tests"))
    assert [(case.letter, case.number, case.sentence) for case in found] == [
        ("L", 2, "A part is not the whole."),
        ("L", 10, "Later numbers follow."),
    ]
    assert {case.file for case in found} == {"tests/engine/test_resting_orders.py"}


def test_every_numbered_test_stands_in_the_page_once() -> None:
    text = (TESTS / "engine/test_resting_orders.py").read_text("utf-8")
    numbered = re.findall(r"^async def test_([a-z]\d+)_", text, re.MULTILINE)
    assert len(numbered) >= 15
    rows = re.findall(r"^\| ([A-Z]\d+) \|", cases(), re.MULTILINE)
    assert sorted(row.lower() for row in rows) == sorted(numbered)
    assert {case.letter for case in read_cases()} <= set(SECTIONS)
