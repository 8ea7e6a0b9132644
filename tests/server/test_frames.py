"""Hold our frames to what a WebSocket library reads in them."""

from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from cambist.server.protocol.text_frames import send_texts, text_frame


def parse(data: bytes) -> Frame:
    """Read one frame as a client would."""
    reader = StreamReader()
    reader.feed_data(data)
    steps = Frame.parse(reader.read_exact, mask=False)
    try:
        next(steps)
    except StopIteration as parsed:
        assert len(reader.buffer) == 0, "nothing is left over"
        frame: Frame = parsed.value
        return frame
    raise AssertionError("the frame is not whole")


@given(st.text(max_size=300))
@example("")
@example("x" * 125)
@example("x" * 126)
@example("x" * 0xFFFF)
@example("x" * 0x10000)
def test_a_frame_reads_as_the_text_it_was_written_from(text: str) -> None:
    frame = parse(text_frame(text.encode()))
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.TEXT, True, text.encode())


async def test_a_connection_that_takes_no_frames_is_sent_texts() -> None:
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    await send_texts({"extensions": {}}, send, [b"one", b"two"])
    assert sent == [{"type": "websocket.send", "text": text} for text in ("one", "two")]
