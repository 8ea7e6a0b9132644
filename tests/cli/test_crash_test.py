"""Run the proof a user can run, and see that its judge is no friend of the engine."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cambist.cli.crash_test.prove_command import _prove
from cambist.cli.crash_test.runner import CrashRun, CrashTestPlan
from cambist.cli.crash_test.verdict import ReportedOrder, executed, judge

PLAN = CrashTestPlan(seconds=2, per_second=40, seed=3, profile="instant")


@pytest.mark.acceptance
async def test_the_promise_is_kept_under_kills(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _prove(tmp_path, PLAN) == 0
    told = capsys.readouterr().out
    assert "0 lost" in told
    assert "0 executed twice" in told
    assert "The promise is kept." in told


@pytest.mark.acceptance
async def test_the_judge_sees_what_is_lost_doubled_or_untrue(tmp_path: Path) -> None:
    storm = CrashRun(tmp_path, PLAN)
    stored = await storm.run()
    assert storm.kills
    assert judge(tmp_path, storm.accepted, stored).broken == ()
    order_id = next(one for one in stored if executed(tmp_path)[one] == 1)

    lost = judge(tmp_path, {**storm.accepted, "key": "nowhere"}, stored)
    assert lost.lost == 1
    for status in ("failed", "submitted"):
        wrong = {**stored, order_id: ReportedOrder(stored[order_id].key, status)}
        (broken,) = judge(tmp_path, storm.accepted, wrong).broken
        assert order_id in broken
    gone = {name: one for name, one in stored.items() if name != order_id}
    assert judge(tmp_path, {}, gone).broken

    with closing(sqlite3.connect(tmp_path / "paper-chain.db")) as chain:
        columns = [row[1] for row in chain.execute("PRAGMA table_info(executions)")]
        copied = ", ".join("signature || 'x'" if name == "signature" else name for name in columns)
        chain.execute(
            f"INSERT INTO executions SELECT {copied} FROM executions WHERE order_id = ?",  # noqa: S608
            (order_id,),
        )
        chain.commit()
    doubled = judge(tmp_path, storm.accepted, stored)
    assert doubled.executed_twice == 1
    assert any(order_id in line for line in doubled.broken)
