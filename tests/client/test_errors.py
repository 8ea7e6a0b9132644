"""Hold errors to saying what a caller needs, and nothing that must stay secret."""

import traceback

import httpx
import pytest

from cambist.client import (
    CambistError,
    Client,
    ConnectionFailed,
    Forbidden,
    InvalidResponse,
    NotFound,
    RateLimited,
    RequestRejected,
    RetryPolicy,
    Unauthorized,
    Unavailable,
    sell,
)
from cambist.client.errors import KINDS, read_retry_after
from cambist.values.time_units import Timestamp
from tests.client.faulty_proxy import NOW, HastyClock

KEY = "cmb_0123456789abcdef"
ONCE = RetryPolicy(tries_max=1)


def client(answer: httpx.Response | Exception, key: str | None = KEY) -> Client:
    """Return a client whose every request has this answer."""

    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        assert key is None or request.headers["authorization"] == f"Bearer {key}"
        return answer

    transport = httpx.MockTransport(handle)
    return Client(api_key=key, transport=transport, patience=ONCE, clock=HastyClock())


async def refused(answer: httpx.Response | Exception) -> CambistError:
    async with client(answer) as cambist:
        with pytest.raises(CambistError) as caught:
            await cambist.place(sell("SOL", 1))
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRejected),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (422, RequestRejected),
        (429, RateLimited),
        (500, RequestRejected),
        (503, Unavailable),
    ],
)
async def test_a_problem_document_is_an_error_of_its_kind(
    status: int, kind: type[RequestRejected]
) -> None:
    problem = {
        "code": "some_code",
        "detail": "No.",
        "errors": [{"code": "some_code", "message": "No.", "field": "amountIn"}],
    }
    error = await refused(httpx.Response(status, json=problem, headers={"retry-after": "7"}))
    assert type(error) is kind
    assert isinstance(error, RequestRejected)
    assert (error.status, error.code, error.field) == (status, "some_code", "amountIn")
    assert str(error) == "amountIn: No."
    assert error.retry_after_ms == 7_000


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors":3}', b"\xff", b'{"code":"x"}'])
async def test_a_refusal_by_a_stranger_is_told_by_its_status(body: bytes) -> None:
    error = await refused(httpx.Response(502, content=body))
    assert isinstance(error, Unavailable)
    assert str(error) == "the server answered 502"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"orderId":1}', b"\xff"])
async def test_an_answer_by_a_stranger_is_unreadable(body: bytes) -> None:
    assert isinstance(await refused(httpx.Response(200, content=body)), InvalidResponse)


async def test_a_client_is_not_sent_elsewhere() -> None:
    away = httpx.Response(307, headers={"location": "http://elsewhere.example/"})
    assert isinstance(await refused(away), InvalidResponse)


async def test_no_error_shows_the_key() -> None:
    for answer in (
        httpx.Response(401, json={"detail": "No."}),
        httpx.Response(200),
        httpx.ReadError("cut"),
        httpx.ConnectTimeout("slow"),
    ):
        error: BaseException | None = await refused(answer)
        assert isinstance(error, CambistError)
        assert error.__context__ is None
        while error is not None:
            told = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
            assert KEY not in told
            error = error.__context__


async def test_nothing_shows_the_key() -> None:
    async with client(httpx.Response(200)) as cambist:
        assert repr(cambist) == "Client('http://127.0.0.1:3000')"
    for bad in (f"{KEY}\n", f"{KEY} x", f"{KEY}é", "", KEY * 100):
        with pytest.raises(ValueError, match="is not one") as caught:
            Client(api_key=bad)
        assert KEY not in str(caught.value)
        assert caught.value.__context__ is None


async def test_a_ticket_is_not_shown_by_accident() -> None:
    ticket = {"ticket": "secret-word", "expiresAt": "2026-11-20T20:00:00Z"}
    async with client(httpx.Response(201, json=ticket)) as cambist:
        got = await cambist.ticket()
    assert got.ticket == "secret-word"
    assert "secret-word" not in repr(got)


async def test_no_answer_says_where_nobody_was() -> None:
    error = await refused(httpx.ConnectError("refused"))
    assert isinstance(error, ConnectionFailed)
    assert (error.url, error.reason) == ("http://127.0.0.1:3000", "ConnectError")


@pytest.mark.parametrize("url", ["foo", "ftp://a", "http://", "http://a:b", "http://me:pw@a", ""])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of an engine"):
        Client(url)


async def test_a_server_that_is_down_says_so() -> None:
    down = {"status": "down", "timestamp": "2026-11-20T20:00:00Z", "database": "down"}
    async with client(httpx.Response(503, json=down)) as cambist:
        assert (await cambist.health()).database == "down"
    busy = httpx.Response(
        503, json={"detail": "Busy."}, headers={"content-type": "application/problem+json"}
    )
    async with client(busy) as cambist:
        with pytest.raises(Unavailable, match=r"Busy\."):
            await cambist.health()


async def test_an_answer_without_end_is_not_read() -> None:
    error = await refused(httpx.Response(200, content=b"x" * (32 * 1_024 * 1_024 + 1)))
    assert isinstance(error, InvalidResponse)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        (" 3 ", 3_000),
        ("-1", None),
        ("soon", None),
        ("1" * 30, None),
        ("Tue, 14 Nov 2023 22:13:25 GMT", 5_000),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0),
        ("Tue, 14 Nov 2023", None),
        (None, None),
    ],
)
def test_a_retry_after_is_seconds_or_an_instant(text: str | None, milliseconds: int | None) -> None:
    assert read_retry_after(text, Timestamp(NOW)) == milliseconds


def test_every_kind_is_one_of_a_refusal() -> None:
    assert all(issubclass(kind, RequestRejected) for kind in KINDS.values())
