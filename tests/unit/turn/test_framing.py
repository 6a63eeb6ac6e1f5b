from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.turn.framing import FrameReader, FrameTooLong, answer, frame, split_answer


@given(st.lists(st.binary(max_size=50), max_size=6), st.data())
def test_bodies_come_out_whole_however_the_stream_is_cut(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame, bodies))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = FrameReader(limit=50)
    out = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        out += list(reader.feed(stream[begin:end]))
    assert out == bodies
    assert not reader.is_mid_frame


def test_bodies_come_out_byte_by_byte() -> None:
    reader = FrameReader(limit=10)
    out = [body for byte in frame(b"abc") + frame(b"") + frame(b"d") for body in reader.feed(bytes([byte]))]
    assert out == [b"abc", b"", b"d"]


@pytest.mark.parametrize("cut", range(1, 7))
def test_reader_knows_that_it_is_inside_a_frame(cut: int) -> None:
    reader = FrameReader(limit=10)
    assert list(reader.feed(frame(b"abc")[:cut])) == []
    assert reader.is_mid_frame


def test_bytes_after_a_frame_wait_for_their_own_end() -> None:
    reader = FrameReader(limit=10)
    assert list(reader.feed(frame(b"abc") + b"\x00\x00")) == [b"abc"]
    assert reader.is_mid_frame


def test_a_frame_at_the_limit_passes_and_one_byte_more_is_refused_by_its_header_alone() -> None:
    assert list(FrameReader(limit=4).feed(frame(b"1234"))) == [b"1234"]
    with pytest.raises(FrameTooLong) as refused:
        list(FrameReader(limit=4).feed(frame(b"12345")[:4]))
    assert (refused.value.length, refused.value.limit) == (5, 4)


def test_frames_before_a_refused_one_still_come_out() -> None:
    frames = FrameReader(limit=4).feed(frame(b"1234") + frame(b"12345"))
    assert next(frames) == b"1234"
    with pytest.raises(FrameTooLong, match="frame of 5 bytes, limit 4"):
        next(frames)


@given(st.binary(max_size=50), st.integers(0, 2**64 - 1))
def test_an_answer_gives_back_its_reply_and_its_count(reply: bytes, log_bytes: int) -> None:
    (body,) = FrameReader(limit=100).feed(answer(reply, log_bytes))
    assert split_answer(body) == (reply, log_bytes)


@given(st.binary(max_size=12))
def test_any_body_can_be_split(body: bytes) -> None:
    reply, log_bytes = split_answer(body)
    assert reply == body[8:]
    assert 0 <= log_bytes < 2**64
