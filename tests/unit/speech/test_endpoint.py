"""Contract of speech/endpoint.py."""

from __future__ import annotations

import sys

import pytest

from speech_extra import speech_extra
from voxruntime.errors import ConfigError
from voxruntime.speech.availability import INSTALL, PARTS
from voxruntime.speech.endpoint import DEFAULT_MODEL, KEY_NAME, choose_endpoint
from voxruntime.speech.messages import Endpoint

__all__ = ["speech_extra"]

URL = "https://example.test:8443/v1/audio/transcriptions"


def refusal(url: str, key: str = "", speech: bool | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        choose_endpoint(url, DEFAULT_MODEL, key, speech=speech)
    return refused.value


@pytest.mark.parametrize("speech", [None, False, True])
def test_without_a_url_there_is_none(speech: bool | None) -> None:
    assert choose_endpoint("", DEFAULT_MODEL, "key", speech=speech) is None


@pytest.mark.usefixtures("speech_extra")
@pytest.mark.parametrize("speech", [None, True])
def test_a_url_names_an_endpoint(speech: bool | None) -> None:
    assert choose_endpoint(URL, "small", "key", speech=speech) == Endpoint(URL, "small", "key")


@pytest.mark.parametrize(
    "url",
    [
        "whisper",
        "ws://127.0.0.1/v1",
        "http://",
        "http://:80/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\n",
        "https://user:password@example.test/v1",
    ],
)
def test_what_is_no_url_of_a_web_server_is_refused(url: str) -> None:
    error = refusal(url)
    assert (error.code, error.exit_code) == ("option.recognizer", 2)
    for words in ("--recognizer", "https://", KEY_NAME):
        assert words in error.message
    assert "password" not in error.message


@pytest.mark.parametrize("key", ["key\n", "ключ"])
def test_a_key_that_no_header_may_have_is_refused_and_not_shown(key: str) -> None:
    error = refusal(URL, key)
    assert KEY_NAME in error.message
    assert key.strip() not in error.message.replace("the key", "")


def test_tones_are_no_speech() -> None:
    assert "--no-speech" in refusal(URL, speech=False).message


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    for module in (module for part in PARTS for module in part.modules):
        monkeypatch.delitem(sys.modules, module, raising=False)
    error = refusal(URL)
    assert error.code == "speech.missing"
    assert INSTALL in error.message
