"""Builds the parts of the document: operations, parameters, answers and examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from cambist.faults import Code, Fault
from cambist.ports.api_keys import Permission
from cambist.server.openapi.errors import refusals

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
RECORDED: Final[dict[str, Any]] = msgspec.json.decode(
    Path(__file__).with_name("answers.json").read_bytes()
)
"""What a real engine answered, by name; `scripts/record_examples.py` writes it."""

PUBLIC: Final = "public"

Json = dict[str, Any]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation.

    `codes` are the refusals it may answer with, besides those given before any handler runs.
    `scope` is what a key must be allowed to do; None asks for no key.
    """

    id: str
    tag: str
    scope: Permission | None
    summary: str
    description: str
    answers: Mapping[str, Json]
    codes: tuple[Code | Fault, ...] = ()
    parameters: tuple[Json, ...] = ()
    body: Json | None = None
    extra: Mapping[str, Any] = {}

    def written(self) -> Json:
        """Return the operation as the document has it."""
        operation: Json = {
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.description,
            "x-scope": self.scope or PUBLIC,
            "security": [{"key": [self.scope]}, {}] if self.scope else [],
            **self.extra,
        }
        if self.parameters:
            operation["parameters"] = list(self.parameters)
        if self.body is not None:
            operation["requestBody"] = self.body
        refused = refusals(self.codes, self.answers.keys(), keyed=self.scope is not None)
        operation["responses"] = _merged(self.answers, refused)
        return operation


def _merged(answers: Mapping[str, Json], refused: Mapping[str, Json]) -> Json:
    """Lay answers and refusals of one status together; the answer's words are kept."""
    merged: Json = {**refused, **answers}
    for status in answers.keys() & refused.keys():
        content = {**refused[status]["content"], **answers[status].get("content", {})}
        merged[status] = {**refused[status], **answers[status], "content": content}
    return dict(sorted(merged.items()))


def ref(name: str) -> Json:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def example(value: Any, summary: str) -> Json:
    """Return an example."""
    return {"summary": summary, "value": value}


def recorded(**summaries: str) -> Json:
    """Return examples that a real engine gave, by their names."""
    return {name: example(RECORDED[name], summary) for name, summary in summaries.items()}


def answer(description: str, schema: str, examples: Json, headers: Json | None = None) -> Json:
    """Return an answer in JSON."""
    response: Json = {
        "description": description,
        "content": {JSON: {"schema": ref(schema), "examples": examples}},
    }
    if headers:
        response["headers"] = headers
    return response


def text_answer(description: str, media_type: str, text: str) -> Json:
    """Return an answer that is text; `text` says how it begins."""
    schema = {"type": "string", "description": description}
    content = {"schema": schema, "examples": {"begins": example(text, "How it begins")}}
    return {"description": description, "content": {media_type: content}}


def header(description: str, value: Any, schema: Json | None = None) -> Json:
    """Return a header of an answer."""
    return {"description": description, "schema": schema or {"type": "string"}, "example": value}


def query(name: str, schema: Json, description: str, **more: Any) -> Json:
    """Return a query parameter."""
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def head(name: str, schema: Json, description: str, **more: Any) -> Json:
    """Return a header of a request."""
    return {"name": name, "in": "header", "description": description, "schema": schema, **more}


def as_events(messages: Iterable[Json], ids: Iterable[str] | None = None) -> str:
    """Return recorded messages as they are streamed, with the data shortened."""
    marks = ids or (str(message["seq"]) for message in messages)
    return "".join(
        f'id: {mark}\ndata: {{"orderId":"{one["orderId"]}","seq":{one["seq"]},'
        f'"status":"{one["status"]}","event":"{one["event"]}", …}}\n\n'
        for mark, one in zip(marks, messages, strict=False)
    )
