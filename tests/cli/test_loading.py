"""Hold the tree of commands to loading the one that is asked for, and to telling all of them."""

import subprocess
import sys

import pytest
import typer

from cambist.cli.main import COMMANDS, app

HEAVY = ("httpx", "uvicorn", "starlette", "asyncpg", "sqlite3", "cambist.engine", "cambist.server")


def loaded_by(*words: str, **environment: str) -> set[str]:
    """Return which heavy modules a command has loaded when it ends."""
    program = (
        "import sys, os\n"
        "from cambist.cli.main import app\n"
        "try:\n    app(sys.argv[1:], prog_name='cambist')\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return {name for name in HEAVY if name in told.stderr.split()}


def test_the_help_of_the_tree_is_that_of_its_commands() -> None:
    tree = typer.main.get_command(app)
    context = typer.Context(tree)
    for name, entry in COMMANDS.items():
        command = tree.get_command(context, name)  # type: ignore[attr-defined]
        told = " ".join((command.help or "").split("\n\n")[0].split())
        assert told == entry.help, name


@pytest.mark.parametrize("words", [("--version",), ("--help",), ()])
def test_what_runs_no_command_loads_none(words: tuple[str, ...]) -> None:
    assert loaded_by(*words) == set()


@pytest.mark.parametrize(
    "line", ["cambist ", "cambist wa", "cambist order 1 SO", "cambist list --"]
)
def test_completion_loads_no_more_than_it_proposes(line: str) -> None:
    words = line.split(" ")
    asked = {
        "_CAMBIST_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    assert loaded_by(**asked) == set()


def test_a_client_s_command_loads_no_engine() -> None:
    assert not {"cambist.engine", "cambist.server", "sqlite3"} & loaded_by("list", "--help")
