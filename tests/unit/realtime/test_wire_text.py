from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.errors import ProtocolBreach
from voxruntime.realtime.wire_text import (
    append_message,
    client_message,
    decode_audio,
    fill_appends,
    split_audio,
)


@given(st.binary(max_size=4000))
def test_append_holds_the_audio_as_base64(pcm: bytes) -> None:
    message = json.loads(append_message(pcm))
    assert message == {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


@pytest.mark.parametrize("samples", [1, 2, 3, 160, 320, 480, 882, 960])
def test_appends_made_together_are_those_made_alone(samples: int) -> None:
    frames = np.random.default_rng(samples).integers(-32768, 32768, (7, samples)).astype(np.int16)
    silent = np.frombuffer(append_message(bytes(2 * samples)).encode(), dtype=np.uint8)
    texts = np.tile(silent, (len(frames), 1))
    fill_appends(texts, frames)
    assert [text.tobytes().decode() for text in texts] == [
        append_message(frame.tobytes()) for frame in frames
    ]


@given(st.dictionaries(st.text().filter(lambda name: name != "type"), st.integers() | st.text(), max_size=5))
def test_message_holds_its_type_and_the_fields_of_the_body(fields: dict[str, object]) -> None:
    assert json.loads(client_message("response.create", json.dumps(fields))) == {
        "type": "response.create",
        **fields,
    }


@pytest.mark.parametrize("body", ["{}", " { } ", "{\n}"])
def test_empty_body_gives_the_type_alone(body: str) -> None:
    assert client_message("response.cancel", body) == '{"type":"response.cancel"}'


def test_body_is_passed_on_to_the_byte() -> None:
    body = '{"b":1.0,"a":[ 12345678901234567890 , {"я":"\\u044f"}]}'
    assert client_message("x", body) == '{"type":"x",' + body[1:]


@pytest.mark.parametrize("body", ["", "null", "[]", '"{}"', "{", "}", '{"a":1} trailing'])
def test_body_that_is_no_object_is_a_breach(body: str) -> None:
    with pytest.raises(ProtocolBreach, match=r"session\.update must be a JSON object") as caught:
        client_message("session.update", body)
    assert caught.value.code == "realtime.body"


@pytest.mark.parametrize("text", ["A", "AAA", "AA=A", "AAAA\n", "ÄAAA", "=", "A-_A"])
def test_text_that_is_not_base64_decodes_to_nothing(text: str) -> None:
    assert decode_audio(text) is None


@given(st.binary(min_size=1, max_size=200), st.sampled_from([None, 1]))
def test_audio_is_split_from_its_text_and_joins_again(pcm: bytes, indent: int | None) -> None:
    base64_text = base64.b64encode(pcm).decode()
    for fields in (
        {"type": "input_audio_buffer.append", "event_id": "e", "audio": base64_text},
        {"delta": base64_text, "item_id": "item_1", "type": "response.output_audio.delta"},
        {"type": "response.audio.delta", "delta": base64_text},
    ):
        text = json.dumps(fields, indent=indent)
        parts = split_audio(text)
        assert parts is not None
        assert parts.pcm == pcm
        assert parts.before + base64_text + parts.after == text


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"response.output_text.delta","delta":"AAAA"}',
        '{"type":"response.output_audio.delta","delta":"no base64"}',
        '{"type":"response.output_audio.delta","delta":7}',
        '{"type":"response.output_audio.delta","delta":"\\u0041AAA"}',
        '{"type":"input_audio_buffer.append"}',
        "[]",
        "no JSON",
        "\ud800",
        "[" * 100_000,
    ],
)
def test_text_without_readable_audio_is_not_split(text: str) -> None:
    assert split_audio(text) is None
