"""Find the files of the project, and read them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cambist"

EXACT = ("values", "faults.py", "orders", "curves", "venues", "routing", "wire", "ports")
"""Floors 0 to 5, where a float would sooner or later be money."""

EXACT_IN_PAPER = (
    "arbitrage.py", "adapters.py", "decay.py", "ledger.py", "pool_states.py", "price_paths.py",
)  # fmt: skip
EXACT_IN_SOLANA = ("fees.py", "receipt.py")


def sources(*, under: Path = PACKAGE) -> list[Path]:
    """List the Python files under a folder, or the file itself, in order."""
    return sorted(under.rglob("*.py")) if under.is_dir() else [under] * under.exists()


PYTHON = [
    path for folder in ("src", "tests", "bench", "scripts") for path in sources(under=ROOT / folder)
]


def money_files() -> Iterator[Path]:
    """List the files in which every number may be money."""
    for name in EXACT:
        yield from sources(under=PACKAGE / name)
    for folder, names in (("paper", EXACT_IN_PAPER), ("solana", EXACT_IN_SOLANA)):
        for name in names:
            yield from sources(under=PACKAGE / folder / name)


def parsed(path: Path) -> ast.Module:
    """Parse a file, so that its errors name it."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path) -> str:
    """Name a file as seen from the root of the repository."""
    return str(path.relative_to(ROOT))
