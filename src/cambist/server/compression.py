"""Compresses long answers with gzip, for clients that accept it."""

# What is compressed: lists and documents that a GET reads, from COMPRESSED_FROM_BYTES on. Streams
# are not, since an event must leave at once; nor are the answers to a POST, which are small.
#
# Secrets (BREACH). The length of a compressed answer shows whether text that an attacker chose
# repeats a secret in the same answer. So compression is never a default: a handler is compressed
# only where `routes.py` says so. A stream ticket is a secret, and the answer that contains it is
# never compressed. API keys are made on the command line and are in no answer. Lists contain text
# of the caller's own orders and no secret.
#
# Negotiation follows RFC 9110, section 12.5.3. A client that accepts neither gzip nor the plain
# form gets the plain form: section 12.5.3 leaves it to the server, and an answer beats none.

from __future__ import annotations

import asyncio
import gzip
import re
from typing import Final

from starlette.requests import Request

from cambist.server.responses import Header, Response

COMPRESSED_FROM_BYTES: Final = 1_024
"""A shorter answer fits into one packet anyway."""

THREAD_FROM_BYTES: Final = 32 * 1_024
"""A longer answer is compressed in a thread: it would hold the event loop for too long."""

FAST_LEVEL: Final = 1
"""The level of answers that are made anew for each request."""

ENCODING: Final[Header] = (b"content-encoding", b"gzip")
VARY: Final[Header] = (b"vary", b"Accept-Encoding")
_OK: Final = 200
_CERTAIN: Final = 1_000
_QUALITY: Final = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


async def compress(request: Request, answer: Response) -> Response:
    """Return a long answer compressed if the client accepts gzip."""
    if answer.status != _OK or len(answer.body) < COMPRESSED_FROM_BYTES:
        return answer
    headers = (*answer.headers, VARY)
    if not wants_gzip(request):
        return answer._replace(headers=headers)
    if len(answer.body) < THREAD_FROM_BYTES:
        body = gzip.compress(answer.body, FAST_LEVEL, mtime=0)
    else:
        body = await asyncio.to_thread(gzip.compress, answer.body, FAST_LEVEL, mtime=0)
    return answer._replace(body=body, headers=(*headers, ENCODING))


def wants_gzip(request: Request) -> bool:
    """Whether the client of a request accepts gzip and does not prefer the plain form."""
    return prefers_gzip(", ".join(request.headers.getlist("accept-encoding")))


def prefers_gzip(accept_encoding: str) -> bool:
    """Whether a value of Accept-Encoding accepts gzip and does not prefer the plain form."""
    qualities: dict[str, int] = {}
    for item in accept_encoding.lower().split(","):
        coding, _, parameter = item.partition(";")
        name = coding.strip().removeprefix("x-")  # `x-gzip` is `gzip`: RFC 9110, section 8.4.1.3
        qualities[name] = _quality(parameter.strip())
    any_other = qualities.get("*", 0)
    gzip_quality = qualities.get("gzip", any_other)
    return gzip_quality > 0 and gzip_quality >= qualities.get("identity", any_other)


def _quality(parameter: str) -> int:
    """Return a quality in thousandths; 0 if it is malformed."""
    if not parameter:
        return _CERTAIN
    found = _QUALITY.fullmatch(parameter)
    if found is None:
        return 0
    whole, _, fraction = found[1].partition(".")
    return int(whole) * _CERTAIN + int(fraction.ljust(3, "0"))
