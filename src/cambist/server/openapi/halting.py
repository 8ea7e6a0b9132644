"""Describes the switch that stops all trading."""

from __future__ import annotations

from typing import Any, Final

from cambist.faults import Code
from cambist.ports.api_keys import Scope
from cambist.server.openapi.builder import JSON, Operation, answer, example, recorded, ref

TAG: Final = "service"
Json = dict[str, Any]
_CODES: Final = (
    Code.MALFORMED_JSON, Code.NOT_AN_OBJECT, Code.TOO_DEEP, Code.DUPLICATE_FIELD,
    Code.MISSING_FIELD, Code.UNKNOWN_FIELD, Code.WRONG_TYPE, Code.INVALID_VALUE,
    Code.UNSUPPORTED_MEDIA_TYPE, Code.STORE_UNAVAILABLE,
)  # fmt: skip


def halt() -> Operation:
    """Return the operation that stops trading."""
    told = answer("Trading has stopped.", "TradingView", recorded(halted="With its reason"))
    return _switch(
        "haltTrading",
        "Stop all trading",
        "From this answer on no order is taken and no transaction is signed, by any process; it "
        "is checked inside the transactions that would. What is in flight is watched to its end.",
        {"200": told},
        "The market is on fire.",
    )


def resume() -> Operation:
    """Return the operation that lets trading go on."""
    told = answer("Trading goes on.", "TradingView", recorded(resumed="No halt is in force"))
    return _switch(
        "resumeTrading",
        "Let trading go on",
        "Orders that were waiting go on, each within its own tolerance and deadline.",
        {"200": told},
        "It is out.",
    )


def _switch(name: str, summary: str, description: str, answers: Json, reason: str) -> Operation:
    content = {"schema": ref("ReasonBody"), "examples": {"why": example({"reason": reason}, "Why")}}
    return Operation(
        id=name,
        tag=TAG,
        scope=Scope.ADMIN,
        summary=summary,
        description=description,
        body={"required": True, "description": "Why.", "content": {JSON: content}},
        answers=answers,
        codes=_CODES,
    )
