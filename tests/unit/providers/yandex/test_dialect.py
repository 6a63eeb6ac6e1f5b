from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.providers.interface import Blocked, ConnectFailure, HttpAnswer, Obstacle, RealtimeRequest
from voxruntime.providers.yandex import dialect
from voxruntime.providers.yandex.dialect import Target, model_uri, refused, target_of
from voxruntime.realtime.interface import Refused

KEY = "AQVN-secret-0123456789"
ADVICE = ("Check", "Try", "try", "Give", "A server", "its session")


def request(**fields: str) -> RealtimeRequest:
    return RealtimeRequest(**{"api_key": KEY, "folder_id": "b1g", **fields})


def target(**fields: str) -> Target:
    found = target_of(request(**fields))
    assert isinstance(found, Target)
    return found


def refusal(failure: ConnectFailure) -> Refused:
    return refused(failure, target(), request())


def answer(status: int, body: object = None, **headers: str) -> HttpAnswer:
    return HttpAnswer(status, headers, body if isinstance(body, str) else json.dumps(body))


# Where to


def test_address_is_yandex_with_the_model_percent_encoded() -> None:
    assert target().url == (
        "wss://ai.api.cloud.yandex.net/v1/realtime?model=gpt%3A%2F%2Fb1g%2Fspeech-realtime-250923"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://127.0.0.1:8765/v1/realtime", "ws://127.0.0.1:8765/v1/realtime?model=gpt%3A%2F%2Fb1g%2Fm"),
        ("ws://127.0.0.1:8765", "ws://127.0.0.1:8765/v1/realtime?model=gpt%3A%2F%2Fb1g%2Fm"),
        ("ws://localhost:80/", "ws://localhost/v1/realtime?model=gpt%3A%2F%2Fb1g%2Fm"),
        ("wss://host:443/a/b?x=1", "wss://host/a/b?x=1&model=gpt%3A%2F%2Fb1g%2Fm"),
        ("ws://host/p?model=other", "ws://host/p?model=other"),
        ("ws://[::1]:9/p", "ws://[::1]:9/p?model=gpt%3A%2F%2Fb1g%2Fm"),
    ],
)
def test_other_server_keeps_its_address_and_gets_the_model(url: str, expected: str) -> None:
    assert target(url=url, model="m").url == expected


@pytest.mark.parametrize(
    ("model", "uri"),
    [
        ("", "gpt://b1g/speech-realtime-250923"),
        ("speech-realtime-260528", "gpt://b1g/speech-realtime-260528"),
        ("gpt://other/model/latest", "gpt://other/model/latest"),
    ],
)
def test_model_is_a_name_in_the_folder_or_a_whole_uri(model: str, uri: str) -> None:
    assert model_uri(request(model=model)) == uri


@pytest.mark.parametrize(
    ("key", "scheme"), [(KEY, "Api-Key"), ("t1.9euelZ", "Bearer"), (" key \n", "Api-Key")]
)
def test_key_is_sent_in_the_scheme_of_its_kind(key: str, scheme: str) -> None:
    assert target(api_key=key).headers["Authorization"] == f"{scheme} {key.strip()}"


@pytest.mark.parametrize(
    ("fields", "code", "part"),
    [
        ({"api_key": ""}, "provider.auth", "is empty"),
        ({"api_key": "  "}, "provider.auth", "is empty"),
        ({"api_key": "a\r\nX-Evil: 1"}, "provider.auth", "characters"),
        ({"api_key": "ключ"}, "provider.auth", "characters"),
        ({"api_key": "two words"}, "provider.auth", "characters"),
        ({"folder_id": " "}, "provider.bad_request", "folder"),
        ({"url": "http://host/"}, "provider.bad_request", "http://host/ is no WebSocket address"),
        ({"url": "ws://"}, "provider.bad_request", "no WebSocket address"),
        ({"url": "ws://host:99999/"}, "provider.bad_request", "no WebSocket address"),
        ({"url": "ws://host/#part"}, "provider.bad_request", "no WebSocket address"),
        ({"url": "no address"}, "provider.bad_request", "no WebSocket address"),
        ({"url": "ws://me:word@host/"}, "provider.bad_request", "user name"),
    ],
)
def test_request_that_goes_nowhere_is_refused_before_any_connection(
    fields: dict[str, str], code: str, part: str
) -> None:
    found = target_of(request(**fields))
    assert isinstance(found, Refused)
    assert (found.code, found.status, found.retryable) == (code, 0, False)
    assert part in found.message
    assert "word" not in found.message.replace("two words", "")


# How it refuses


@pytest.mark.parametrize(
    ("status", "code", "retryable", "part"),
    [
        (400, "provider.bad_request", False, "folder id"),
        (401, "provider.auth", False, "YANDEX_API_KEY"),
        (403, "provider.auth", False, "ai.models.user"),
        (404, "provider.not_websocket", False, "/v1/realtime"),
        (426, "provider.not_websocket", False, "/v1/realtime"),
        (408, "provider.unavailable", True, "later"),
        (429, "provider.rate_limited", True, "10 sessions"),
        (500, "provider.unavailable", True, "later"),
        (503, "provider.unavailable", True, "later"),
        (599, "provider.unavailable", True, "later"),
        (418, "provider.bad_request", False, "model"),
        (200, "provider.not_websocket", False, "/v1/realtime"),
        (302, "provider.not_websocket", False, "/v1/realtime"),
    ],
)
def test_status_says_what_to_do_and_whether_to_try_again(
    status: int, code: str, retryable: bool, part: str
) -> None:
    found = refusal(answer(status, {}, Server="x"))
    assert (found.code, found.status, found.retryable) == (code, status, retryable)
    assert (found.headers, found.body) == ({"Server": "x"}, "{}")
    assert part in found.message
    assert f"(HTTP {status})" in found.message


@pytest.mark.parametrize("obstacle", Obstacle)
def test_every_obstacle_has_a_code_a_place_and_advice(obstacle: Obstacle) -> None:
    found = refusal(Blocked(obstacle, "The detail. Check it."))
    assert found.code.startswith("provider.")
    assert "wss://ai.api.cloud.yandex.net" in found.message
    assert any(word in found.message for word in ADVICE)
    assert (found.status, found.headers, found.body) == (0, {}, "")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "Bad\n  key.", "code": 16}}, '"Bad key"'),
        ({"error": "bad key"}, '"bad key"'),
        ({"message": "bad key", "details": []}, '"bad key"'),
        ({"error": {"message": "x" * 500}}, '"' + "x" * 200 + '…"'),
    ],
)
def test_words_of_the_provider_are_quoted(body: object, words: str) -> None:
    assert f"It says: {words}." in refusal(answer(401, body)).message


@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", '{"error":7}', '{"error":{"message":7}}', "[" * 100_000]
)
def test_body_without_words_is_not_quoted(body: str) -> None:
    assert "It says" not in refusal(answer(401, body)).message


def test_long_body_is_cut() -> None:
    assert len(refusal(answer(500, "x" * 100_000)).body) == 16_384


@given(st.text(max_size=50), st.integers(100, 599))
def test_any_body_gives_a_refusal(body: str, status: int) -> None:
    assert refusal(answer(status, body)).status == status


def test_key_is_masked_wherever_the_provider_repeats_it() -> None:
    body = {"error": {"message": f"Key {KEY} is unknown"}}
    found = refusal(answer(401, body, **{"X-Echo": f"Api-Key {KEY}"}))
    assert KEY not in repr(found)
    assert "Key secret:api_key is unknown" in found.message


def test_no_repr_holds_the_key() -> None:
    assert KEY not in repr(request())
    assert KEY not in repr(target())


def test_capabilities_name_what_yandex_takes() -> None:
    assert "input_audio_buffer.append" in dialect.CAPABILITIES.client_types
    assert "input_audio_buffer.clear" not in dialect.CAPABILITIES.client_types
