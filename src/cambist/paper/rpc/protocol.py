"""Defines the messages to a paper network that is a process of its own.

One JSON object on each line: requests with an id, and replies with the same id in any order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec

from cambist.values.ids import Signature
from cambist.values.time_units import Slot
from cambist.values.token import Pair

RpcAddress = Path | tuple[str, int]
"""Where a network listens: on a Unix socket, or on a host and port."""
LINE_BYTES_MAX: Final = 8 * 1024 * 1024
PENDING_MAX: Final = 10_000
"""How many requests of one connection may wait for their reply."""
QUESTIONS_MAX: Final = 1_000
"""How many signatures one request may ask about."""
TRACES_MAX: Final = 10_000
"""How many executions one request may ask for."""
ENDPOINTS_MAX: Final = 2
NAME_LETTERS_MAX: Final = 128
"""A signature has 88 letters in base58, a blockhash or an address 44."""
SQLITE_INTEGER_MAX: Final = 2**63 - 1

_Name = Annotated[str, msgspec.Meta(max_length=NAME_LETTERS_MAX)]
_Signature = Annotated[Signature, msgspec.Meta(max_length=NAME_LETTERS_MAX)]


class GetPools(msgspec.Struct, frozen=True, tag="pools", tag_field="method"):
    """Which pools a venue has; of those that did not change after a slot, only their slot."""

    venue: str
    pair: Pair
    reference: str = msgspec.field(name="asker")
    since: Slot | None = None


class GetBlockhash(msgspec.Struct, frozen=True, tag="blockhash", tag_field="method"):
    """The newest blockhash."""


class SimulateMessage(msgspec.Struct, frozen=True, tag="simulate", tag_field="method"):
    """What would become of a message."""

    message: bytes


class SubmitTransaction(msgspec.Struct, frozen=True, tag="send", tag_field="method"):
    """Take a transaction."""

    transaction: bytes


class GetObservations(msgspec.Struct, frozen=True, tag="ask", tag_field="method"):
    """What became of signatures, each with its blockhash, by so many endpoints."""

    questions: Annotated[
        tuple[tuple[_Signature, _Name], ...], msgspec.Meta(max_length=QUESTIONS_MAX)
    ]
    endpoints: Annotated[int, msgspec.Meta(ge=1, le=ENDPOINTS_MAX)] = 1


class GetFill(msgspec.Struct, frozen=True, tag="receipt", tag_field="method"):
    """What a transaction moved."""

    signature: _Signature


class GetExecuted(msgspec.Struct, frozen=True, tag="traces", tag_field="method"):
    """What was executed at a slot or later, newest first."""

    since: Annotated[Slot, msgspec.Meta(ge=0, le=SQLITE_INTEGER_MAX)]
    before: _Signature | None
    limit: Annotated[int, msgspec.Meta(ge=0, le=TRACES_MAX)]


RpcMethod = (
    GetPools
    | GetBlockhash
    | SimulateMessage
    | SubmitTransaction
    | GetObservations
    | GetFill
    | GetExecuted
)


class RpcRequest(msgspec.Struct, frozen=True):
    """A question with the id its reply will carry."""

    id: int
    params: RpcMethod


class RpcReply(msgspec.Struct, frozen=True):
    """The answer as JSON; `down` says why there is none."""

    id: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    down: str | None = None
