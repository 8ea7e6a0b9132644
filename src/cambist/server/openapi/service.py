"""Describes the operations of the service: info, health, metrics, halt, resume."""

from __future__ import annotations

from typing import Any, Final

from cambist.faults import Code
from cambist.ports.api_keys import Permission
from cambist.server.handlers.docs import PARTS
from cambist.server.openapi.builder import (
    JSON,
    RECORDED,
    Operation,
    answer,
    example,
    recorded,
    ref,
    text_answer,
)

TAG: Final = "service"
Json = dict[str, Any]


def _open(name: str, summary: str, description: str, answers: Json) -> Operation:
    return Operation(
        id=name,
        tag=TAG,
        scope=None,
        summary=summary,
        description=description,
        answers=answers,
    )


def info() -> Operation:
    """Return the operation that says what this is."""
    response = answer(
        "What this service is.",
        "ServiceInfo",
        {"service": example(RECORDED["service"], "While it runs")},
    )
    page = text_answer("The page.", "text/html", "<!doctype html>\n")
    response["content"] |= page["content"]
    return _open(
        "readService",
        "Say what this service is",
        "And what it answers to; to a browser, a page that leads on.",
        {"200": response},
    )


def health() -> Operation:
    """Return the operation that says which parts answer."""
    return _open(
        "readHealth",
        "Say which parts answer",
        "`degraded` when the chain does not answer or the engine is draining; `down`, with 503, "
        "only when orders cannot be stored.",
        {
            "200": answer(
                "Orders can be taken, or at least read.",
                "HealthView",
                recorded(healthy="All parts answer", degraded="The chain does not answer"),
            ),
            "503": answer(
                "Orders cannot be stored.", "HealthView", recorded(down="The store is down")
            ),
        },
    )


def ready() -> Operation:
    """Return the operation that says whether to send requests here."""
    return _open(
        "readReadiness",
        "Say whether to send requests here",
        "For load balancers: 503 while the engine drains, or when orders cannot be stored. A halt "
        "stops trading alone and is told by `trading`; ask with `?trading=1` for 503 then too.",
        {
            "200": answer("Send them.", "HealthView", recorded(healthy="All parts answer")),
            "503": answer(
                "Send them elsewhere.",
                "HealthView",
                recorded(draining="It stops", down="The store is down"),
            ),
        },
    )


def live() -> Operation:
    """Return the operation that says that the process answers."""
    response = answer(
        "It answers.", "Alive", recorded(alive="Always the same, but for the instant")
    )
    return _open(
        "readLiveness",
        "Say that the process answers",
        "Whatever else does not: for supervisors that restart what hangs.",
        {"200": response},
    )


def metrics() -> Operation:
    """Return the operation that prints the counters."""
    begins = "# HELP cambist_facts_total Facts that became durable, by kind.\n"
    return Operation(
        id="readMetrics",
        tag=TAG,
        scope=Permission.ADMIN,
        summary="Read the counters",
        description="In the text format of Prometheus.",
        answers={"200": text_answer("The counters.", "text/plain", begins)},
    )


def openapi() -> Operation:
    """Return the operation that answers with this document."""
    response = {
        "description": "This document.",
        "content": {
            JSON: {
                "schema": {"type": "object", "description": "An OpenAPI 3.1 document."},
                "examples": {"begins": example({"openapi": "3.1.0"}, "How it begins")},
            }
        },
    }
    return _open(
        "readOpenapi", "Read this document", "OpenAPI 3.1, whole, in one file.", {"200": response}
    )


def docs() -> Operation:
    """Return the operation that shows the API to people."""
    response = text_answer("The page.", "text/html", "<!doctype html>\n")
    return _open(
        "readDocs",
        "Read and try the API",
        "Swagger UI, if the extra `cambist[docs]` is installed; without it, where else to look. "
        "Nothing on the page comes from another server.",
        {"200": response},
    )


def docs_part() -> Operation:
    """Return the operation that answers with a file of that page."""
    response = text_answer("The file.", "text/javascript", "SwaggerUIBundle({")
    style = text_answer("The file.", "text/css", ".swagger-ui{")
    response["content"] |= style["content"]
    return Operation(
        id="readDocsPart",
        tag=TAG,
        scope=None,
        summary="Read a file of the page",
        description="Its scripts and its style sheet.",
        parameters=(
            {
                "name": "name",
                "in": "path",
                "required": True,
                "description": "The file.",
                "schema": {"enum": list(PARTS)},
            },
        ),
        answers={"200": response},
        codes=(Code.NOT_FOUND,),
    )


def faults() -> Operation:
    """Return the operation that explains every code."""
    response = text_answer("Every code, as an anchor.", "text/html", "<!doctype html>\n")
    return _open(
        "readFaults",
        "Read what each fault means",
        "`type` of a problem document leads here.",
        {"200": response},
    )


_CODES: Final = (
    Code.MALFORMED_JSON, Code.NOT_AN_OBJECT, Code.TOO_DEEP, Code.DUPLICATE_FIELD,
    Code.MISSING_FIELD, Code.UNKNOWN_FIELD, Code.WRONG_TYPE, Code.INVALID_VALUE,
    Code.UNSUPPORTED_MEDIA_TYPE, Code.STORE_UNAVAILABLE,
)  # fmt: skip


def halt() -> Operation:
    """Return the operation that stops trading."""
    response = answer("Trading has stopped.", "TradingView", recorded(halted="With its reason"))
    return _switch(
        "haltTrading",
        "Stop all trading",
        "From this answer on no order is taken and no transaction is signed, by any process; it "
        "is checked inside the transactions that would. What is in flight is watched to its end.",
        {"200": response},
        "The market is on fire.",
    )


def resume() -> Operation:
    """Return the operation that lets trading go on."""
    response = answer("Trading goes on.", "TradingView", recorded(resumed="No halt is in force"))
    return _switch(
        "resumeTrading",
        "Let trading go on",
        "Orders that were waiting go on, each within its own tolerance and deadline.",
        {"200": response},
        "It is out.",
    )


def _switch(name: str, summary: str, description: str, answers: Json, reason: str) -> Operation:
    content = {"schema": ref("ReasonBody"), "examples": {"why": example({"reason": reason}, "Why")}}
    return Operation(
        id=name,
        tag=TAG,
        scope=Permission.ADMIN,
        summary=summary,
        description=description,
        body={"required": True, "description": "Why.", "content": {JSON: content}},
        answers=answers,
        codes=_CODES,
    )
