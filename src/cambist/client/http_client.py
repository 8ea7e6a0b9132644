"""Sends requests, and sends them again where that is safe: each is answered, refused or given up.

Every placement carries a key, a repeat of which is the same order; all else changes nothing, or
nothing more, when it is repeated. So a cut, a timeout, a 429 and a 502 to 504 are tried again, and
any other refusal never.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import httpx
import msgspec

from cambist.client.errors import (
    CambistError,
    ConnectionFailed,
    InvalidResponse,
    RateLimited,
    RequestRejected,
    Unavailable,
    refusal,
)
from cambist.clock import Entropy
from cambist.values.time_units import SECOND, Timestamp

ANSWER_BYTES_MAX: Final = 32 * 1_024 * 1_024
CALLS_MAX: Final = 64
"""Connections for calls: more of them wait for one, which is sooner than to search a long list."""

STREAMS_MAX: Final = 10_000
STREAMS_IDLE_MAX: Final = 8
KEY_CHARACTERS_MAX: Final = 512
_JSON: Final = {"content-type": "application/json"}
PASSING: Final = (ConnectionFailed, RateLimited, Unavailable)
"""What is worth another try."""

_Thing = TypeVar("_Thing")


class RetryClock(Protocol):
    """What is asked of a clock."""

    def now(self) -> Timestamp:
        """Return the wall clock's instant."""

    async def sleep(self, milliseconds: int) -> None:
        """Wait."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long one waits, and how often one asks again. Durations are milliseconds.

    The wait before a second try is `wait_first_ms`, then it doubles up to `wait_max_ms`; half of
    it is drawn by lot. A server's Retry-After beyond `wait_max_ms` is not waited for but raised.
    A stream silent for `silence_max_ms` is cut and resumed; the server beats every 15 s.
    """

    timeout_ms: int = 10_000
    tries_max: int = 8
    wait_first_ms: int = 200
    wait_max_ms: int = 5_000
    silence_max_ms: int = 35_000


class HttpResponse(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ConnectionPools(NamedTuple):
    """The connections to one server: a call never waits for a stream to end."""

    calls: httpx.AsyncClient
    streams: httpx.AsyncClient

    async def aclose(self) -> None:
        """Close all of them."""
        await self.calls.aclose()
        await self.streams.aclose()


class HttpClient:
    """The way to one server."""

    def __init__(self, lines: ConnectionPools, patience: RetryPolicy, clock: RetryClock) -> None:
        self._http = lines.calls
        self._streams = lines.streams
        self._chance = Entropy()
        self.patience = patience
        self.clock = clock
        self.url = str(self._http.base_url).rstrip("/")

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        also: frozenset[int] = frozenset(),
    ) -> HttpResponse:
        """Return an answer that is a success, or has a status of `also`.

        Raises RequestRejected, Unreachable and Unreadable.
        """
        request = self._http.build_request(
            method,
            path,
            content=body,
            params=params,
            headers=_JSON if body is not None else None,
        )
        tries = 0
        while True:
            tries += 1
            failed: CambistError
            try:
                answer = await self._send(request)
            except httpx.HTTPError as error:
                failed = ConnectionFailed(self.url, type(error).__name__)
            else:
                if httpx.codes.is_success(answer.status) or _is_meant(answer, also):
                    return answer
                failed = self.refused(answer)
            if not isinstance(failed, PASSING):
                raise failed
            await self.pause(failed, tries)

    async def _send(self, request: httpx.Request) -> HttpResponse:
        reply = await self._http.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    msg = f"an answer has at most {ANSWER_BYTES_MAX} bytes"
                    raise InvalidResponse(msg)
            return HttpResponse(reply.status_code, reply.headers, bytes(body))
        finally:
            await reply.aclose()

    async def pause(self, failed: CambistError, tries: int) -> None:
        """Wait before the next try; raise what failed when there were too many."""
        patience = self.patience
        if tries >= patience.tries_max:
            raise failed
        wait_ms = min(patience.wait_first_ms << (tries - 1), patience.wait_max_ms)
        wait_ms -= self._chance() % (wait_ms // 2 + 1)
        if isinstance(failed, RequestRejected) and failed.retry_after_ms is not None:
            if failed.retry_after_ms > patience.wait_max_ms:
                raise failed
            wait_ms = max(wait_ms, failed.retry_after_ms)
        await self.clock.sleep(wait_ms)

    def refused(self, answer: HttpResponse) -> CambistError:
        """Return what an answer that is no success means."""
        if answer.status < httpx.codes.BAD_REQUEST:
            return InvalidResponse(f"{self.url} answered {answer.status}, which cambist never does")
        return refusal(answer.status, answer.headers, answer.body, self.clock.now())

    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """Yield an event stream's bytes as they come.

        Raises RequestRejected, Unreachable, Unreadable.
        """
        timeout_s = self.patience.timeout_ms / SECOND
        silence_s = self.patience.silence_max_ms / SECOND
        timeout = httpx.Timeout(timeout_s, read=silence_s, pool=None)
        failed: CambistError | None = None
        try:
            async with self._streams.stream("GET", path, headers=headers, timeout=timeout) as reply:
                if reply.status_code == httpx.codes.NO_CONTENT:
                    return  # the order is over, and its last line was heard before
                if reply.is_success and _is_stream(reply):
                    async for chunk in reply.aiter_bytes():
                        yield chunk
                elif reply.is_success:
                    failed = InvalidResponse(f"{self.url}{path} is no stream of events")
                else:
                    body = await reply.aread()
                    failed = self.refused(HttpResponse(reply.status_code, reply.headers, body))
        except httpx.HTTPError as error:
            failed = ConnectionFailed(self.url, type(error).__name__)
        if failed is not None:
            raise failed

    @property
    def authorization(self) -> dict[str, str]:
        """The header that says who asks, for a door of another kind; empty without a key."""
        held = self._http.headers.get("authorization")
        return {"Authorization": held} if held is not None else {}


def _is_meant(answer: HttpResponse, also: frozenset[int]) -> bool:
    """Tell an answer that is none of success from a refusal with the same status."""
    return answer.status in also and "problem" not in answer.headers.get("content-type", "")


def _is_stream(reply: httpx.Response) -> bool:
    kind: str = reply.headers.get("content-type", "")
    return kind.startswith("text/event-stream")


def read(body: bytes, kind: type[_Thing]) -> _Thing:
    """Read an answer's body. Raises InvalidResponse."""
    failed = ""
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (ValueError, RecursionError) as error:
        failed = str(error)
    msg = f"the answer is not one of cambist's: {failed}"
    raise InvalidResponse(msg)


def connect(
    url: str, api_key: str | None, patience: RetryPolicy, transport: httpx.AsyncBaseTransport | None
) -> ConnectionPools:
    """Return the connections to one server; proxies of the environment are not for it.

    Raises ValueError for what is no URL of a server, and for a key that cannot be sent.
    """
    headers = {"user-agent": "cambist-client"}
    if api_key is not None:
        # What a header cannot carry would be named, with the key in it, by who refuses it.
        sendable = api_key.isascii() and api_key.isprintable() and " " not in api_key
        if not 0 < len(api_key) <= KEY_CHARACTERS_MAX or not sendable:
            msg = "the API key is not one: it has spaces, or letters no key has"
            raise ValueError(msg)
        headers["authorization"] = f"Bearer {api_key}"
    address = _address(url)

    def line(limits: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=address,
            headers=headers,
            timeout=httpx.Timeout(patience.timeout_ms / SECOND, pool=None),
            limits=limits,
            transport=transport,
            trust_env=False,
        )

    return ConnectionPools(
        line(httpx.Limits(max_connections=CALLS_MAX)),
        line(httpx.Limits(max_connections=STREAMS_MAX, max_keepalive_connections=STREAMS_IDLE_MAX)),
    )


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host or address.userinfo:
        msg = "that is not the URL of an engine, as in http://127.0.0.1:3000"
        raise ValueError(msg)
    return address
