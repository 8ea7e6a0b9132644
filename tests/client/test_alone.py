"""Hold the SDK to standing alone: what a client imports, it runs."""

import subprocess
import sys

OURS = (
    "bootstrap",
    "cli",
    "config",
    "engine",
    "paper",
    "ports",
    "server",
    "coordination",
    "stores",
)
THEIRS = ("starlette", "uvicorn", "uvloop", "sqlite3", "prometheus_client", "structlog", "typer")
LOOK = "import sys; from cambist.client import Client; print(*sys.modules)"


def test_a_client_loads_nothing_of_the_engine() -> None:
    told = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    loaded = told.stdout.split()
    rooms = {name.split(".")[1] for name in loaded if name.startswith("cambist.")}
    assert {"client", "clock", "values"} <= rooms
    assert not rooms & set(OURS)
    assert not {name.split(".")[0] for name in loaded} & set(THEIRS)
