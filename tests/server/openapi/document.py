"""Reads the document, and walks through what stands in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from cambist.server.openapi.document import document

Json = dict[str, Any]
DOCUMENT: Json = json.loads(document())
METHODS = ("get", "post", "put", "patch", "delete")


class Described(NamedTuple):
    """One operation, and where it stands."""

    path: str
    method: str
    told: Json

    @property
    def name(self) -> str:
        return self.told["operationId"]


class Shown(NamedTuple):
    """One example, and the schema it must hold to."""

    where: str
    schema: Json
    value: Any


def operations() -> list[Described]:
    """List every operation."""
    return [
        Described(path, method, item[method])
        for path, item in DOCUMENT["paths"].items()
        for method in METHODS
        if method in item
    ]


def resolved(part: Json) -> Json:
    """Follow a reference, if it is one."""
    while "$ref" in part:
        found: Any = DOCUMENT
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def examples() -> Iterator[Shown]:
    """Yield every example of a body, with its schema."""
    for operation in operations():
        bodies = {"body": operation.told.get("requestBody", {}), **operation.told["responses"]}
        for status, response in bodies.items():
            for kind, content in resolved(response).get("content", {}).items():
                for name, shown in content.get("examples", {}).items():
                    where = f"{operation.name} {status} {kind} {name}"
                    yield Shown(where, content["schema"], resolved(shown)["value"])


def codes(one: Described) -> dict[str, set[str]]:
    """Return the codes an operation may refuse with, by status."""
    found: dict[str, set[str]] = {}
    for status, response in one.told["responses"].items():
        content = resolved(response).get("content", {})
        shown = content.get("application/problem+json", {}).get("examples", {})
        found[status] = {resolved(part)["value"]["code"] for part in shown.values()}
    return found
