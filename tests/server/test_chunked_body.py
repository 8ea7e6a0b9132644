"""Hold the decoder of chunked bodies to h11, which decodes them for many servers."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.faults import Code
from cambist.server.protocol.chunked_body import ChunkedBody, InvalidChunkedBody

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
MAX = 4_096


def by_h11(wire: bytes) -> tuple[bytes, bool] | None:
    """Return the body and whether it is whole, or None where h11 takes it for broken."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(HEAD + wire)
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return body, True
            elif event is h11.NEED_DATA or event is h11.PAUSED:
                return body, False
    except h11.RemoteProtocolError:
        return None


def in_chunks(parts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)


@given(st.lists(st.binary(max_size=60), max_size=8), st.binary(max_size=20), st.integers(1, 40))
def test_a_body_is_decoded_as_h11_does_however_it_is_cut(
    parts: list[bytes], rest: bytes, step: int
) -> None:
    wire = in_chunks(parts) + b"0\r\n\r\n"
    assert by_h11(wire) == (b"".join(parts), True)
    decoder, left = ChunkedBody(MAX), wire
    for start in range(0, len(wire), step):
        piece = wire[start : start + step]
        left = left[len(piece) :]
        came = decoder.feed(piece if left else piece + rest)
        assert (came is None) == bool(left)
    assert decoder.body == b"".join(parts)
    assert came == rest


@given(
    st.lists(
        st.sampled_from([b"0", b"5", b"f", b"\r\n", b"\n", b"abcde", b";", b" ", b"-", b"\xff"]),
        max_size=12,
    )
)
def test_what_is_taken_for_a_whole_body_is_one_for_h11_too(pieces: list[bytes]) -> None:
    wire = b"".join(pieces)
    decoder = ChunkedBody(MAX)
    try:
        came = decoder.feed(wire)
    except InvalidChunkedBody:
        return  # to be stricter than h11 is fine
    if came is not None:
        assert by_h11(wire[: len(wire) - len(came)]) == (decoder.body, True)


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"1001\r\n", Code.BODY_TOO_LARGE),
        (b"fffffffff\r\n", Code.BAD_REQUEST),
        (b"1" + b";" * 300 + b"\r\n", Code.BAD_REQUEST),
        (b"1;aaaaaaaaaa\r\nx\r\n" * 4_096, Code.BODY_TOO_LARGE),
    ],
    ids=["size", "digits", "extension", "wire"],
)
def test_limits_hold(wire: bytes, code: Code) -> None:
    with pytest.raises(InvalidChunkedBody) as bad:
        ChunkedBody(MAX).feed(wire)
    assert bad.value.code is code
