"""Prints the pages of the documentation that come from the code, or checks that they are fresh.

`python -m scripts.print_docs` writes them; with `--check` it writes nothing and exits 1 when one
is stale. A page is a function without arguments, entered in `PAGES` under its file name.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from cambist.faultpoints import POINTS
from cambist.faults import CATALOGUE, Blame, Code, Remedy
from cambist.orders.event import Fact
from cambist.orders.lifecycle import NOTES, START, TABLE, diagram

DOCS: Final = Path(__file__).parents[1] / "docs"
NOTICE: Final = "<!-- Printed from the code by `make docs`; changes here are lost. -->"

BLAMED: Final = {
    Blame.USER: "the one who asked",
    Blame.VENUE: "the venue",
    Blame.CHAIN: "the chain",
    Blame.HOUSE: "the engine",
}
REMEDIES: Final = {
    Remedy.RETRY: "nothing happened; the engine tries again later",
    Remedy.REQUOTE: "nothing happened; the engine tries again with a fresh quote",
    Remedy.ASK_CHAIN: "unknown; only the chain can say what happened",
    Remedy.GIVE_UP: "final; the same again would end the same way",
}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Draw a table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def page(title: str, *blocks: Sequence[str]) -> str:
    """Lay out a page: its title, then blocks with a blank line between."""
    parts = [NOTICE, f"# {title}", *("\n".join(block) for block in blocks)]
    return "\n\n".join(parts) + "\n"


def first_sentence(thing: object) -> str:
    """Return how a docstring opens."""
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


def lifecycle() -> str:
    """Print the states of an order."""
    moves = [
        (f"`{status}`", f"`{kind}`", f"`{to}`")
        for status, row in TABLE.items()
        for kind, to in row.items()
    ]
    notes = [
        (f"`{status}`", ", ".join(f"`{kind}`" for kind in sorted(kinds)))
        for status, kinds in NOTES.items()
        if kinds
    ]
    facts = [(f"`{kind.__struct_config__.tag}`", first_sentence(kind)) for kind in kinds_of_fact()]
    return page(
        "The life of an order",
        [
            "All that moves an order stands in one table, and this page is printed from it. What",
            "is not in the table cannot happen: it is refused, and the order stays as it was.",
        ],
        ["```mermaid", *diagram().splitlines(), "```"],
        ["## Moves"],
        table(("From", "Fact", "To"), [("", f"`{START}`", f"`{next(iter(TABLE))}`"), *moves]),
        [
            "Nothing leaves `submitted` but by `landed` while the transaction may still land: a",
            "retry, a cancel, an expiry or a failure needs the attempt reverted or lapsed first.",
        ],
        ["## Notes", "", "These are written in the journal and move no status."],
        table(("While", "Facts"), notes),
        ["## Facts"],
        table(("Fact", "Meaning"), facts),
    )


def kinds_of_fact() -> list[type[Fact]]:
    """List the kinds of fact in the order they are written down."""
    return Fact.__subclasses__()


def faults() -> str:
    """Print the catalogue of faults."""
    return page(
        "Faults",
        [
            "Each fault has a stable `code`. `type` in a problem document leads to the code's",
            "place on this page.",
        ],
        *(block for code in Code for block in fault_blocks(code)),
    )


def fault_blocks(code: Code) -> list[list[str]]:
    """Print one code."""
    entry = CATALOGUE[code]
    return [
        # A heading's own anchor would follow its text; this one is the code, whatever prints it.
        [f'<a id="{code}"></a>', "", f"## {code}"],
        [entry.sentence],
        [
            f"- Who has to act: {BLAMED[entry.blame]} (`{entry.blame}`)",
            f"- What follows: {REMEDIES[entry.remedy]} (`{entry.remedy}`)",
            f"- HTTP status of a request refused for it: {entry.status}",
        ],
    ]


def faultpoints() -> str:
    """Print the points where the process can be broken on purpose."""
    return page(
        "Fault points",
        [
            "Between two durable steps lies a moment in which a process may die. Each such moment",
            "has a name, and `CAMBIST_FAULT=point:count[:kill|stop|raise]` breaks the process when",
            "it passes the point for the count-th time: SIGKILL (the default), SIGSTOP or an",
            "exception.",
        ],
        ["```sh", "CAMBIST_FAULT=worker.before_send:3 cambist serve", "```"],
        table(("Point", "The moment"), [(f"`{name}`", when) for name, when in POINTS.items()]),
    )


PAGES: Final[dict[str, Callable[[], str]]] = {
    "lifecycle.md": lifecycle,
    "faults.md": faults,
    "faultpoints.md": faultpoints,
}


def stale(docs: Path = DOCS) -> list[str]:
    """List the pages that are not what the code says."""
    return [
        name
        for name, print_page in PAGES.items()
        if not (docs / name).is_file() or (docs / name).read_text("utf-8") != print_page()
    ]


def main(args: Sequence[str]) -> int:
    """Write the pages, or check them; return the exit code."""
    if args not in ([], ["--check"]):
        print("usage: python -m scripts.print_docs [--check]", file=sys.stderr)
        return 2
    names = stale()
    if args:
        for name in names:
            print(f"docs/{name} is not what the code says: run `make docs`", file=sys.stderr)
        return 1 if names else 0
    DOCS.mkdir(exist_ok=True)
    for name in names:
        (DOCS / name).write_text(PAGES[name](), "utf-8")
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
