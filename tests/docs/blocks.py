"""Finds the blocks of a page, runs them against a real engine, and compares what they promise.

`sh` and `python` blocks are run. A `json` block right after one is the answer, shortened: what
stands in it must stand in the real one. A `console` block is commands after `$ ` and their output.
Ids, instants and numbers are masked; `...` stands for any lines. `text` and the rest are not run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import httpx

RUN_S_MAX = 30
RUN = frozenset(("sh", "python", "console", "json"))
KNOWN = RUN | {"text", "mermaid"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MASKS = (
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "INSTANT"),
    (re.compile(r"(?<!\S)(?=[a-f]*\d)[0-9a-f]{8}(?=\s)"), "TAIL"),
    # Prices walk, and so does the question of which pool is the best.
    (re.compile(r"\b(?i:raydium|meteora) (?i:amm v4|cpmm|clmm|dlmm|damm v[12])\b"), "POOL"),
    (re.compile(r"(?<=\s)-(?=[\d.]+ %)"), ""),  # a fill may be a hair better than its quote
    (re.compile(r"\d+(?:\.\d+)?"), "N"),
    (re.compile(r" +"), " "),
)
ORDER_ID = re.compile(r'"orderId": ?"([^"]+)"|^([0-9a-f]{8}-[0-9a-f-]{27})  ', re.MULTILINE)

SHIMS = {
    "cambist": 'exec "{python}" -m cambist "$@"\n',
    # Not every machine has the tool, and every Python has the library.
    "sqlite3": 'exec "{python}" -c \'import sqlite3, sys\n'
    'for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row, sep="|")\' "$@"\n',
}


REST_TRIES_MAX = 200
REST_PAUSE_S = 0.05


class Block(NamedTuple):
    """One fenced block."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """List the blocks of a page in order."""
    return [Block(*found) for found in FENCE.findall(page)]


def mask(text: str) -> str:
    """Take out of a text what differs from run to run."""
    for pattern, name in MASKS:
        text = pattern.sub(name, text)
    return text.strip()


def unlike(promised: Any, real: Any, where: str = "$") -> list[str]:
    """List where a real answer lacks what a shortened one promises."""
    if isinstance(promised, dict) and isinstance(real, dict):
        return [
            fault
            for name, value in promised.items()
            for fault in unlike(value, real.get(name), f"{where}.{name}")
        ]
    if isinstance(promised, list) and isinstance(real, list) and len(promised) == len(real):
        pairs = enumerate(zip(promised, real, strict=True))
        return [fault for n, (a, b) in pairs for fault in unlike(a, b, f"{where}[{n}]")]
    if isinstance(promised, bool) or promised is None or type(promised) is not type(real):
        alike = promised is real
    elif isinstance(promised, str):
        alike = mask(promised) == mask(real)
    else:
        alike = promised == real
    return [] if alike else [f"{where}: promised {promised!r}, got {real!r}"]


def masked_lines(text: str) -> list[str]:
    """Return the masked lines of an output, the pools of a table in the order of their shape.

    Which pool pays more than the next one depends on the market of that moment.
    """
    lines = (mask(line) for line in text.splitlines())
    ordered: list[str] = []
    for is_pool, group in groupby(lines, lambda line: line.startswith("POOL")):
        rows = list(group)
        ordered += sorted(rows) if is_pool else rows
    return ordered


def matches(promised: str, real: str) -> bool:
    """Whether an output is the promised one, where `...` is any number of lines."""
    lines = masked_lines(promised)
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in lines)
    output = "".join(line + "\n" for line in masked_lines(real))
    return re.fullmatch(pattern, output) is not None


class Reader:
    """Someone who tries out a page, block by block, beside a running engine."""

    def __init__(self, folder: Path, home: Path, url: str) -> None:
        self._folder = folder
        self._home = home
        self._url = url
        self._order_id = "no-order-yet"
        self._said = ""
        shims = folder / "bin"
        shims.mkdir()
        for name, text in SHIMS.items():
            (shims / name).write_text("#!/bin/sh\n" + text.format(python=sys.executable))
            (shims / name).chmod(0o755)
        paths = [str(Path(path).absolute()) for path in sys.path if path]
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CAMBIST_")},
            "PATH": f"{shims}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(paths),
            "CAMBIST_URL": url,
            "CAMBIST_HOME": str(home),
            "NO_COLOR": "1",
        }

    def try_out(self, block: Block) -> list[str]:
        """Run a block, or compare it; return what is wrong."""
        match block.language:
            case "sh":
                # A reader takes longer than an order does: what a page says of an order that
                # was sent above is said of one that has closed.
                self._until_at_rest()
                self._said = self._run(["bash", "-euo", "pipefail", "-c", block.text])
            case "python":
                self._said = self._run([sys.executable, "-c", block.text])
            case "console":
                return self._try_console(block.text)
            case "json":
                return unlike(json.loads(block.text), json.loads(self._said))
        return []

    def _until_at_rest(self) -> None:
        """Wait until no order is under way."""
        for _ in range(REST_TRIES_MAX):
            page = httpx.get(f"{self._url}/api/orders?limit=1", trust_env=False).json()
            if not page["waiting"] + page["active"] + page["delayed"]:
                return
            time.sleep(REST_PAUSE_S)

    def _try_console(self, text: str) -> list[str]:
        faults = []
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, promised = part.partition("\n")
            real = self._run(["bash", "-euo", "pipefail", "-c", command])
            if not matches(promised, real):
                faults.append(f"$ {command}\npromised:\n{promised}\ngot:\n{real}")
        return faults

    def _run(self, words: list[str]) -> str:
        text = words[-1].replace("127.0.0.1:3000", self._url.removeprefix("http://"))
        text = text.replace("ORDER_ID", self._order_id).replace(".venv/bin/", "")
        text = text.replace(".cambist/", f"{self._home}/")
        text = text.replace("cambist demo", "cambist demo --profile instant")
        ended = subprocess.run(
            [*words[:-1], text],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=RUN_S_MAX,
            check=False,
        )
        assert ended.returncode == 0, f"{text}\n{ended.stdout}\n{ended.stderr}"
        found = ORDER_ID.search(ended.stdout)
        if found:
            self._order_id = found[1] or found[2]
        return ended.stdout
