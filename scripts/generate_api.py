"""Generates the API page from the OpenAPI document: every path and every field name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from cambist.server.compression import COMPRESSED_FROM_BYTES
from cambist.server.openapi.descriptions import PROPERTIES
from cambist.server.openapi.document import document
from cambist.wire.order_fields import FIELDS, LATER_FIELDS
from scripts.layout import page, table

METHODS: Final = ("get", "post", "put", "patch", "delete")
FIRST_ERROR: Final = 400
AS: Final = "As `"

Json = dict[str, Any]
Rows = tuple[tuple[str, ...], list[tuple[str, ...]]]


class Api:
    """The contents of the page, read from the OpenAPI document."""

    def __init__(self) -> None:
        self._document: Json = json.loads(document())

    def tags(self) -> list[tuple[str, str]]:
        """List the tags, each with its sentence."""
        return [(tag["name"], tag["description"]) for tag in self._document["tags"]]

    def paths(self, tag: str) -> Rows:
        """Return the operations of a tag."""
        rows = [
            (
                f"`{word(method, told)} {path}`",
                told["x-scope"],
                plain(told["summary"]),
                answers(told),
            )
            for path, method, told in self._operations()
            if tag in told["tags"]
        ]
        return ("Method and path", "Scope", "What it does", "Success"), rows

    def headers(self) -> Rows:
        """Return every header of a request or of an answer."""
        rows: dict[tuple[str, str], str] = {}
        for _, _, told in self._operations():
            for one in told.get("parameters", ()):
                if one["in"] == "header":
                    rows.setdefault((one["name"], "request"), one["description"])
            for answer in told["responses"].values():
                for name, one in answer.get("headers", {}).items():
                    rows.setdefault((name, "response"), one["description"])
        told_rows = [(f"`{name}`", where, said) for (name, where), said in sorted(rows.items())]
        return ("Header", "Message", "Meaning"), told_rows

    def names(self) -> Rows:
        """Return every field of an order's body, with all its names."""
        fields = self._document["components"]["schemas"]["PairOrder"]["properties"]
        by_thing: dict[str, list[str]] = {}
        for name, field in FIELDS.items():
            by_thing.setdefault(field.thing, []).append(name)
        rows = [(listed(names), fields[names[0]]["description"]) for names in by_thing.values()]
        return ("Names", "Meaning"), rows

    def aliases(self) -> Rows:
        """Return the fields of answers that have more than one name."""
        others: dict[str, list[str]] = {}
        for name, said in PROPERTIES.items():
            if said.startswith(AS):
                others.setdefault(said.removeprefix(AS).rstrip(".`"), []).append(name)
        rows = [(f"`{name}`", listed(names)) for name, names in others.items()]
        return ("Field", "Aliases"), rows

    def _operations(self) -> Iterable[tuple[str, str, Json]]:
        for path, methods in self._document["paths"].items():
            for method in METHODS:
                if method in methods:
                    yield path, method, methods[method]


def word(method: str, told: Json) -> str:
    """Return the method of an operation, or WebSocket."""
    return "WebSocket" if "x-websocket" in told else method.upper()


def answers(told: Json) -> str:
    """Return the success statuses of an operation."""
    statuses = [status for status in told["responses"] if int(status) < FIRST_ERROR]
    return ", ".join(statuses) or "errors only"


def plain(summary: str) -> str:
    """Return a summary without what the method already says."""
    return summary.removesuffix(" (WebSocket)")


def listed(names: Iterable[str]) -> str:
    """Return names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def later() -> str:
    """Return the fields that are rejected by name until they are built."""
    return listed(sorted(LATER_FIELDS))


def api() -> str:
    """Return the page of all paths and field names."""
    told = Api()
    by_tag = [
        block
        for tag, said in told.tags()
        for block in ([f"## {tag.capitalize()}"], [said], table(*told.paths(tag)))
    ]
    return page(
        "API",
        [
            "A running engine serves this reference at `/docs`, where you can try it, and as",
            "`/openapi.json`, with an example of every answer and every error. *Scope* is the",
            "permission a key needs; `public` operations need no key. Any operation may answer",
            "with a problem document ([errors](errors.md)).",
        ],
        *by_tag,
        ["## The body of an order"],
        ["[Orders](orders.md) explains the fields. Several names of one field must agree."],
        table(*told.names()),
        [f"These fields are not built yet and are rejected by name: {later()}."],
        ["## Aliases of answer fields"],
        table(*told.aliases()),
        ["## Headers"],
        table(*told.headers()),
        ["## Compression"],
        [
            f"A list or a document of at least {COMPRESSED_FROM_BYTES:,} bytes is sent with gzip",
            "if `Accept-Encoding` accepts gzip and does not prefer `identity` (RFC 9110, section",
            "12.5.3), and says `Vary: Accept-Encoding` in either form. These are the answers to",
            "a `GET` of orders, events, receipts, tokens, pools, reports and counters,",
            "the OpenAPI document, and the pages. Streams, WebSockets, errors, the answer to a",
            "`POST` and shorter answers are sent plain.",
        ],
    )
