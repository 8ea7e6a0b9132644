"""Stop trading from the command line, beside an engine and without one."""

from pathlib import Path

from typer.testing import CliRunner

from cambist.cli.main import app
from tests.server.app_harness import ORDER, in_process

WHY = "the market is on fire"


def run(home: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words, "--home", str(home)])
    return result.exit_code, result.output


async def test_a_halt_beside_a_running_engine_holds_from_its_commit_on(tmp_path: Path) -> None:
    async with in_process(tmp_path) as (_, _, client):
        assert run(tmp_path, "halt", WHY)[0] == 0
        refused = await client.post("/api/orders", json=ORDER)
        assert (refused.status_code, refused.json()["code"]) == (503, "halted")
        assert WHY in refused.json()["detail"]
        assert run(tmp_path, "resume", "it is out")[0] == 0
        assert (await client.post("/api/orders", json=ORDER)).status_code == 202


async def test_a_halt_outlives_the_engine(tmp_path: Path) -> None:
    async with in_process(tmp_path):
        pass
    assert run(tmp_path, "halt", WHY)[0] == 0
    async with in_process(tmp_path) as (_, _, client):
        assert (await client.get("/health")).json()["halt"]["reason"] == WHY


def test_a_halt_needs_a_reason_and_a_home(tmp_path: Path) -> None:
    assert run(tmp_path, "halt", " ")[0] == 2
    code, said = run(tmp_path, "halt", WHY)
    assert code == 78
    assert "nobody trades in this home" in said
