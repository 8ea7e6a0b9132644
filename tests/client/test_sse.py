"""Hold the reader of event streams to whole events, wherever the bytes were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambist.client.errors import InvalidResponse
from cambist.client.sse import EVENT_BYTES_MAX, SseDecoder, SseEvent

EVENTS = st.lists(
    st.one_of(
        st.none(),
        st.builds(
            SseEvent,
            st.from_regex(r"[0-9a-z]{1,6}", fullmatch=True),
            st.from_regex(r"\{[^\r\n]{0,40}\}", fullmatch=True).map(str.encode),
        ),
    )
)


def written(event: SseEvent | None, end: bytes) -> bytes:
    if event is None:
        return b": beat" + end * 2
    return b"id: " + event.id.encode() + end + b"data: " + event.data + end * 2


def parts(whole: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted(cut % (len(whole) + 1) for cut in cuts)
    return [whole[a:b] for a, b in zip([0, *at], [*at, len(whole)], strict=True)]


@given(EVENTS, st.lists(st.integers(0, 10_000)), st.sampled_from([b"\n", b"\r\n"]))
def test_events_do_not_depend_on_where_the_bytes_were_cut(
    events: list[SseEvent | None], cuts: list[int], end: bytes
) -> None:
    frames = SseDecoder()
    whole = b"".join(written(event, end) for event in events)
    heard = [one for part in parts(whole, cuts) for one in frames.feed(part)]
    assert heard == events


@given(EVENTS, st.integers(0, 10_000))
def test_what_a_cut_leaves_unfinished_never_comes_out(
    events: list[SseEvent | None], cut: int
) -> None:
    whole = b"".join(written(event, b"\n") for event in events)
    heard = list(SseDecoder().feed(whole[: cut % (len(whole) + 1)]))
    assert heard == events[: len(heard)]


def test_an_event_of_several_lines_is_one() -> None:
    assert list(SseDecoder().feed(b"data: a\nevent: x\ndata:b\n\n\n")) == [SseEvent(None, b"a\nb")]


def test_a_mark_without_an_event_is_kept_for_the_next_connection() -> None:
    frames = SseDecoder()
    assert list(frames.feed(b"id: c7\n\n")) == [None]
    assert frames.last_id == "c7"
    assert list(frames.feed(b"data: x\n\n")) == [SseEvent("c7", b"x")]


def test_an_endless_event_is_not_kept() -> None:
    frames = SseDecoder()
    chunk = b"data: " + b"x" * 65_536 + b"\n"
    for _ in range(EVENT_BYTES_MAX // len(chunk)):
        assert not list(frames.feed(chunk))
    with pytest.raises(InvalidResponse):
        list(frames.feed(chunk))


def test_a_long_stream_of_short_events_is_no_endless_event() -> None:
    frames = SseDecoder()
    chunk = b"data: x\n\n" * 10_000
    heard = sum(len(list(frames.feed(chunk))) for _ in range(EVENT_BYTES_MAX // len(chunk) + 1))
    assert heard > EVENT_BYTES_MAX // 9 - 10_000
