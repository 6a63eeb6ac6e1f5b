"""Contract of speech/engines/transcription.py: real requests to a server on the loopback."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from transcription_stand import Answer, endpoint, text
from voxruntime.speech.engines import transcription
from voxruntime.speech.engines.transcription import MAX_ANSWER_BYTES, transcribe
from voxruntime.speech.interface import Heard, SpeechUnavailable
from voxruntime.speech.messages import Endpoint

pytest.importorskip("httpx")

KEY = "key-4711"
TONE = (np.sin(np.arange(8000) * 0.3) * 8000).astype(np.int16)


def hear(url: str, *, key: str = KEY, language: str = "en-US") -> Heard:
    return transcribe(Endpoint(url, "small", key), TONE, 8000, ["hello", "good bye"], language)


def refused(url: str) -> str:
    with pytest.raises(SpeechUnavailable) as caught:
        hear(url)
    assert KEY not in caught.value.reason
    return caught.value.reason


def test_the_utterance_is_sent_as_a_wav_file_with_the_documented_fields() -> None:
    with endpoint(text("hello")) as server:
        hear(server.url, language="ru-RU")
        (asked,) = server.asked
    assert asked.path == "/v1/audio/transcriptions"
    assert asked.authorization == f"Bearer {KEY}"
    assert asked.fields == {"model": "small", "language": "ru", "response_format": "json"}
    assert asked.filename == "utterance.wav"
    assert (asked.channels, asked.width, asked.rate) == (1, 2, 16000)
    sent = np.frombuffer(asked.frames, "<i2")
    assert len(sent) == 16000
    assert np.abs(sent).max() > 7000


def test_without_a_key_no_credential_is_sent() -> None:
    with endpoint(text("hello")) as server:
        hear(server.url, key="")
        assert server.asked[0].authorization is None


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (" Good, bye!\n", Heard("good bye", 1.0, True)),
        ("I would like\na pizza.", Heard("I would like a pizza.", 1.0, False)),
        ("  ", Heard("", 0.0, False)),
    ],
)
def test_a_phrase_is_told_as_it_was_offered_and_other_words_as_they_are(said: str, heard: Heard) -> None:
    with endpoint(text(said)) as server:
        assert hear(server.url) == heard


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "TRANSCRIPTION_API_KEY"),
        (404, "--recognizer-model"),
        (422, "check the URL"),
        (429, "limit"),
        (500, "its own log"),
    ],
)
def test_a_refusal_names_url_status_what_was_said_and_what_to_do(status: int, advice: str) -> None:
    with endpoint(Answer(f"no {KEY} here".encode(), status)) as server:
        reason = refused(server.url + "?code=secret")
        assert server.url in reason
    assert f"status {status} (no *** here)" in reason
    assert advice in reason
    assert "code=secret" not in reason


def test_a_redirection_is_not_followed_with_the_key() -> None:
    with endpoint(text("hello")) as other, endpoint(Answer(b"", 307, {"Location": other.url})) as server:
        assert "status 307" in refused(server.url)
        assert other.asked == []


@pytest.mark.parametrize("body", [b"", b"hello", b"\xff", b"[]", b'{"text": null}', b'{"words": "x"}'])
def test_an_answer_without_a_text_is_told(body: bytes) -> None:
    with endpoint(Answer(body)) as server:
        assert '{"text": …}' in refused(server.url)


def test_an_endless_answer_is_given_up() -> None:
    with endpoint(Answer(b" " * (MAX_ANSWER_BYTES + 1))) as server:
        assert f"more than {MAX_ANSWER_BYTES}" in refused(server.url)


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    reason = refused(f"http://127.0.0.1:{port}/v1")
    assert f"http://127.0.0.1:{port}/v1 cannot be reached" in reason


def test_a_server_that_does_not_answer_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcription, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "took longer than" in refused(f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
