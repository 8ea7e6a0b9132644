"""Hold the document to what generators of clients can read: they are run where they are installed.

They are installed apart from the project, with their names on PATH: `pip install
openapi-python-client`, and `npm install -g @hey-api/openapi-ts@0.61 typescript@5.5`, which runs on
Node 20. Without them these tests are skipped, and say so.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cambist.server.openapi.document import document
from cambist.server.openapi.request_bodies import VARIANTS

WITHIN_S = 120


def run(*command: str, cwd: Path) -> str:
    """Run a generator, and return what it said."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=WITHIN_S, check=False, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write the document to a file."""
    path = tmp_path / "openapi.json"
    path.write_bytes(document())
    return path


def test_a_python_client_has_a_type_for_each_form_of_an_order(
    written: Path, tmp_path: Path
) -> None:
    generator = shutil.which("openapi-python-client")
    if generator is None:
        pytest.skip("no openapi-python-client on PATH: the generated Python client is not tested")
    out = tmp_path / "client"
    asked = (generator, "generate", "--path", str(written), "--output-path", str(out))
    said = run(*asked, "--meta", "none", cwd=tmp_path)
    assert "/api/orders" not in said, said  # it names what it could not generate
    models = {path.stem: path.read_text() for path in (out / "models").glob("*.py")}
    for name in VARIANTS:
        model = models[_snake(name)]
        assert f"class {name}:" in model
    assert "token_in: str" in models["pair_order"]
    assert "symbol: str" in models["sided_order"]
    for path in out.rglob("*.py"):
        compile(path.read_text(), str(path), "exec")


def test_a_typescript_client_has_a_type_for_each_form_of_an_order(
    written: Path, tmp_path: Path
) -> None:
    generator = shutil.which("openapi-ts")
    if generator is None:
        pytest.skip("no openapi-ts (hey-api) on PATH: the generated TypeScript is not tested")
    out = tmp_path / "client"
    asked = (generator, "-i", str(written), "-o", str(out), "-c", "@hey-api/client-fetch")
    run(*asked, cwd=tmp_path)
    types = (out / "types.gen.ts").read_text()
    for name in VARIANTS:
        assert f"export type {name} = " in types
    assert "export type OrderRequest = PairOrder | SidedOrder" in types


def _snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name).lstrip("_")
