"""Prove that a defect is logged with its traceback, and without what passed through our hands."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import structlog

from cambist import logs

SECRET = "cmb_live_not_for_the_log"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def _fail(headers: dict[str, str]) -> None:
    raise ValueError(f"{len(headers)} headers are too many")


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_traceback_names_the_line_and_holds_no_local(style: str) -> None:
    out = io.StringIO()
    logs.set_up("info", style, out)
    try:
        _fail({"authorization": f"Bearer {SECRET}"})
    except ValueError:
        structlog.get_logger("tests").exception("request_failed")
    told = out.getvalue()
    assert "1 headers are too many" in told
    assert "_fail" in told
    assert SECRET not in told
