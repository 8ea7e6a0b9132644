"""Writes faults as problem documents (RFC 9457) that old clients understand too."""

from __future__ import annotations

from typing import Final

import msgspec

from cambist.faults import CATALOGUE, Fault

MEDIA_TYPE: Final = b"application/problem+json"
FAULTS_PAGE: Final = "/docs/faults"


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the faults of a request."""

    code: str
    message: str
    field: str | None = None


class Problem(msgspec.Struct, frozen=True, rename="camel"):
    """A refusal: what a machine may act on, and what a person may read.

    `field`, `code` and `detail` are those of the first of `errors`.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[Detail, ...]
    error: str
    success: bool = False
    field: str | msgspec.UnsetType = msgspec.UNSET


class Failure(msgspec.Struct, frozen=True, rename="camel"):
    """A message on a socket that was no order: what clients of streams read as its end."""

    error: str
    code: str
    errors: tuple[Detail, ...]
    status: str = "failed"
    event: str = "failed"
    success: bool = False
    field: str | msgspec.UnsetType = msgspec.UNSET


def lead(faults: tuple[Fault, ...]) -> Fault:
    """Return the fault that gives the answer its status: what is malformed comes first."""
    return min(faults, key=lambda fault: fault.status)


def write_problem(faults: tuple[Fault, ...]) -> bytes:
    """Return the problem document of one or more faults."""
    ordered = sorted(faults, key=lambda fault: fault.status)
    first = ordered[0]
    problem = Problem(
        type=f"{FAULTS_PAGE}#{first.code}",
        title=CATALOGUE[first.code].sentence,
        status=first.status,
        detail=first.message,
        code=first.code,
        errors=_details(ordered),
        error=first.message,
        field=first.field if first.field is not None else msgspec.UNSET,
    )
    return msgspec.json.encode(problem)


def write_failure(faults: tuple[Fault, ...]) -> bytes:
    """Return what a socket says to a message that is no order it takes."""
    ordered = sorted(faults, key=lambda fault: fault.status)
    first = ordered[0]
    where = first.field if first.field is not None else msgspec.UNSET
    failure = Failure(first.message, first.code, _details(ordered), field=where)
    return msgspec.json.encode(failure)


def _details(faults: list[Fault]) -> tuple[Detail, ...]:
    return tuple(Detail(fault.code, fault.message, fault.field) for fault in faults)
