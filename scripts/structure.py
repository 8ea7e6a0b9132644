"""Prints figures about the structure of the code: `python -m scripts.structure`.

The files opened from the POST to `confirmed` are the modules of `src/cambist` of which a function
runs while one market order is placed over HTTP and confirmed on the paper market. Imports do not
count. With `--files` their names are printed too.
"""

from __future__ import annotations

import ast
import asyncio
import sys
import tempfile
import threading
import tokenize
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from types import CodeType, FrameType
from typing import Final, NamedTuple

import httpx
import structlog

from cambist.bootstrap import open_engine
from cambist.config import Settings
from cambist.server.app import create_app
from cambist.server.runner import ServerRunner
from cambist.server.settings import ServerSettings
from scripts.layout import table

SOURCES: Final = Path(__file__).resolve().parents[1] / "src" / "cambist"
SHORT_LINES: Final = 60
ORDER: Final = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
MARKET: Final = frozenset(("paper", "venues", "curves"))
"""What stands for the chain, and the six kinds of pool: a reader needs one of them at most."""
CONFIRM_S: Final = 3
"""An order takes some hundredths of a second in the profile without delays."""


class Module(NamedTuple):
    """A module: its path below the sources, its lines, and its public classes."""

    path: str
    lines: int
    comment_lines: int
    public_classes: tuple[str, ...]


def modules() -> list[Module]:
    """Return every module of the package."""
    return [_module(path) for path in sorted(SOURCES.rglob("*.py"))]


def _module(path: Path) -> Module:
    text = path.read_text("utf-8")
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    public = tuple(name for name in names if not name.startswith("_"))
    return Module(_relative(path), text.count("\n"), _comment_lines(path), public)


def _relative(path: Path) -> str:
    return path.relative_to(SOURCES).as_posix()


def _comment_lines(path: Path) -> int:
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    return len({token.start[0] for token in tokens if token.type == tokenize.COMMENT})


def siblings(found: Sequence[Module]) -> Counter[str]:
    """Return how many modules and packages each folder has, without its `__init__`."""
    count: Counter[str] = Counter()
    for module in found:
        path = Path(module.path)
        inside = path.parent if path.name == "__init__.py" else path
        if inside != Path():
            count[inside.parent.as_posix()] += 1
    return count


def duplicate_classes(found: Sequence[Module]) -> dict[str, list[str]]:
    """Return the public class names that exist more than once, with their modules."""
    places: dict[str, list[str]] = {}
    for module in found:
        for name in module.public_classes:
            places.setdefault(name, []).append(module.path)
    return {name: paths for name, paths in places.items() if len(paths) > 1}


class CallRecorder:
    """Collects the code objects that are called, in all threads that start later."""

    def __init__(self) -> None:
        self._called: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Record a call; the interpreter calls this (see sys.setprofile)."""
        if event == "call":
            self._called.add(frame.f_code)

    def clear(self) -> None:
        """Forget what was called so far."""
        self._called.clear()

    def files(self) -> list[str]:
        """Return the modules of the package among them."""
        paths = {
            Path(code.co_filename) for code in self._called.copy() if code.co_name != "<module>"
        }
        return sorted(_relative(path) for path in paths if path.is_relative_to(SOURCES))


async def files_of_an_order() -> list[str]:
    """Place an order over HTTP, wait until it is confirmed, and return the modules that ran."""
    recorder = CallRecorder()
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        with tempfile.TemporaryDirectory() as home:
            settings = Settings(home=home, paper_profile="instant")
            async with open_engine(settings) as engine:
                app = create_app(engine, ServerSettings())
                async with ServerRunner(app, "127.0.0.1", 0).listening() as port:
                    return await _place(port, recorder)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # None ends it, as in sys


async def _place(port: int, recorder: CallRecorder) -> list[str]:
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        recorder.clear()
        placed = await client.post("/api/orders", json=ORDER)
        order_id = placed.raise_for_status().json()["orderId"]
        # Asking meanwhile would count the files of the answers too.
        await asyncio.sleep(CONFIRM_S)
        files = recorder.files()
        order = (await client.get(f"/api/orders/{order_id}")).json()
    if order["status"] != "confirmed":
        msg = f"the order is {order['status']} after {CONFIRM_S} s"
        raise RuntimeError(msg)
    return files


def figures(found: Sequence[Module], opened: Sequence[str]) -> list[tuple[str, str]]:
    """Return each figure with its name."""
    lines = [module.lines for module in found]
    short = sum(1 for count in lines if count <= SHORT_LINES)
    folder, most = siblings(found).most_common(1)[0]
    longest = max(found, key=lambda module: module.lines)
    comments = 100 * sum(module.comment_lines for module in found) / sum(lines)
    doubled = duplicate_classes(found)
    own = [path for path in opened if path.partition("/")[0] not in MARKET]
    return [
        ("modules", str(len(found))),
        ("lines of a module, median", f"{median(lines):.0f}"),
        ("lines of a module, greatest", f"{longest.lines} ({longest.path})"),
        (f"modules of at most {SHORT_LINES} lines", f"{short}, one in {len(found) / short:.1f}"),
        ("siblings in the fullest folder", f"{most} ({folder})"),
        ("public class names that exist twice", f"{len(doubled)} {', '.join(sorted(doubled))}"),
        ("comment lines", f"{comments:.1f} %"),
        ("files opened from POST to confirmed", str(len(own))),
        ("the same, with the paper market and all pools", str(len(opened))),
    ]


def main(args: Sequence[str]) -> int:
    """Print the table; return the exit code."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    found, opened = modules(), asyncio.run(files_of_an_order())
    print("\n".join(table(("Figure", "Value"), figures(found, opened))))
    if "--files" in args:
        print("\n".join(["", *opened]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
