"""Read the files that deploy the engine, and what in them is meant for it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cambist.cli.main import app
from cambist.config import PREFIX

yaml = pytest.importorskip("yaml", reason="PyYAML reads the files that deploy: `make test` has it")

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deploy" / "systemd"
KUBERNETES = ROOT / "deploy" / "kubernetes"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
GIVEN = {"POSTGRES_PASSWORD": "0123abcd", "VALKEY_PASSWORD": "4567cdef"}


def compose() -> Any:
    """Return the Compose file as Compose reads it, with the one variable set that must be."""
    return yaml.safe_load(_VARIABLE.sub(_filled, (ROOT / "compose.yaml").read_text("utf-8")))


def _filled(found: re.Match[str]) -> str:
    name, kind, rest = found.groups()
    if name in GIVEN:
        return GIVEN[name]
    assert kind == "-", f"{name} has neither a default nor a value"
    return str(rest)


def objects() -> list[Any]:
    """Return every object of the Kubernetes example."""
    files = sorted(KUBERNETES.glob("*.yaml"))
    return [one for path in files for one in yaml.safe_load_all(path.read_text("utf-8")) if one]


def pods() -> Iterator[tuple[str, Any]]:
    """Return the pods that objects of the example make, by the objects' names."""
    for one in objects():
        if "template" in one.get("spec", {}):
            yield one["metadata"]["name"], one["spec"]["template"]


def unit(path: Path) -> dict[str, list[str]]:
    """Return what a unit file says, by its names."""
    said: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        name, is_set, value = line.partition("=")
        if is_set:
            said.setdefault(name, []).append(value)
    return said


def parse(words: list[str]) -> None:
    """Hold the words of a command to what the command line takes."""
    tree: Any = typer.main.get_command(app)
    while hasattr(tree, "commands"):
        name, *words = words
        found = tree.get_command(typer.Context(tree), name)
        assert found is not None, f"cambist has no command {name}"
        tree = found
    tree.make_context(tree.name, words)


def ours(environment: dict[str, Any]) -> dict[str, str]:
    """Return what of an environment is meant for the engine."""
    return {name: str(value) for name, value in environment.items() if name.startswith(PREFIX)}


def commands_in(page: str) -> Iterator[list[str]]:
    """Return the words after `cambist` or `api` in the commands of a text."""
    for found in re.finditer(
        r"docker compose run (?:--\w+ )*api (.+?)(?:  |$)", page, re.MULTILINE
    ):
        yield shlex.split(found[1])
