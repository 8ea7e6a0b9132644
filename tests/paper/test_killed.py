"""Kill a real process around the chain's commit, and hold its file to all of a slot or nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cambist.paper.chain_ledger import executions, sums
from tests.contracts.chain import ask, seen, sign
from tests.paper.paper_networks import InProcess

SWAPS = 3
LIFE = """
import asyncio, sys
from pathlib import Path
from cambist import failpoints
from tests.contracts.chain import sign
from tests.paper.paper_networks import InProcess

async def live():
    network = InProcess(Path(sys.argv[1]))
    await network.start()
    for slot in range(2):
        for number in range(3):
            attempt = await sign(network, f"slot {slot} order {number}")
            await network.chain.send(attempt.transaction)
        await network.pass_slots(1)

failpoints.arm(sys.argv[2])
asyncio.run(live())
"""


def _live_until_killed(path: Path, fault: str) -> int:
    command = [sys.executable, "-c", LIFE, str(path), fault]
    return subprocess.run(
        command, check=False, timeout=60, cwd=Path(__file__).parents[2]
    ).returncode


@pytest.mark.parametrize(("point", "slots"), [("before", 1), ("after", 2)])
async def test_a_killed_chain_keeps_every_slot_it_committed_and_no_part_of_another(
    tmp_path: Path, point: str, slots: int
):
    path = tmp_path / "chain.db"
    assert _live_until_killed(path, f"chain.{point}_commit:2") == -signal.SIGKILL
    done = executions(path)
    assert len(done) == slots * SWAPS
    assert set(sums(path).values()) == {0}
    network = InProcess(path)
    await network.start()
    attempt = await sign(network, "later")
    assert attempt.built_slot > max(execution.slot for execution in done)
    await network.chain.send(attempt.transaction)
    await network.pass_slots(1)
    assert seen(await ask(network, attempt)) == ["confirmed"]
    await network.stop()
