"""Describes what can be traded, and the report on what trading brought."""

from __future__ import annotations

from typing import Any, Final

from cambist.faults import Code, fault
from cambist.ports.api_keys import Permission
from cambist.server.handlers.markets import REPORT_DAYS_DEFAULT, REPORT_DAYS_MAX, REPORT_LINES_MAX
from cambist.server.openapi.builder import Operation, answer, query, recorded
from cambist.wire.rfc3339 import MOMENT_FORM

TAG: Final = "market"
Json = dict[str, Any]
_TEXT: Final[Json] = {"type": "string"}


def tokens() -> Operation:
    """Return the operation that lists tokens."""
    return _read(
        "listTokens",
        "List the tokens",
        "Those that are listed. On the paper market any other symbol or mint can be traded too.",
        {"200": answer("The tokens.", "TokenList", recorded(tokens="The paper market's"))},
    )


def venues() -> Operation:
    """Return the operation that lists venues."""
    return _read(
        "listVenues",
        "List the venues",
        "All of them are asked for every order.",
        {"200": answer("The venues.", "VenueList", recorded(venues="The paper market's"))},
    )


def pools() -> Operation:
    """Return the operation that lists the pools of a pair."""
    response = answer("The pools, and what each pays.", "PoolList", recorded(pools="SOL for USDC"))
    return _read(
        "listPools",
        "List the pools of a pair",
        "Each with its quote for an amount in or out, and how much it takes before its rate is "
        "0.1 %, 0.5 %, 1 % and 2 % worse. What an order would do: /api/quotes.",
        {"200": response},
        parameters=(
            query("tokenIn", _TEXT, "The token given: a symbol or a mint.", required=True),
            query("tokenOut", _TEXT, "The token taken: a symbol or a mint.", required=True),
            query("amountIn", _TEXT, "Whole tokens given, as in 1.5; one where nothing is said."),
            query("amountOut", _TEXT, "Whole tokens taken, instead."),
        ),
        codes=(
            fault(Code.INVALID_QUERY, "tokenIn is missing.", "tokenIn"),
            fault(Code.SAME_TOKEN, "", "tokenOut"),
            fault(Code.UNKNOWN_TOKEN, "The token NOPE is unknown.", "tokenIn"),
        ),
    )


def report() -> Operation:
    """Return the operation that sums up fills."""
    response = answer("Fills, newest day first.", "Report", recorded(report="A day's trading"))
    return _read(
        "readReport",
        "Sum up what trading brought and cost",
        "The caller's confirmed orders by day (UTC) and pair: amounts beside what was quoted, "
        f"slippage, network fees. It covers {REPORT_DAYS_DEFAULT} days unless `since` says "
        f"otherwise, and has at most {REPORT_LINES_MAX:,} lines.",
        {"200": response},
        parameters=(
            query(
                "since",
                {**_TEXT, "format": "date-time"},
                f"Whole days from that of this instant on: at most {REPORT_DAYS_MAX} days ago.",
            ),
        ),
        codes=(
            fault(Code.INVALID_QUERY, f"since is {MOMENT_FORM}.", "since"),
            Code.STORE_UNAVAILABLE,
        ),
    )


def _read(name: str, summary: str, description: str, answers: Json, **more: Any) -> Operation:
    return Operation(
        id=name,
        tag=TAG,
        scope=Permission.READ,
        summary=summary,
        description=description,
        answers=answers,
        **more,
    )
