"""Makes the Postman collection from the OpenAPI document, or checks that it is fresh.

`python -m scripts.make_postman` writes it; with `--check` it writes nothing and exits 1 when the
file is stale. Paths, descriptions and the fields an answer must have come from the document, so
nothing in it is random and the file is the same each time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cambist.server.openapi.document import document
from scripts.postman_steps import FOLDERS, Folder, Step

COLLECTION: Final = Path(__file__).parents[1] / "postman/cambist.postman_collection.json"
FORMAT: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
METHODS: Final = ("get", "post", "put", "patch", "delete")
KEY_IF_ANY: Final = (
    'if (pm.variables.get("apiKey")) {',
    '  pm.request.headers.add({key: "Authorization", '
    'value: "Bearer " + pm.variables.get("apiKey")});',
    "}",
)

Json = dict[str, Any]


class Source:
    """The document, with what is looked up in it."""

    def __init__(self) -> None:
        self._document: Json = json.loads(document())
        self._operations = {
            told["operationId"]: (path, method, told)
            for path, methods in self._document["paths"].items()
            for method, told in methods.items()
            if method in METHODS
        }

    def find(self, operation: str) -> tuple[str, str, Json]:
        """Return an operation's path, method and description."""
        return self._operations[operation]

    def required(self, operation: str, status: int) -> list[str]:
        """List the fields that an answer in JSON must have."""
        _, _, told = self._operations[operation]
        content = self._resolved(told["responses"][str(status)]).get("content", {})
        shape = content.get(JSON) or content.get(PROBLEM) or {}
        fields: list[str] = self._resolved(shape.get("schema", {})).get("required", [])
        return fields

    def _resolved(self, part: Json) -> Json:
        while "$ref" in part:
            found: Any = self._document
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            part = found
        return part


def collection() -> Json:
    """Return the collection."""
    source = Source()
    return {
        "info": {
            "name": "cambist",
            "description": (
                "Start an engine with `make run`, then run the folders in order: later requests "
                "use ids of earlier ones. `apiKey` is sent where it is set."
            ),
            "schema": FORMAT,
        },
        "variable": [
            {"key": "baseUrl", "value": "http://127.0.0.1:3000"},
            {"key": "apiKey", "value": ""},
        ],
        "event": [_event("prerequest", KEY_IF_ANY)],
        "item": [_folder(source, folder) for folder in FOLDERS],
    }


def _folder(source: Source, folder: Folder) -> Json:
    return {
        "name": folder.name,
        "description": folder.description,
        "item": [_request(source, step) for step in folder.steps],
    }


def _request(source: Source, step: Step) -> Json:
    path, method, told = source.find(step.operation)
    path = path.replace("{orderId}", step.order)
    headers = dict(step.headers)
    request: Json = {
        "method": method.upper(),
        "description": "\n\n".join(part for part in (told["summary"], step.note) if part),
        "url": _url(path, step.query),
    }
    if step.body is not None:
        headers["Content-Type"] = JSON
        request["body"] = {"mode": "raw", "raw": json.dumps(step.body, indent=2)}
    request["header"] = [{"key": key, "value": value} for key, value in headers.items()]
    return {"name": step.name, "event": [_event("test", _checks(source, step))], "request": request}


def _url(path: str, query: dict[str, str]) -> Json:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    url: Json = {
        "raw": f"{{{{baseUrl}}}}{path}" + (f"?{asked}" if asked else ""),
        "host": ["{{baseUrl}}"],
        "path": path.strip("/").split("/") if path != "/" else [""],
    }
    if query:
        url["query"] = [{"key": name, "value": value} for name, value in query.items()]
    return url


def _event(listen: str, lines: Sequence[str]) -> Json:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": list(lines)}}


def _checks(source: Source, step: Step) -> list[str]:
    """Return the script that holds the answer to what was promised."""
    words = " or ".join(map(str, step.statuses))
    lines = _check(
        f"it is answered {words}", f"pm.response.code).to.be.oneOf({json.dumps(step.statuses)}"
    )
    if step.holds:
        for text in step.holds:
            lines += _check(
                f"the answer holds {text.splitlines()[-1]}",
                f"pm.response.text()).to.include({json.dumps(text)}",
            )
        return lines
    lines.append("const told = pm.response.json();")
    fields = source.required(step.operation, step.statuses[0])
    if fields:
        lines += _check("every promised field is there", f"told).to.include.keys({fields}")
    for name, value in step.equals.items():
        wanted = f"pm.variables.replaceIn({json.dumps(value)})" if _is_variable(value) else None
        shown = json.dumps(value)
        lines += _check(f"{name} is {shown}", f"told.{name}).to.equal({wanted or shown}")
    if step.keeps is not None:
        lines.append(f'pm.collectionVariables.set("{step.keeps}", told.orderId);')
    return lines


def _is_variable(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("{{")


def _check(name: str, wanted: str) -> list[str]:
    return [f"pm.test({json.dumps(name)}, () => pm.expect({wanted}));"]


def printed() -> str:
    """Return the file."""
    return json.dumps(collection(), indent=2, ensure_ascii=False) + "\n"


def main(args: Sequence[str]) -> int:
    """Write the file, or check it; return the exit code."""
    if args not in ([], ["--check"]):
        print("usage: python -m scripts.make_postman [--check]", file=sys.stderr)
        return 2
    fresh = COLLECTION.is_file() and COLLECTION.read_text("utf-8") == printed()
    if args:
        if not fresh:
            print("postman/ is not what the API says: run `make docs`", file=sys.stderr)
        return 0 if fresh else 1
    COLLECTION.parent.mkdir(exist_ok=True)
    COLLECTION.write_text(printed(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
