"""Prints the pages of the documentation that come from the code, or checks that they are fresh.

`python -m scripts.generate_docs` writes them; with `--check` it writes nothing and exits 1 when one
is stale. A page is a function without arguments, entered in `PAGES` under its file name.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, Meta
from prometheus_client import Counter, Gauge, Histogram

from cambist import metrics as counted
from cambist.config import PREFIX, SYNONYMS, Settings, literal_values
from cambist.failpoints import FAILPOINTS
from cambist.faults import CATALOGUE, Code
from cambist.orders.events import OrderEvent
from cambist.orders.lifecycle import INITIAL_EVENT, STATUS_NEUTRAL_EVENTS, TRANSITIONS, diagram
from cambist.server.handlers.docs import BLAMED, REMEDIES
from scripts import generate_api, generate_refusals
from scripts.layout import page, table

DOCS: Final = Path(__file__).parents[1] / "docs"


def first_sentence(thing: object) -> str:
    """Return how a docstring opens."""
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


def lifecycle() -> str:
    """Print the states of an order."""
    moves = [
        (f"`{status}`", f"`{moved.kind}`", f"`{to}`")
        for status, row in TRANSITIONS.items()
        for moved, to in row.items()
    ]
    notes = [
        (f"`{status}`", ", ".join(f"`{kind}`" for kind in sorted(noted.kind for noted in notes)))
        for status, notes in STATUS_NEUTRAL_EVENTS.items()
        if notes
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
        table(
            ("From", "Fact", "To"),
            [("", f"`{INITIAL_EVENT.kind}`", f"`{next(iter(TRANSITIONS))}`"), *moves],
        ),
        [
            "Nothing leaves `submitted` but by `landed` while the transaction may still land: a",
            "retry, a cancel, an expiry or a failure needs the attempt reverted or lapsed first.",
        ],
        ["## Notes", "", "These are written in the journal and move no status."],
        table(("While", "Facts"), notes),
        ["## Facts"],
        table(("Fact", "Meaning"), facts),
    )


def kinds_of_fact() -> list[type[OrderEvent]]:
    """List the kinds of fact in the order they are written down."""
    return OrderEvent.__subclasses__()


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
        ["```text", "CAMBIST_FAULT=worker.before_send:3 cambist serve", "```"],
        table(("Point", "The moment"), [(f"`{name}`", when) for name, when in FAILPOINTS.items()]),
    )


class Setting(msgspec.Struct, frozen=True):
    """One setting, as a person reads it."""

    name: str
    default: str
    takes: str
    meaning: str

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the environment may have for it."""
        return (PREFIX + self.name.upper(), *SYNONYMS.get(self.name, ()))


def settings_of_the_house() -> list[Setting]:
    """List the settings in the order they are written down."""
    hints = get_type_hints(Settings, include_extras=True)
    return [
        Setting(field.name, default_of(field.default), *told(field.name, hints[field.name]))
        for field in msgspec.structs.fields(Settings)
    ]


def default_of(value: object) -> str:
    """Write a default the way the environment would have it."""
    return "" if value in (None, (), NODEFAULT) else str(value)


def told(name: str, hint: Any) -> tuple[str, str]:
    """Return what a setting takes, and what it means."""
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    # Where nothing may be set, the range stands on what else it may be.
    inner = [note for one in get_args(kind) for note in getattr(one, "__metadata__", ())]
    metas = [note for note in (*notes, *inner) if isinstance(note, Meta)]
    meta = metas[0] if metas else Meta()
    ranged = next((meta for meta in metas if meta.le is not None), None)
    words = literal_values(name)
    if words:
        takes = " or ".join(f"`{word}`" for word in words)
    elif ranged is not None:
        takes = f"{ranged.ge} to {ranged.le}"
    else:
        takes = "names, with commas between" if get_origin(kind) is tuple else "text"
    return takes, meta.description or ""


def settings() -> str:
    """Print the settings."""
    return page(
        "Settings",
        [
            "An option on the command line beats the environment, the environment beats the file,",
            "the file beats the default. The file is `cambist.toml` in the folder the engine is",
            "started in, or the one `CAMBIST_CONFIG` names; its keys are the names in the first",
            "column. A `CAMBIST_` name that is not here stops the start, and so does a value out",
            "of range (exit code 78). An empty value in the environment is no value.",
        ],
        table(
            ("Setting", "Environment", "Default", "Takes", "Meaning"),
            (
                (
                    f"`{one.name}`",
                    ", ".join(f"`{name}`" for name in one.names),
                    f"`{one.default}`" if one.default else "",
                    one.takes,
                    one.meaning,
                )
                for one in settings_of_the_house()
            ),
        ),
        [
            "A name without `CAMBIST_` is read where ours is not set; when both are set and",
            "differ, the engine says so and takes ours. `CAMBIST_URL` and `CAMBIST_API_KEY` are",
            "for the client commands, which take a key from nowhere else.",
        ],
        [
            "`POSTGRES_HOST`, with `POSTGRES_PORT`, `POSTGRES_USER`, `POSTGRES_PASSWORD` and",
            "`POSTGRES_DB`, says the same as `database_url` in parts; `REDIS_HOST`, with",
            "`REDIS_PORT` and `REDIS_PASSWORD`, the same as `redis_url`. A host is a name, an IPv4",
            "or IPv6 address with or without brackets, or the folder (of Redis the path) of a",
            "socket; of PostgreSQL several, with commas between. Passwords stand there as they",
            "are; in a URL write % as %25, @ as %40, / as %2F, # as %23 and ? as %3F.",
        ],
    )


def env_example() -> str:
    """Print a file of environment settings, each commented out at its default."""
    lines = [
        "# Printed from the code by `make docs`. Every setting at its default; docs/settings.md",
        "# has the limits. Nothing reads this file by itself:",
        "#   cp .env.example .env; set -a; . ./.env; set +a; make run",
        "# There is no secret among them: the paper market needs none.",
    ]
    for one in settings_of_the_house():
        lines += ["", f"# {one.meaning}", f"#{one.names[0]}={one.default}"]
    return "\n".join(lines) + "\n"


def metrics() -> str:
    """Print what `GET /metrics` counts."""
    found = [var for var in vars(counted).values() if isinstance(var, Counter | Gauge | Histogram)]
    return page(
        "Metrics",
        ["`GET /metrics` prints these in the text format of Prometheus."],
        table(
            ("Name", "Kind", "Labels", "Meaning"),
            (
                (f"`{exposed(event)}`", event.type, labels(metric), event.documentation)
                for metric in found
                for event in metric.describe()
            ),
        ),
    )


def exposed(told: Any) -> str:
    """Return the name a scrape shows."""
    return f"{told.name}_total" if told.type == "counter" else str(told.name)


def labels(metric: Counter | Gauge | Histogram) -> str:
    """Name the labels."""
    return ", ".join(f"`{name}`" for name in metric._labelnames)  # noqa: SLF001 -- told nowhere else


PAGES: Final[dict[str, Callable[[], str]]] = {
    "api.md": generate_api.api,
    "lifecycle.md": lifecycle,
    "faults.md": faults,
    "refusals.md": generate_refusals.refusals,
    "faultpoints.md": faultpoints,
    "settings.md": settings,
    "metrics.md": metrics,
    "../.env.example": env_example,
}


def stale(docs: Path = DOCS) -> list[str]:
    """List the pages that are not what the code says."""
    return [
        name
        for name, print_page in PAGES.items()
        if not (docs / name).is_file() or (docs / name).read_text("utf-8") != print_page()
    ]


def place(name: str) -> str:
    """Return where a page is, seen from the root."""
    return os.path.normpath(f"docs/{name}")


def main(args: Sequence[str]) -> int:
    """Write the pages, or check them; return the exit code."""
    if args not in ([], ["--check"]):
        print("usage: python -m scripts.generate_docs [--check]", file=sys.stderr)
        return 2
    names = stale()
    if args:
        for name in names:
            print(f"{place(name)} is not what the code says: run `make docs`", file=sys.stderr)
        return 1 if names else 0
    DOCS.mkdir(exist_ok=True)
    for name in names:
        (DOCS / name).write_text(PAGES[name](), "utf-8")
        print(place(name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
