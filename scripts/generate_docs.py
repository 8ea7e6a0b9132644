"""Generates the documentation pages that come from the code, or checks that they are current.

`python -m scripts.generate_docs` writes them. With `--check` it writes nothing and exits with 1 if
a page is out of date. A page is a function without arguments in `PAGES`, under its file name.
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
from scripts import generate_api, generate_cases, generate_refusals
from scripts.layout import page, table

DOCS: Final = Path(__file__).parents[1] / "docs"


def first_sentence(thing: object) -> str:
    """Return the first sentence of a docstring."""
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


def lifecycle() -> str:
    """Return the page of the order lifecycle."""
    transitions = [
        (f"`{status}`", f"`{event.kind}`", f"`{to}`")
        for status, row in TRANSITIONS.items()
        for event, to in row.items()
    ]
    neutral = [
        (f"`{status}`", ", ".join(f"`{kind}`" for kind in sorted(event.kind for event in events)))
        for status, events in STATUS_NEUTRAL_EVENTS.items()
        if events
    ]
    events = [(f"`{event.kind}`", first_sentence(event)) for event in event_classes()]
    return page(
        "Order lifecycle",
        [
            "One table in the code has every transition of an order. This page is generated from",
            "it. An event that is not in the table is rejected, and the order does not change.",
        ],
        ["```mermaid", *diagram().splitlines(), "```"],
        ["## Transitions"],
        table(
            ("From", "Event", "To"),
            [("", f"`{INITIAL_EVENT.kind}`", f"`{next(iter(TRANSITIONS))}`"), *transitions],
        ),
        [
            "While the transaction may still land, only `landed` leaves `submitted`. A retry, a",
            "cancel, an expiry or a failure needs the attempt to be reverted or lapsed first.",
        ],
        [
            "An order that waits for a price rests in `waiting`: `armed` leads there, `triggered`",
            "to the trade, and `rearmed` back when the order could not trade at its price",
            "([orders that wait for a price](resting-orders.md)). A market order with a time to",
            "start rests there too, and no other order does.",
        ],
        ["## Events without a transition", "", "The journal has them; the status stays."],
        table(("Status", "Events"), neutral),
        ["## Meaning of the events"],
        table(("Event", "Meaning"), events),
    )


def event_classes() -> list[type[OrderEvent]]:
    """Return the event classes in the order of the code."""
    return OrderEvent.__subclasses__()


def faults() -> str:
    """Return the page of the fault catalogue."""
    return page(
        "Faults",
        [
            "Each fault has a stable `code`. `type` in a problem document is the link to the code",
            "on this page.",
        ],
        *(block for code in Code for block in fault_blocks(code)),
    )


def fault_blocks(code: Code) -> list[list[str]]:
    """Return the blocks of one code."""
    entry = CATALOGUE[code]
    return [
        # A heading's own anchor would follow its text; this one is the code, whatever prints it.
        [f'<a id="{code}"></a>', "", f"## {code}"],
        [entry.sentence],
        [
            f"- Who has to act: {BLAMED[entry.blame]} (`{entry.blame}`)",
            f"- What to do next: {REMEDIES[entry.remedy]} (`{entry.remedy}`)",
            f"- HTTP status: {entry.status}",
        ],
    ]


def failpoints() -> str:
    """Return the page of the failpoints."""
    return page(
        "Failpoints",
        [
            "A failpoint is a named place between two durable steps, at which a test can crash",
            "the process. `CAMBIST_FAULT=point:count[:kill|stop|raise]` does so when the process",
            "passes the failpoint for the count-th time: by SIGKILL (the default), SIGSTOP or an",
            "exception.",
        ],
        ["```text", "CAMBIST_FAULT=worker.before_send:3 cambist serve", "```"],
        table(
            ("Failpoint", "State of the process"),
            [(f"`{name}`", when) for name, when in FAILPOINTS.items()],
        ),
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


def all_settings() -> list[Setting]:
    """Return the settings in the order of the code."""
    hints = get_type_hints(Settings, include_extras=True)
    return [
        Setting(field.name, default_of(field.default), *describe(field.name, hints[field.name]))
        for field in msgspec.structs.fields(Settings)
    ]


def default_of(value: object) -> str:
    """Return a default as the environment would have it."""
    return "" if value in (None, (), NODEFAULT) else str(value)


def describe(name: str, hint: Any) -> tuple[str, str]:
    """Return the valid values of a setting, and its meaning."""
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    # Of an optional setting the range is in the metadata of the type beside None.
    inner = [note for choice in get_args(kind) for note in getattr(choice, "__metadata__", ())]
    metas = [note for note in (*notes, *inner) if isinstance(note, Meta)]
    meta = metas[0] if metas else Meta()
    ranged = next((meta for meta in metas if meta.le is not None), None)
    words = literal_values(name)
    if words:
        takes = " or ".join(f"`{word}`" for word in words)
    elif ranged is not None:
        takes = f"{ranged.ge} to {ranged.le}"
    else:
        takes = "names, separated by commas" if get_origin(kind) is tuple else "text"
    return takes, meta.description or ""


def settings() -> str:
    """Return the page of the settings."""
    return page(
        "Settings",
        [
            "Options take precedence over the environment, the environment over the file, and the",
            "file over defaults. The file is `cambist.toml` in the current folder, or the file",
            "that `CAMBIST_CONFIG` names; its keys are the names in the first column. An unknown",
            "`CAMBIST_` name stops the start, and so does a value out of range (exit code 78). An",
            "empty value in the environment counts as unset.",
        ],
        table(
            ("Setting", "Environment", "Default", "Values", "Meaning"),
            (
                (
                    f"`{setting.name}`",
                    ", ".join(f"`{name}`" for name in setting.names),
                    f"`{setting.default}`" if setting.default else "",
                    setting.takes,
                    setting.meaning,
                )
                for setting in all_settings()
            ),
        ),
        [
            "A name without `CAMBIST_` is used if the one with `CAMBIST_` is not set. If both are",
            "set and differ, the engine warns and uses the one with `CAMBIST_`. `CAMBIST_URL` and",
            "`CAMBIST_API_KEY` are for the client commands, which read a key from nowhere else.",
        ],
        [
            "`POSTGRES_HOST`, with `POSTGRES_PORT`, `POSTGRES_USER`, `POSTGRES_PASSWORD` and",
            "`POSTGRES_DB`, is an alternative to `database_url`; `REDIS_HOST`, with `REDIS_PORT`",
            "and `REDIS_PASSWORD`, to `redis_url`. A host is a name, an IPv4 or IPv6 address with",
            "or without brackets, or the folder (of Redis the path) of a socket; PostgreSQL takes",
            "several, separated by commas. Passwords are given there without escapes; in a URL",
            "write % as %25, @ as %40, / as %2F, # as %23 and ? as %3F.",
        ],
    )


def env_example() -> str:
    """Return a file of environment settings, each commented out at its default."""
    lines = [
        "# Generated from the code by `make docs`. Every setting has its default; docs/settings.md",
        "# has the limits. Nothing reads this file by itself:",
        "#   cp .env.example .env; set -a; . ./.env; set +a; make run",
        "# None of these is a secret: the paper market needs none.",
    ]
    for setting in all_settings():
        lines += ["", f"# {setting.meaning}", f"#{setting.names[0]}={setting.default}"]
    return "\n".join(lines) + "\n"


def metrics() -> str:
    """Return the page of the metrics."""
    found = [var for var in vars(counted).values() if isinstance(var, Counter | Gauge | Histogram)]
    return page(
        "Metrics",
        ["`GET /metrics` returns these in the text format of Prometheus."],
        table(
            ("Name", "Type", "Labels", "Meaning"),
            (
                (f"`{exposed(family)}`", family.type, labels(metric), family.documentation)
                for metric in found
                for family in metric.describe()
            ),
        ),
    )


def exposed(family: Any) -> str:
    """Return the name that a scrape shows."""
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


def labels(metric: Counter | Gauge | Histogram) -> str:
    """Return the names of the labels, separated by commas."""
    return ", ".join(f"`{name}`" for name in metric._labelnames)  # noqa: SLF001 -- public nowhere else


PAGES: Final[dict[str, Callable[[], str]]] = {
    "api.md": generate_api.api,
    "lifecycle.md": lifecycle,
    "faults.md": faults,
    "refusals.md": generate_refusals.refusals,
    "cases.md": generate_cases.cases,
    "faultpoints.md": failpoints,
    "settings.md": settings,
    "metrics.md": metrics,
    "../.env.example": env_example,
}


def stale(docs: Path = DOCS) -> list[str]:
    """Return the pages that are out of date."""
    return [
        name
        for name, print_page in PAGES.items()
        if not (docs / name).is_file() or (docs / name).read_text("utf-8") != print_page()
    ]


def path_of(name: str) -> str:
    """Return the path of a page, relative to the root."""
    return os.path.normpath(f"docs/{name}")


def main(args: Sequence[str]) -> int:
    """Write or check the pages; return the exit code."""
    if args not in ([], ["--check"]):
        print("usage: python -m scripts.generate_docs [--check]", file=sys.stderr)
        return 2
    names = stale()
    if args:
        for name in names:
            print(f"{path_of(name)} is out of date: run `make docs`", file=sys.stderr)
        return 1 if names else 0
    DOCS.mkdir(exist_ok=True)
    for name in names:
        (DOCS / name).write_text(PAGES[name](), "utf-8")
        print(path_of(name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
