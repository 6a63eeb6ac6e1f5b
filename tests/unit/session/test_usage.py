"""Contract of session/usage.py."""

from __future__ import annotations

import json

import pytest

from voxruntime.session.usage import MAX_TEXT, Spent, read_response

USAGE = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {"text_tokens": 12, "audio_tokens": 8, "cached_tokens": 4, "image_tokens": 0},
    "output_token_details": {"text_tokens": 3, "audio_tokens": 7},
}
TOKENS = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_text_tokens": 12,
    "input_audio_tokens": 8,
    "input_cached_tokens": 4,
    "output_text_tokens": 3,
    "output_audio_tokens": 7,
}


def done(**response: object) -> str:
    return json.dumps({"type": "response.done", "response": response})


@pytest.mark.parametrize(
    ("status", "is_completed"), [("completed", True), ("cancelled", False), ("failed", False)]
)
def test_tokens_count_whatever_became_of_the_response(status: str, is_completed: bool) -> None:
    assert read_response(done(status=status, usage=USAGE)) == Spent(is_completed, TOKENS)


def test_usage_without_details_has_the_totals() -> None:
    usage = {"total_tokens": 3, "input_tokens": 2, "output_tokens": 1, "input_token_details": None}
    spent = read_response(done(status="completed", usage=usage))
    assert spent is not None
    assert {name: count for name, count in spent.tokens.items() if count} == {
        "total_tokens": 3,
        "input_tokens": 2,
        "output_tokens": 1,
    }


def test_response_without_usage_spent_nothing() -> None:
    assert read_response(done(status="completed", usage=None)) == Spent(True, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"response": 5}',
        done(usage={"total_tokens": "many"}),
        " " * MAX_TEXT + done(status="completed"),
    ],
)
def test_what_cannot_be_read_is_none(text: str) -> None:
    assert read_response(text) is None
