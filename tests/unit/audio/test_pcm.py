import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.audio.pcm import RATES, PcmDecoder, decode, encode, frame_samples


def test_frames_of_20_ms_are_whole_samples_at_every_rate() -> None:
    assert [frame_samples(rate) for rate in RATES] == [160, 320, 480, 882, 960]
    assert all(frame_samples(rate) * 50 == rate for rate in RATES)


def test_bytes_are_little_endian() -> None:
    assert encode(np.array([1, -2, 32767], dtype=np.int16)) == b"\x01\x00\xfe\xff\xff\x7f"
    assert decode(b"\x01\x00\xfe\xff\xff\x7f").tolist() == [1, -2, 32767]


def test_encode_takes_arrays_that_are_not_contiguous() -> None:
    pcm = np.arange(6, dtype=np.int16)
    assert decode(encode(pcm[::2])).tolist() == [0, 2, 4]


@pytest.mark.parametrize("octets", [b"", b"\x01"])
def test_decode_of_less_than_a_sample_is_empty(octets: bytes) -> None:
    pcm = decode(octets)
    assert pcm.dtype == np.int16
    assert pcm.shape == (0,)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_decoder_gives_the_same_samples_wherever_the_stream_is_cut(octets: bytes, cuts: list[int]) -> None:
    borders = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    decoder = PcmDecoder()
    chunks = [decoder.process(octets[a:b]) for a, b in itertools.pairwise(borders)]
    assert encode(np.concatenate(chunks)) == octets[: len(octets) // 2 * 2]


def test_decoder_completes_a_sample_that_arrives_in_halves() -> None:
    decoder = PcmDecoder()
    assert decoder.process(b"\x34").tolist() == []
    assert decoder.process(b"\x12\xff").tolist() == [0x1234]
    assert decoder.process(b"\xff").tolist() == [-1]
